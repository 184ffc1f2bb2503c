/** The sweep against etcd's rule written down plainly: each put held against each delete. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeTxnRequest, type RequestOp } from "../../../node/proto/txn-request.ts";
import { writesTwice } from "../../../node/rpc/write-overlaps.ts";
import { del, encodeTxn, nested, type OpFields, put, range } from "../apply/apply-lab.ts";

type Op =
  | { readonly kind: "put"; readonly key: string }
  | { readonly kind: "delete"; readonly key: string; readonly end: string }
  | { readonly kind: "range" }
  | { readonly kind: "txn"; readonly success: readonly Op[]; readonly failure: readonly Op[] };

const fields = (op: Op): OpFields => {
  switch (op.kind) {
    case "put":
      return put(op.key, "");
    case "delete":
      return del(op.key, op.end);
    case "range":
      return range("a");
    case "txn":
      return nested({ success: op.success.map(fields), failure: op.failure.map(fields) });
  }
};

const decodedOps = (ops: readonly Op[]): readonly RequestOp[] => {
  const message = encodeTxn({ success: ops.map(fields) });
  return decodeTxnRequest(message, 0, message.length).success;
};

interface Plain {
  readonly puts: Set<string>;
  readonly deletes: { readonly key: string; readonly end: string }[];
}

/** checkIntervals of etcd's v3rpc/key.go, quadratic. */
function plain(ops: readonly Op[]): Plain | undefined {
  const all: Plain = { puts: new Set(), deletes: [] };
  const add = (key: string): boolean => {
    if (all.puts.has(key)) return false;
    if (all.deletes.some((one) => one.key <= key && key < one.end)) return false;
    all.puts.add(key);
    return true;
  };
  for (const op of ops)
    if (op.kind === "delete")
      all.deletes.push({ key: op.key, end: op.end === "" ? `${op.key}\0` : op.end });
  for (const op of ops) {
    if (op.kind !== "txn") continue;
    const success = plain(op.success);
    const failure = success && plain(op.failure);
    if (success === undefined || failure === undefined) return undefined;
    for (const key of new Set([...success.puts, ...failure.puts])) if (!add(key)) return undefined;
    all.deletes.push(...success.deletes, ...failure.deletes);
  }
  for (const op of ops) if (op.kind === "put" && !add(op.key)) return undefined;
  return all;
}

const key = fc.constantFrom("a", "a\xff", "b", "c", "d", "\xfe");
const { ops } = fc.letrec<{ op: Op; ops: Op[] }>((tie) => ({
  op: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 3, arbitrary: key.map((name): Op => ({ kind: "put", key: name })) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(key, fc.constantFrom("", "b", "c", "e", "\0", "\xff"))
        .map(([name, end]): Op => ({ kind: "delete", key: name, end })),
    },
    { weight: 1, arbitrary: fc.constant<Op>({ kind: "range" }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("txn" as const),
        success: tie("ops"),
        failure: tie("ops"),
      }),
    },
  ),
  ops: fc.array(tie("op"), { maxLength: 4 }),
}));

test("a branch is refused exactly when etcd refuses it, nested transactions included", () => {
  let refused = 0;
  fc.assert(
    fc.property(ops, (branch) => {
      const isRefused = plain(branch) === undefined;
      if (isRefused) refused += 1;
      assert.equal(writesTwice(decodedOps(branch)), isRefused);
    }),
    { numRuns: 2000 },
  );
  assert.ok(refused > 100, `${refused} refused`);
});

test("a hundred thousand operations that overlap in every way take no longer than they are many", () => {
  const name = (at: number): string => String(at).padStart(6, "0");
  const inner = Array.from({ length: 50 }, (_, group): Op => {
    const from = group * 2000;
    const success = Array.from({ length: 1000 }, (_, at): Op[] => [
      { kind: "delete", key: `a${name(from + at)}`, end: "b" },
      { kind: "put", key: `z${name(from + at)}` },
    ]).flat();
    return { kind: "txn", success, failure: [] };
  });
  assert.equal(writesTwice(decodedOps(inner)), false);
  const last: Op = { kind: "put", key: "aa" };
  assert.equal(writesTwice(decodedOps([...inner, last])), true);
});
