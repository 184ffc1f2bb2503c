/** txn: compares and requests from standard input, three lists that empty lines end (etcdctl ctlv3/command/txn_command.go). */
import type { Compare, Op, TxnRequest } from "../../client/kv-types.ts";
import { parseFlags, subcommand } from "../arguments.ts";
import type { Command } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import type { FlagValues } from "../flag-values.ts";
import { LineReader } from "../line-reader.ts";
import { printer } from "../printer/printer.ts";
import type { Io } from "../process-io.ts";
import { rawText } from "../raw-text.ts";
import { get, rangeOf } from "./get.ts";
import { del, deletionOf, put, putOf } from "./kv.ts";
import { parseCompare, splitWords } from "./txn-text.ts";

const invalid = (message: string): CtlError => new CtlError(exitCode.invalidInput, message);

export const txn: Command = {
  name: "txn",
  group: "Key-value",
  summary: "Runs requests as one transaction",
  details: `Runs requests as one transaction. Standard input has three lists, each ended by an empty line: compares, the requests that run
when all compares hold, and the requests that run when one does not.

  mod("key1") > "0"

  put key1 "it was there"

  put key1 "it is new"
  get --prefix key

A compare is create, mod, version, value or lease (an id in hexadecimal) of a key, then =, !=, < or >, then what it is compared with.
A request is get, put or del as on the command line.`,
  flags: [{ name: "interactive", short: "i", kind: "switch", help: "say what comes next" }],
  async run(call) {
    if (call.args.length > 0)
      throw new CtlError(exitCode.badArguments, "txn command does not accept argument");
    // Wrong flags are told before anything is read.
    call.settings();
    const isInteractive = call.flags.isOn("interactive");
    const request = await readRequest(call.io, isInteractive);
    const session = await call.connect();
    printer(call).txn(await session.ask((client, options) => client.txn(request, options)));
  },
};

async function readRequest(io: Io, isInteractive: boolean): Promise<TxnRequest> {
  const reader = new LineReader(io.input());
  const prompt = (what: string): void => {
    if (isInteractive) io.out(`${what}:\n`);
  };
  try {
    prompt("compares");
    const compare = await readList(reader, compareOf);
    prompt("success requests (get, put, del)");
    const success = await readList(reader, (line) => requestOf(line, io));
    prompt("failure requests (get, put, del)");
    const failure = await readList(reader, (line) => requestOf(line, io));
    return { compare, success, failure };
  } finally {
    await reader.close();
  }
}

async function readList<Item>(
  reader: LineReader,
  parse: (line: string) => Item | Promise<Item>,
): Promise<Item[]> {
  const items: Item[] = [];
  for (;;) {
    const bytes = await reader.next();
    if (bytes === undefined) throw invalid("EOF");
    const line = rawText(bytes).trim();
    if (line === "") return items;
    items.push(await parse(line));
  }
}

function compareOf(line: string): Compare {
  const parsed = parseCompare(line);
  if (typeof parsed === "string") throw invalid(parsed);
  return parsed;
}

const requests: Command = { name: "", summary: "", commands: [get, put, del] };

/** Rejects with CtlError. */
async function requestOf(line: string, io: Io): Promise<Op> {
  const words = splitWords(line);
  if (words === undefined) throw invalid("invalid syntax");
  if (words.length < 2) throw invalid(`invalid txn compare request: ${line}`);
  const { command, args, flags } = parseRequest(words, line);
  if (command === get) {
    const { key, options } = rangeOf(args, flags);
    return { type: "range", key, ...options };
  }
  if (command === del) {
    const { key, options } = await deletionOf(args, flags, io);
    return { type: "delete", key, ...options };
  }
  // Standard input is the transaction's own.
  const { key, value, options } = await putOf(args, flags, async () => new Uint8Array(0));
  return { type: "put", key, value, ...options };
}

function parseRequest(
  words: readonly string[],
  line: string,
): { command: Command; args: readonly string[]; flags: FlagValues } {
  const [word = "", ...rest] = words;
  const command = subcommand(requests, word);
  if (command === undefined) throw invalid(`invalid txn request: ${line}`);
  try {
    const { args, values } = parseFlags(rest, command.flags ?? []);
    return { command, args, flags: values };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid(`invalid txn request: ${line}`);
  }
}
