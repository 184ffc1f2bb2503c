/**
 * Requests field by field, with the numbers at which 64 bits end and worse: a real etcd and our server get the same bytes in the same
 * order, and their answers, or codes and texts, must be equal byte for byte.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import {
  compare,
  del,
  encodeDelete,
  encodePut,
  encodeRange,
  encodeTxn,
  nested,
  type OpFields,
  put,
  range,
} from "../unit/apply/apply-lab.ts";
import { ServerPair } from "./pair.ts";
import { type RawAnswer, RawClient } from "./raw-client.ts";
import { Fields } from "./wire-fields.ts";

const kv = (method: string): string => `/etcdserverpb.KV/${method}`;
const maintenance = (method: string): string => `/etcdserverpb.Maintenance/${method}`;

type Line = readonly [title: string, path: string, message: Uint8Array];

const int64s = [
  0n,
  1n,
  2n,
  5n,
  -1n,
  -2n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 2n,
  2n ** 63n - 1n,
  -(2n ** 31n),
  -(2n ** 53n) - 1n,
  -(2n ** 63n) + 1n,
  -(2n ** 63n),
];

const key = (fields: Fields): Fields => fields.text(1, "k").text(2, "l");

function sweep(title: string, path: string, message: (value: bigint) => Uint8Array): Line[] {
  return int64s.map((value) => [`${title} ${value}`, path, message(value)]);
}

const fill: Line[] = [
  ...Array.from(
    { length: 6 },
    (_, at): Line => [`put k${at}`, kv("Put"), encodePut(`k${at}`, `v${5 - at}`)],
  ),
  ["put k3 again", kv("Put"), encodePut("k3", "v0")],
  ["put k1 again", kv("Put"), encodePut("k1", "v9", { prevKv: true })],
  ["delete k5", kv("DeleteRange"), encodeDelete("k5", "", true)],
];

const ranges: Line[] = [
  ...[3, 4, 10, 11, 12, 13].flatMap((field) =>
    sweep(
      `range field ${field}:`,
      kv("Range"),
      (value) => key(new Fields()).int64(field, value).bytes,
    ),
  ),
  ...[5, 6].flatMap((field) =>
    sweep(
      `range field ${field}:`,
      kv("Range"),
      (value) => key(new Fields()).int64(field, value).bytes,
    ),
  ),
  ...[7, 8, 9].flatMap((field) =>
    sweep(
      `range flag ${field}:`,
      kv("Range"),
      (value) => key(new Fields()).int64(field, value).bytes,
    ),
  ),
  ...[0, 1, 2, 3, 4].flatMap((target) =>
    [0, 1, 2].flatMap((order) =>
      [0, 1, 2, 5, 99].map((limit): Line => {
        const options = { end: "l", order, target, limit };
        return [`range ${JSON.stringify(options)}`, kv("Range"), encodeRange("k", options)];
      }),
    ),
  ),
  [
    "range with filters and limit",
    kv("Range"),
    encodeRange("k", { end: "l", minMod: 4, limit: 2 }),
  ],
  [
    "range, keys only, by value",
    kv("Range"),
    encodeRange("k", { end: "l", keysOnly: true, target: 4 }),
  ],
  ["range of nothing", kv("Range"), encodeRange("l", { end: "k" })],
  ["range from key", kv("Range"), encodeRange("k3", { end: "\0" })],
  ["range of all", kv("Range"), encodeRange("\0", { end: "\0" })],
  ["range of an empty key", kv("Range"), encodeRange("", { end: "z" })],
  ["range, fields twice", kv("Range"), key(key(new Fields())).text(1, "k2").text(2, "").bytes],
  ["range, unknown fields", kv("Range"), key(new Fields()).int64(200, 5n).text(1000, "x").bytes],
  [
    "range, wrong wire types",
    kv("Range"),
    new Fields().text(1, "k1").text(3, "limit").int64(2, 7n).bytes,
  ],
  ["range, torn", kv("Range"), Uint8Array.of(0x0a, 5, 1)],
  [
    "range, overlong varint",
    kv("Range"),
    Uint8Array.of(0x18, ...new Array<number>(10).fill(0xff), 1),
  ],
];

const writes: Line[] = [
  ...sweep("put with lease", kv("Put"), (value) => new Fields().text(1, "p").int64(3, value).bytes),
  ...sweep(
    "put, ignore lease and lease",
    kv("Put"),
    (value) => new Fields().text(1, "k1").int64(3, value).int64(6, 1n).bytes,
  ),
  [
    "put, ignore both",
    kv("Put"),
    encodePut("k1", "", { ignoreValue: true, ignoreLease: true, prevKv: true }),
  ],
  ["put, ignore value, missing", kv("Put"), encodePut("missing", "", { ignoreValue: true })],
  ["put, ignore value, empty key", kv("Put"), encodePut("", "", { ignoreValue: true })],
  ["put, ignore value and value", kv("Put"), encodePut("k1", "v", { ignoreValue: true })],
  ["put of nothing", kv("Put"), encodePut("", "")],
  ["put of an empty message", kv("Put"), new Uint8Array(0)],
  ["put of a zero byte", kv("Put"), encodePut("\0", "")],
  ["delete of an empty message", kv("DeleteRange"), new Uint8Array(0)],
  ["delete of nothing", kv("DeleteRange"), encodeDelete("z")],
  ["delete of an inverted range", kv("DeleteRange"), encodeDelete("l", "k", true)],
  ["delete with previous", kv("DeleteRange"), encodeDelete("\0", "a", true)],
];

const many = (count: number): OpFields[] => Array.from({ length: count }, () => range("k1"));
let deep: OpFields = range("k1");
for (let depth = 0; depth < 40; depth++)
  deep = nested({ success: [deep], failure: [put("deep", "")] });

const compares: Line[] = [0, 1, 2, 3, 4, 5].flatMap((target) =>
  [4, 5, 6, 7, 8].flatMap((union) =>
    [0, 1, 2, 3, 4].flatMap((result) =>
      ["", "l", "\0"].flatMap((end) =>
        ["k1", "missing"].map((name): Line => {
          const fields = new Fields()
            .int64(1, BigInt(result))
            .int64(2, BigInt(target))
            .text(3, name);
          if (union === 7) fields.text(7, "v9");
          else fields.int64(union, 1n);
          if (end !== "") fields.text(64, end);
          return [
            `compare target ${target} union ${union} result ${result} of ${name} to ${JSON.stringify(end)}`,
            kv("Txn"),
            new Fields().message(1, fields.bytes).bytes,
          ];
        }),
      ),
    ),
  ),
);

const txns: Line[] = [
  ...[4, 5, 6, 8].flatMap((union) =>
    sweep(`compare operand ${union}:`, kv("Txn"), (value) => {
      const target = BigInt(union === 8 ? 4 : union - 4);
      const fields = new Fields().int64(1, 1n).int64(2, target).text(3, "k1").int64(union, value);
      return new Fields().message(1, fields.bytes).bytes;
    }),
  ),
  ...sweep("txn range at revision", kv("Txn"), (value) =>
    encodeTxnOp(new Fields().message(1, key(new Fields()).int64(4, value).bytes)),
  ),
  ...sweep("txn range with limit", kv("Txn"), (value) =>
    encodeTxnOp(new Fields().message(1, key(new Fields()).int64(3, value).bytes)),
  ),
  ["empty txn", kv("Txn"), new Uint8Array(0)],
  ["txn with an empty op", kv("Txn"), encodeTxn({ success: [{}] })],
  ["txn with an empty op not done", kv("Txn"), encodeTxn({ failure: [{}] })],
  ["compare without key", kv("Txn"), encodeTxn({ compare: [compare("mod", "", "=", 0)] })],
  ["128 operations", kv("Txn"), encodeTxn({ success: many(128) })],
  ["129 operations", kv("Txn"), encodeTxn({ success: many(129) })],
  ["129 operations not done", kv("Txn"), encodeTxn({ failure: many(129) })],
  [
    "129 compares",
    kv("Txn"),
    encodeTxn({ compare: Array.from({ length: 129 }, () => compare("mod", "k1", ">", 0)) }),
  ],
  [
    "nested beyond the budget",
    kv("Txn"),
    encodeTxn({ success: [...many(100), nested({ success: many(29) })] }),
  ],
  [
    "nested within the budget",
    kv("Txn"),
    encodeTxn({ success: [...many(100), nested({ success: many(27) })] }),
  ],
  ["deeply nested", kv("Txn"), encodeTxn({ success: [deep] })],
  ["two puts", kv("Txn"), encodeTxn({ success: [put("a", "1"), put("a", "2")] })],
  ["put and delete", kv("Txn"), encodeTxn({ success: [put("a", "1"), del("a", "b")] })],
  ["put and open delete", kv("Txn"), encodeTxn({ success: [put("z", "1"), del("y", "\0")] })],
  [
    "delete, then put of the same transaction",
    kv("Txn"),
    encodeTxn({ success: [del("k2", "\0", true), range("\0", { end: "\0" }), put("y", "1")] }),
  ],
  [
    "reads of its own writes",
    kv("Txn"),
    encodeTxn({
      success: [
        put("t", "1", { prevKv: true }),
        range("t"),
        del("t", "", true),
        range("t"),
        del("t"),
        put("u", ""),
      ],
    }),
  ],
  [
    "nested writes",
    kv("Txn"),
    encodeTxn({
      compare: [compare("version", "u", "=", 1)],
      success: [
        nested({
          compare: [compare("mod", "u", ">", 1)],
          success: [put("n", "1")],
          failure: [put("m", "1")],
        }),
        range("n"),
        nested({ success: [range("u", { keysOnly: true })] }),
      ],
    }),
  ],
  [
    "future revision, nothing done",
    kv("Txn"),
    encodeTxn({ success: [put("no", "1"), range("k", { revision: 9999 })] }),
  ],
  [
    "unknown lease, nothing done",
    kv("Txn"),
    encodeTxn({ success: [put("no", "1"), put("no2", "1", { lease: 5n })] }),
  ],
  [
    "missing key, nothing done",
    kv("Txn"),
    encodeTxn({ success: [put("no", "1"), put("nobody", "", { ignoreValue: true })] }),
  ],
  ["all there is", kv("Range"), encodeRange("\0", { end: "\0" })],
];

const compactions: Line[] = [
  ["hash at the newest", maintenance("HashKV"), new Uint8Array(0)],
  ...without(
    0n,
    sweep("compact", kv("Compact"), (value) => new Fields().int64(1, value).bytes),
  ),
  ...without(
    0n,
    sweep(
      "compact physically",
      kv("Compact"),
      (value) => new Fields().int64(1, value).int64(2, 1n).bytes,
    ),
  ),
  ["compact at 8", kv("Compact"), new Fields().int64(1, 8n).int64(2, 1n).bytes],
  ...sweep("range at", kv("Range"), (value) => key(new Fields()).int64(4, value).bytes),
  ...sweep("txn range at", kv("Txn"), (value) =>
    encodeTxnOp(new Fields().message(1, key(new Fields()).int64(4, value).bytes)),
  ),
  // At a revision that was compacted etcd answers, until its next start, with the hash it has kept of that compaction.
  ...[0n, 3n, 9n, 12n, ...int64s.filter((value) => value < 0n || value > 100n)].map(
    (value): Line => [
      `hash at ${value}`,
      maintenance("HashKV"),
      new Fields().int64(1, value).bytes,
    ],
  ),
  ["hash at the newest", maintenance("HashKV"), new Uint8Array(0)],
  ["hash at 9", maintenance("HashKV"), new Fields().int64(1, 9n).bytes],
];

/** A compaction at 0 is agreed to once, before any other. etcd then answers with its hash whenever the newest is asked for. */
const compactionsAtZero: Line[] = [
  ["compact at -1", kv("Compact"), new Fields().int64(1, -1n).bytes],
  ["compact at 0", kv("Compact"), new Fields().int64(1, 0n).bytes],
  ["compact at 0 again", kv("Compact"), new Fields().int64(1, 0n).int64(2, 1n).bytes],
  ["range at 0", kv("Range"), encodeRange("k")],
  ["range at 1", kv("Range"), encodeRange("k", { revision: 1 })],
  ["put", kv("Put"), encodePut("k", "v")],
  ["compact at 1", kv("Compact"), new Fields().int64(1, 1n).bytes],
  ["compact at 2", kv("Compact"), new Fields().int64(1, 2n).int64(2, 1n).bytes],
];

function without(value: bigint, lines: Line[]): Line[] {
  return lines.filter((_, at) => int64s[at] !== value);
}

function encodeTxnOp(op: Fields): Uint8Array {
  return new Fields().message(2, op.bytes).bytes;
}

/** Go's protobuf puts one of two kinds of space into its errors, by the build. */
const shown = (answer: RawAnswer): string => JSON.stringify(answer).replaceAll("\u00a0", " ");

const pairs: readonly Readonly<Record<string, readonly Line[]>>[] = [
  {
    "some keys": fill,
    Range: ranges,
    "Put and DeleteRange": writes,
    "what a compare compares": compares,
    Txn: txns,
    "Compact and HashKV": compactions,
  },
  { "a compaction at 0": compactionsAtZero },
];

for (const sections of pairs)
  describe("answers are those of etcd, byte for byte", needs("etcd"), () => {
    let pair: ServerPair;
    let clients: { readonly etcd: RawClient; readonly ours: RawClient };
    before(async () => {
      pair = await ServerPair.start();
      clients = { etcd: new RawClient(pair.etcd.address), ours: new RawClient(pair.ours.address) };
    });
    after(async () => {
      clients.etcd.close();
      clients.ours.close();
      await pair.stop();
    });
    for (const [title, lines] of Object.entries(sections)) {
      test(title, async () => {
        const differences: string[] = [];
        for (const [name, path, message] of lines) {
          const [expected, actual] = await Promise.all([
            clients.etcd.unary(path, message),
            clients.ours.unary(path, message),
          ]);
          const [left, right] = [expected, actual].map(shown);
          if (left !== right) differences.push(`${name}\n  - ${left}\n  + ${right}`);
        }
        const heading = `${differences.length} of ${lines.length} answers differ (- etcd, + ours)`;
        assert.equal(differences.length, 0, `${heading}\n\n${differences.join("\n")}`);
      });
    }
  });
