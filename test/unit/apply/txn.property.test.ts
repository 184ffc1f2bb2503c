/** Random transactions, nested ones too, against a model that keeps every version of the key space in an array. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  compare,
  del,
  type Kv,
  Lab,
  nested,
  type OpAnswer,
  type OpFields,
  put,
  range,
  type TxnAnswer,
  type TxnFields,
} from "./apply-lab.ts";

type Target = "version" | "create" | "mod" | "value";
type Sign = "=" | "!=" | ">" | "<";

interface Cmp {
  readonly target: Target;
  readonly key: string;
  readonly end: string;
  readonly sign: Sign;
  readonly operand: number;
  readonly value: string;
}

type Op =
  | {
      readonly op: "range";
      readonly key: string;
      readonly end: string;
      readonly limit: number;
      readonly back: number;
    }
  | {
      readonly op: "put";
      readonly key: string;
      readonly value: string;
      readonly prev: boolean;
      readonly keep: boolean;
    }
  | { readonly op: "delete"; readonly key: string; readonly end: string; readonly prev: boolean }
  | { readonly op: "txn"; readonly txn: Txn };

interface Txn {
  readonly compare: readonly Cmp[];
  readonly success: readonly Op[];
  readonly failure: readonly Op[];
}

const names = ["a", "ab", "b", "c"];
const key = fc.constantFrom(...names);
const end = fc.constantFrom("", "", "b", "bb", "z", "\0");
const cmp: fc.Arbitrary<Cmp> = fc.record({
  target: fc.constantFrom<Target[]>("version", "create", "mod", "value"),
  key,
  end,
  sign: fc.constantFrom<Sign[]>("=", "!=", ">", "<"),
  operand: fc.nat(6),
  value: fc.constantFrom("", "x", "y"),
});
const plainOp: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ op: fc.constant("range" as const), key, end, limit: fc.nat(3), back: fc.nat(3) }),
  fc.record({
    op: fc.constant("put" as const),
    key,
    value: fc.constantFrom("", "x", "y"),
    prev: fc.boolean(),
    keep: fc.nat(9).map((n) => n === 0),
  }),
  fc.record({ op: fc.constant("delete" as const), key, end, prev: fc.boolean() }),
);

function txnOf(depth: number): fc.Arbitrary<Txn> {
  const op: fc.Arbitrary<Op> =
    depth === 0
      ? plainOp
      : fc.oneof(
          { weight: 4, arbitrary: plainOp },
          {
            weight: 1,
            arbitrary: txnOf(depth - 1).map((txn): Op => ({ op: "txn", txn })),
          },
        );
  const ops = fc.array(op, { maxLength: 4 });
  return fc.record({ compare: fc.array(cmp, { maxLength: 2 }), success: ops, failure: ops });
}

const isIn = (name: string, from: string, to: string): boolean =>
  to === "" ? name === from : name >= from && (to === "\0" || name < to);

class Model {
  /** versions[r] is the key space at revision r; 0 is never read. */
  private readonly versions: ReadonlyMap<string, Kv>[] = [new Map(), new Map()];
  private open: Map<string, Kv> | undefined;

  get revision(): number {
    return this.versions.length - 1;
  }

  txn(txn: Txn, revisionOf: (back: number) => number): TxnAnswer | string {
    const path: boolean[] = [];
    this.decide(txn, path);
    const error = this.check(txn, [...path], revisionOf);
    if (error !== undefined) return error;
    const answer = this.execute(txn, path, revisionOf);
    if (this.open !== undefined) this.versions.push(this.open);
    this.open = undefined;
    return { ...answer, revision: this.revision };
  }

  private get now(): ReadonlyMap<string, Kv> {
    return this.open ?? (this.versions.at(-1) as ReadonlyMap<string, Kv>);
  }

  /** The revision that an operation of the open transaction sees. */
  private get seen(): number {
    return this.revision + (this.open === undefined ? 0 : 1);
  }

  private find(space: ReadonlyMap<string, Kv>, from: string, to: string): Kv[] {
    return names.flatMap((name) => {
      const found = space.get(name);
      return found !== undefined && isIn(name, from, to) ? [found] : [];
    });
  }

  private holds({ target, key: from, end: to, sign, operand, value }: Cmp): boolean {
    const found = this.find(this.now, from, to);
    if (found.length === 0 && target === "value") return false;
    const zero = { key: "", value: "", create: 0, mod: 0, version: 0, lease: 0 };
    return (found.length === 0 ? [zero] : found).every((one) => {
      const [left, right] = target === "value" ? [one.value, value] : [one[target], operand];
      if (sign === "=") return left === right;
      if (sign === "!=") return left !== right;
      return sign === ">" ? left > right : left < right;
    });
  }

  /** Appends the outcome of every compare on the way, outermost first. */
  private decide(txn: Txn, path: boolean[]): void {
    const isHeld = txn.compare.every((one) => this.holds(one));
    path.push(isHeld);
    for (const op of isHeld ? txn.success : txn.failure) {
      if (op.op === "txn") this.decide(op.txn, path);
    }
  }

  private check(
    txn: Txn,
    path: boolean[],
    revisionOf: (back: number) => number,
  ): string | undefined {
    for (const op of path.shift() === true ? txn.success : txn.failure) {
      let error: string | undefined;
      if (op.op === "txn") error = this.check(op.txn, path, revisionOf);
      else if (op.op === "put" && op.keep && !this.now.has(op.key)) error = "KeyNotFound";
      else if (op.op === "range" && revisionOf(op.back) > this.revision) error = "FutureRev";
      if (error !== undefined) return error;
    }
    return undefined;
  }

  private execute(txn: Txn, path: boolean[], revisionOf: (back: number) => number): TxnAnswer {
    const succeeded = path.shift() === true;
    const ops = succeeded ? txn.success : txn.failure;
    return {
      revision: 0,
      succeeded,
      answers: ops.map((op): OpAnswer => {
        if (op.op === "txn") return { op: "txn", ...this.execute(op.txn, path, revisionOf) };
        if (op.op === "put") return this.put(op.key, op.keep ? undefined : op.value, op.prev);
        if (op.op === "delete") return this.delete(op.key, op.end, op.prev);
        const at = revisionOf(op.back);
        const space = at <= 0 ? this.now : (this.versions[at] as ReadonlyMap<string, Kv>);
        const found = this.find(space, op.key, op.end);
        const kvs = op.limit > 0 ? found.slice(0, op.limit) : found;
        const more = kvs.length < found.length;
        return { op: "range", revision: this.seen, kvs, count: found.length, more };
      }),
    };
  }

  private put(name: string, value: string | undefined, prev: boolean): OpAnswer {
    const before = this.now.get(name);
    this.open ??= new Map(this.now);
    this.open.set(name, {
      key: name,
      value: value ?? (before as Kv).value,
      create: before?.create ?? this.seen,
      mod: this.seen,
      version: (before?.version ?? 0) + 1,
      lease: 0,
    });
    return { op: "put", revision: this.seen, prev: prev ? before : undefined };
  }

  private delete(from: string, to: string, prev: boolean): OpAnswer {
    const found = this.find(this.now, from, to);
    if (found.length > 0) this.open ??= new Map(this.now);
    for (const one of found) this.open?.delete(one.key);
    const deleted = found.length;
    return { op: "delete", revision: this.seen, deleted, prev: prev ? found : [] };
  }
}

/** A put that keeps its value must not follow a delete of its key: rpc/ and the log keep that out. */
function isSafe(ops: readonly Op[]): boolean {
  const text = JSON.stringify(ops);
  return !(text.includes('"keep":true') && text.includes('"op":"delete"'));
}

function fieldsOf(txn: Txn, revisionOf: (back: number) => number): TxnFields {
  const ops = (list: readonly Op[]): OpFields[] =>
    list.map((op) => {
      if (op.op === "txn") return nested(fieldsOf(op.txn, revisionOf));
      if (op.op === "delete") return del(op.key, op.end, op.prev);
      if (op.op === "put") {
        return op.keep
          ? put(op.key, "", { ignoreValue: true, prevKv: op.prev })
          : put(op.key, op.value, { prevKv: op.prev });
      }
      const { limit, end: to } = op;
      return range(op.key, { end: to, limit, revision: revisionOf(op.back) });
    });
  return {
    compare: txn.compare.map((one) =>
      compare(
        one.target,
        `${one.key}..${one.end}`,
        one.sign,
        one.target === "value" ? one.value : one.operand,
      ),
    ),
    success: ops(txn.success),
    failure: ops(txn.failure),
  };
}

const history = fc.array(
  txnOf(2).filter((txn) => isSafe(txn.success) && isSafe(txn.failure)),
  { minLength: 1, maxLength: 12 },
);

test("random transactions answer and change what a naive model does", async () => {
  await fc.assert(
    fc.asyncProperty(history, async (txns) => {
      const lab = await Lab.open(200);
      const model = new Model();
      for (const txn of txns) {
        // 0 is the newest, 1 the current one by its number, then older, and at last one too new.
        const { revision } = model;
        const revisionOf = (back: number): number =>
          [0, revision, Math.max(1, revision - 1), revision + (revision % 3 === 0 ? 1 : 0)][back] ??
          0;
        const expected = model.txn(txn, revisionOf);
        assert.deepEqual(lab.txn(fieldsOf(txn, revisionOf)), expected);
        assert.equal(lab.store.currentRevision, model.revision);
      }
    }),
    { numRuns: 400 },
  );
});

/** Everything that is appended to the lab's backend from now on, as text. */
function recordsOf(lab: Lab): string[] {
  const records: string[] = [];
  const append = lab.backend.append.bind(lab.backend);
  lab.backend.append = (main, sub, kind, bytes, start, end) => {
    const hex = Buffer.from(bytes.subarray(start, end)).toString("hex");
    records.push(`${main}.${sub} ${kind} ${hex}`);
    append(main, sub, kind, bytes, start, end);
  };
  return records;
}

/** All pairs as a request reads them that came in between. */
function seenOf({ store }: Lab): string[] {
  const seen: string[] = [];
  const [from, to] = [Buffer.from([0]), Buffer.from([0])];
  const query = { key: from, rangeEnd: to, revision: 0, limit: 0, countOnly: false };
  const cursor = store.openRange(query);
  assert.ok(cursor.kind === "ok");
  while (
    cursor.read(2, (bytes, start, end) =>
      seen.push(Buffer.from(bytes.subarray(start, end)).toString("hex")),
    )
  );
  while (cursor.countSome(1));
  assert.equal(cursor.count, seen.length);
  cursor.close();
  return [...seen, `revision ${store.currentRevision}`];
}

test("transactions in slices answer and store the same, and nobody sees, commits or compacts half of one", async () => {
  let pauses = 0;
  await fc.assert(
    fc.asyncProperty(history, fc.integer({ min: 1, max: 3 }), async (txns, sliceKeys) => {
      const whole = await Lab.open(200);
      const sliced = await Lab.open(200, sliceKeys);
      const [wholeRecords, slicedRecords] = [recordsOf(whole), recordsOf(sliced)];
      for (const lab of [whole, sliced])
        for (const name of [...names, "bb", "c1", "c2"]) lab.put(name, "x");
      for (const txn of txns) {
        const { currentRevision } = whole.store;
        const fields = fieldsOf(txn, (back) =>
          Math.max(0, back === 0 ? 0 : currentRevision - back),
        );
        const before = seenOf(sliced);
        sliced.betweenSlices = () => {
          pauses += 1;
          assert.deepEqual(seenOf(sliced), before);
          assert.equal(sliced.store.isWriting, true);
          assert.equal(sliced.store.compactSlice(10), false);
          assert.throws(() => sliced.store.beforeCommit(), /inside a transaction/);
        };
        assert.deepEqual(sliced.txn(fields), whole.txn(fields));
        assert.equal(sliced.store.isWriting, false);
        assert.deepEqual(seenOf(sliced), seenOf(whole));
      }
      assert.deepEqual(slicedRecords, wholeRecords);
      assert.equal(sliced.store.keyCount, whole.store.keyCount);
    }),
    { numRuns: 200 },
  );
  assert.ok(pauses > 100, `${pauses}`);
});
