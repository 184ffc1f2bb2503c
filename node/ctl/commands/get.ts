/** get: one key or a range of keys (etcdctl ctlv3/command/get_command.go). */
import type { Client } from "../../client/client.ts";
import type { RangeOptions, RangeResult } from "../../client/kv-types.ts";
import type { Call, Command, Flag } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import type { FlagValues } from "../flag-values.ts";
import { quote } from "../go-text.ts";
import { printer } from "../printer/printer.ts";
import { rawBytes } from "../raw-text.ts";
import { keyRange, refuseBoth } from "./key-range.ts";

const getFlags: readonly Flag[] = [
  { name: "prefix", kind: "switch", help: "all keys that begin with the key" },
  { name: "from-key", kind: "switch", help: "the key and all keys that sort behind it" },
  { name: "limit", kind: "integer", help: "at most this many keys" },
  { name: "rev", kind: "integer", help: "as the store was at this revision" },
  { name: "order", kind: "text", help: "ASCEND or DESCEND" },
  { name: "sort-by", kind: "text", help: "CREATE, KEY, MODIFY, VALUE or VERSION" },
  { name: "keys-only", kind: "switch", help: "no values" },
  { name: "count-only", kind: "switch", help: "only how many there are; needs -w fields" },
  { name: "print-value-only", kind: "switch", help: "no keys; needs -w simple" },
  {
    name: "consistency",
    kind: "text",
    standard: "l",
    help: "l: linearizable, s: serializable (what the member has, without asking the others)",
  },
  { name: "min-create-rev", kind: "integer", help: "only keys created at this revision or later" },
  { name: "max-create-rev", kind: "integer", help: "only keys created at this revision or before" },
  { name: "min-mod-rev", kind: "integer", help: "only keys written at this revision or later" },
  { name: "max-mod-rev", kind: "integer", help: "only keys written at this revision or before" },
  { name: "stream", kind: "switch", help: "fetch in chunks (RangeStream)" },
];

const orders = { ASCEND: "ascend", DESCEND: "descend", "": "none" } as const;
const targets = {
  CREATE: "create",
  KEY: "key",
  MODIFY: "mod",
  VALUE: "value",
  VERSION: "version",
  "": "key",
} as const;

export interface Range {
  readonly key: Uint8Array;
  readonly options: RangeOptions;
}

/** Of the command, and of a request in a transaction. Throws CtlError. */
export function rangeOf(args: readonly string[], flags: FlagValues): Range {
  if (args.length === 0) {
    throw new CtlError(
      exitCode.badArguments,
      "get command needs one argument as key and an optional argument as range_end",
    );
  }
  refuseBoth(flags, "prefix", "from-key");
  refuseBoth(flags, "keys-only", "count-only");
  const serializable = isSerializable(flags.text("consistency"));
  const { key, rangeEnd } = keyRange(args, flags);
  const sortOrder = choice(orders, flags.text("order"), "order");
  const sortTarget = choice(targets, flags.text("sort-by"), "target");
  return {
    key: rawBytes(key),
    options: {
      ...(rangeEnd === undefined ? {} : { rangeEnd: rawBytes(rangeEnd) }),
      ...(flags.isOn("prefix") ? { isPrefix: true } : {}),
      serializable,
      limit: flags.integer("limit"),
      revision: atLeast0(flags.integer("rev")),
      // Keys come in this order anyway; asked for by name, the server would sort first and limit then.
      sortOrder: sortTarget === "key" && sortOrder === "ascend" ? "none" : sortOrder,
      sortTarget,
      keysOnly: flags.isOn("keys-only"),
      countOnly: flags.isOn("count-only"),
      ...revisionBounds(flags),
    },
  };
}

/** Throws CtlError. */
export function isSerializable(consistency: string): boolean {
  if (consistency !== "l" && consistency !== "s") {
    throw new CtlError(exitCode.badFeature, `unknown consistency flag ${quote(consistency)}`);
  }
  return consistency === "s";
}

const atLeast0 = (value: bigint): bigint => (value > 0n ? value : 0n);

function choice<Name extends string, Value>(
  choices: Readonly<Record<Name, Value>>,
  given: string,
  what: string,
): Value {
  const name = given.toUpperCase();
  if (!Object.hasOwn(choices, name))
    throw new CtlError(exitCode.badFeature, `bad sort ${what} ${given}`);
  return choices[name as Name];
}

function revisionBounds(flags: FlagValues): RangeOptions {
  const [minCreate, maxCreate, minMod, maxMod] = [
    flags.integer("min-create-rev"),
    flags.integer("max-create-rev"),
    flags.integer("min-mod-rev"),
    flags.integer("max-mod-rev"),
  ];
  for (const [name, min, max] of [
    ["Create", minCreate, maxCreate],
    ["Mod", minMod, maxMod],
  ] as const) {
    if (max > 0n && min > max) {
      const message = `getMin${name}Rev(=${min}) > getMax${name}Rev(=${max})`;
      throw new CtlError(exitCode.badFeature, message);
    }
  }
  return {
    minCreateRevision: atLeast0(minCreate),
    maxCreateRevision: atLeast0(maxCreate),
    minModRevision: atLeast0(minMod),
    maxModRevision: atLeast0(maxMod),
  };
}

export const get: Command = {
  name: "get",
  group: "Key-value",
  summary: "Gets one key or a range of keys",
  usage: "<key> [range_end]",
  details: "Gets the key, or all keys from it up to range_end, which does not belong to them.",
  flags: getFlags,
  async run(call) {
    const range = rangeOf(call.args, call.flags);
    const session = await call.connect();
    const result = await session.ask((client, options) => {
      const all = { ...range.options, ...options };
      return call.flags.isOn("stream")
        ? collect(client, range.key, all)
        : client.range(range.key, all);
    });
    refuseFormats(call);
    printer(call).get(result, { isValueOnly: call.flags.isOn("print-value-only") });
  },
};

async function collect(
  client: Client,
  key: Uint8Array,
  options: RangeOptions & { readonly deadlineMs: number },
): Promise<RangeResult> {
  const kvs: RangeResult["kvs"][number][] = [];
  let end: Omit<RangeResult, "kvs"> | undefined;
  for await (const chunk of client.rangeStream(key, options)) {
    kvs.push(...chunk.kvs);
    end = chunk.end ?? end;
  }
  const header = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
  return { header, more: false, count: 0, ...end, kvs };
}

/** As etcdctl does, once the answer is there. */
function refuseFormats(call: Call): void {
  const { format } = call.settings();
  if (call.flags.isOn("count-only") && format !== "fields")
    throw new CtlError(exitCode.badArguments, "--count-only is only for `--write-out=fields`");
  if (call.flags.isOn("print-value-only") && format !== "simple")
    throw new CtlError(exitCode.badArguments, "print-value-only is only for `--write-out=simple`");
}
