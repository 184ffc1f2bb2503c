/** put and del. */
import type { DeleteOptions, PutOptions } from "../../client/kv-types.ts";
import type { Command, Flag } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import type { FlagValues } from "../flag-values.ts";
import { parseInteger, quote } from "../go-text.ts";
import { printer } from "../printer/printer.ts";
import type { Io } from "../process-io.ts";
import { rawBytes } from "../raw-text.ts";
import { keyRange, refuseBoth } from "./key-range.ts";

const putFlags: readonly Flag[] = [
  {
    name: "lease",
    kind: "text",
    standard: "0",
    help: "id (hexadecimal) of the lease that the key hangs on",
  },
  { name: "prev-kv", kind: "switch", help: "print what was there before" },
  { name: "ignore-value", kind: "switch", help: "leave the value as it is" },
  { name: "ignore-lease", kind: "switch", help: "leave the lease as it is" },
];

export interface Put {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly options: PutOptions;
}

/** Of the command, and of a request in a transaction; `readInput` gives the value where it is no argument. Rejects with CtlError. */
export async function putOf(
  args: readonly string[],
  flags: FlagValues,
  readInput: () => Promise<Uint8Array>,
): Promise<Put> {
  const [key, argument] = args;
  const noValue = "put command needs 1 argument and input from stdin or 2 arguments";
  if (key === undefined) throw new CtlError(exitCode.badArguments, noValue);
  let value = new Uint8Array(0);
  if (flags.isOn("ignore-value")) {
    if (argument !== undefined) {
      const message = "put command needs only 1 argument when 'ignore-value' is set";
      throw new CtlError(exitCode.badArguments, message);
    }
  } else if (argument === undefined) {
    value = new Uint8Array(await readInput());
    if (value.length === 0) throw new CtlError(exitCode.badArguments, noValue);
  } else value = new Uint8Array(rawBytes(argument));
  return {
    key: rawBytes(key),
    value,
    options: {
      lease: leaseId(flags.text("lease")),
      prevKv: flags.isOn("prev-kv"),
      ignoreValue: flags.isOn("ignore-value"),
      ignoreLease: flags.isOn("ignore-lease"),
    },
  };
}

/** Throws CtlError. */
function leaseId(text: string): bigint {
  try {
    return parseInteger(text, 16);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message = `bad lease ID (${error.message}), expecting ID in Hex`;
    throw new CtlError(exitCode.badArguments, message);
  }
}

async function readAll(io: Io): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of io.input()) pieces.push(piece);
  return Buffer.concat(pieces);
}

export const put: Command = {
  name: "put",
  group: "Key-value",
  summary: "Writes a key",
  usage: "<key> [value]",
  details:
    "Writes a key. Where no value is given it is read from standard input, to its end.\nA key or value that begins with - stands behind --.",
  flags: putFlags,
  async run(call) {
    const { key, value, options } = await putOf(call.args, call.flags, () => readAll(call.io));
    const session = await call.connect();
    printer(call).put(
      await session.ask((client, rest) => client.put(key, value, { ...options, ...rest })),
    );
  },
};

const delFlags: readonly Flag[] = [
  { name: "prefix", kind: "switch", help: "all keys that begin with the key" },
  { name: "from-key", kind: "switch", help: "the key and all keys that sort behind it" },
  { name: "range", kind: "switch", help: "a range is meant: do not warn and wait" },
  { name: "prev-kv", kind: "switch", help: "print what was deleted" },
];

const warningMs = 2000;

export interface Deletion {
  readonly key: Uint8Array;
  readonly options: DeleteOptions;
}

/** Of the command, and of a request in a transaction; a range without --range is warned of, and waits. Rejects with CtlError. */
export async function deletionOf(
  args: readonly string[],
  flags: FlagValues,
  io: Io,
): Promise<Deletion> {
  const [first, end] = args;
  if (first === undefined || args.length > 2) {
    throw new CtlError(
      exitCode.badArguments,
      "del command needs one argument as key and an optional argument as range_end",
    );
  }
  refuseBoth(flags, "prefix", "from-key");
  const { key, rangeEnd } = keyRange(args, flags);
  if (end !== undefined && !flags.isOn("range")) {
    io.err(
      `Warning: Keys between ${quote(first)} and ${quote(end)} will be deleted. Please interrupt the command within next ${warningMs / 1000} seconds to cancel. You can provide \`--range\` flag to avoid the delay.\n`,
    );
    await io.sleep(warningMs);
  }
  return {
    key: rawBytes(key),
    options: {
      ...(rangeEnd === undefined ? {} : { rangeEnd: rawBytes(rangeEnd) }),
      ...(flags.isOn("prefix") ? { isPrefix: true } : {}),
      prevKv: flags.isOn("prev-kv"),
    },
  };
}

export const del: Command = {
  name: "del",
  group: "Key-value",
  summary: "Deletes one key or a range of keys",
  usage: "<key> [range_end]",
  details:
    "Deletes the key, or all keys from it up to range_end, which does not belong to them.\nA range is deleted after two seconds, in which the command can be interrupted, unless --range is given.",
  flags: delFlags,
  async run(call) {
    const { key, options } = await deletionOf(call.args, call.flags, call.io);
    const session = await call.connect();
    printer(call).del(
      await session.ask((client, rest) => client.delete(key, { ...options, ...rest })),
    );
  },
};
