/** The writer of databases: what it owes its source, its readers and the memory of the sender. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type BucketName, recordKind } from "../../../node/backend/backend.ts";
import { Database } from "../../../node/backend/bbolt/database.ts";
import { PageCounter, PageWriter } from "../../../node/backend/bbolt/pages.ts";
import type { StateSource } from "../../../node/backend/bbolt/state-source.ts";
import { encodeState } from "../../../node/backend/bbolt/state-writer.ts";
import { TreeWriter } from "../../../node/backend/bbolt/tree-writer.ts";
import type { BucketEntry } from "../../../node/backend/buckets.ts";
import { LiveTotals } from "../../../node/backend/live-totals.ts";
import { fromText } from "../../../node/lib/bytes.ts";
import { at } from "../../contract/backend.ts";
import {
  anyState,
  databaseOf,
  expectedDump,
  type LabRecord,
  type LabState,
  pagesOf,
  plain,
  sourceOf,
  stateIn,
  stored,
} from "./bbolt-lab.ts";

test("any state is read as what was written, in chunks of bounded size", () =>
  fc.assert(
    fc.asyncProperty(anyState, async (state) => {
      for await (const { length } of encodeState(sourceOf(state)))
        assert.ok(length > 0 && length <= 64 * 1024 && length % 4096 === 0);
      const read = await stateIn(await databaseOf(sourceOf(state)));
      assert.deepEqual(plain(read), plain(state));
      assert.deepEqual(read.ignored, []);
    }),
    { numRuns: 20 },
  ));

const record = (main: number, text: string, sub = 0): LabRecord => ({
  main,
  sub,
  kind: recordKind.put,
  value: fromText(text),
});

const someState = (count: number): LabState => ({
  position: at(5, count + 1),
  records: Array.from({ length: count }, (_, n) => record(n + 2, `value ${n}`)),
  buckets: new Map(),
});

test("a branch never has one child, whatever the number of leaves: etcd could not take the last key from such a leaf", () => {
  const counts = new Set<number>();
  class Watched extends PageCounter {
    override branch(entries: Parameters<PageCounter["branch"]>[0], bytes: number): number {
      counts.add(entries.length);
      assert.ok(entries.length >= 2);
      return super.branch(entries, bytes);
    }
  }
  const value = new Uint8Array(3900);
  for (let leaves = 1; leaves < 500; leaves++) {
    const tree = new TreeWriter(new Watched());
    for (let n = 0; n < leaves; n++) {
      const key = fromText(`${n}`.padStart(17, "0"));
      tree.add({ flags: 0, key, bytes: value, start: 0, end: value.length });
    }
    tree.end();
  }
  assert.ok(counts.has(2) && Math.max(...counts) > 100, [...counts].join());
});

test("the sender holds one page of each level, however many there are", () => {
  let held = 0;
  class Weighed extends PageCounter {
    override leaf(entries: Parameters<PageCounter["leaf"]>[0], bytes: number): number {
      held = Math.max(held, entries.length);
      return super.leaf(entries, bytes);
    }
  }
  const pages = new Weighed();
  const tree = new TreeWriter(pages);
  const value = new Uint8Array(100);
  const key = new Uint8Array(17);
  for (let n = 0; n < 300_000; n++) {
    new DataView(key.buffer).setUint32(4, n);
    tree.add({ flags: 0, key: Uint8Array.from(key), bytes: value, start: 0, end: 100 });
  }
  const branches = (tree as unknown as { branches: { children: unknown[] }[] }).branches;
  const children = branches.reduce((sum, { children: { length } }) => sum + length, 0);
  assert.ok(branches.length === 2 && children < 250 && held < 40, `${children} ${held}`);
  assert.ok(pages.next > 9000);
});

const twoFaced = (first: LabState, second: LabState): StateSource => {
  let readings = 0;
  return {
    ...sourceOf(first),
    records: () => sourceOf(readings++ === 0 ? first : second).records(),
  };
};

test("a source that is not the same the second time is told as damaged", async () => {
  const before = someState(2000);
  const after = { ...before, records: before.records.slice(0, 1990).concat(record(2001, "x")) };
  const longer = {
    ...before,
    records: [...before.records.slice(0, -1), record(2001, "y".repeat(9000))],
  };
  for (const second of [after, longer, { ...before, records: [record(2001, "x")] }])
    await assert.rejects(databaseOf(twoFaced(before, second)), {
      name: "CorruptionError",
      message: /read twice and was not the same/,
    });
});

test("a record with a bad sum, and records that are not those of the seal, end the writing", async () => {
  const state = someState(500);
  const source = sourceOf(state);
  const rotten = state.records.map(stored);
  const value = rotten[400]?.value as Uint8Array;
  value[5] = (value[5] as number) ^ 4;
  async function* records() {
    yield rotten;
  }
  await assert.rejects(databaseOf({ ...source, records }), {
    name: "CorruptionError",
    message: /revision 402\/0: its value has a bad checksum/,
  });
  const live = new LiveTotals();
  for (const { main, sub } of state.records) live.add(main, sub);
  await databaseOf({ ...source, live });
  live.remove(7, 0);
  live.add(2000, 0);
  await assert.rejects(databaseOf({ ...source, live }), {
    message: /not the 500 that were sealed/,
  });
});

test("a state whose revision nobody could tell from its records is a bug", async () => {
  const state = someState(10);
  await assert.rejects(databaseOf(sourceOf({ ...state, position: at(5, 12) })), {
    name: "AssertionError",
  });
  await assert.rejects(databaseOf(sourceOf({ ...state, position: at(5, 10) })), {
    name: "AssertionError",
  });
  const compacted = expectedDump({ ...state, records: [record(12, "")] })["key"]?.[0]?.key ?? "";
  const entry = { key: fromText("scheduledCompactRev"), value: Buffer.from(compacted, "hex") };
  const buckets = new Map<BucketName, BucketEntry[]>([["meta", [entry]]]);
  const read = await stateIn(
    await databaseOf(sourceOf({ ...state, position: at(5, 12), buckets })),
  );
  assert.deepEqual(read.position, at(5, 12));
});

test("an empty key is a bug: no bbolt database can hold it", async () => {
  const buckets = new Map<BucketName, BucketEntry[]>([
    ["auth", [{ key: new Uint8Array(0), value: fromText("v") }]],
  ]);
  await assert.rejects(databaseOf(sourceOf({ ...someState(1), buckets })), {
    name: "AssertionError",
  });
});

const storageVersionOf = async (
  cluster: Readonly<Record<string, string>>,
): Promise<string | undefined> => {
  const entries = Object.entries(cluster).map(([key, value]) => ({
    key: fromText(key),
    value: fromText(value),
  }));
  const stale = { key: fromText("storageVersion"), value: fromText("3.5.0") };
  const buckets = new Map<BucketName, typeof entries>([
    ["cluster", entries],
    ["meta", [stale]],
  ]);
  const database = await Database.open(
    pagesOf(await databaseOf(sourceOf({ ...someState(1), buckets }))),
  );
  const meta = (await database.buckets()).get("meta") as number;
  for await (const page of database.leaves(meta))
    for (let index = 0; index < page.count; index++) {
      page.select(index);
      if (page.key().toString() === "storageVersion") return page.value().toString();
    }
  return undefined;
};

test("the storage version is the cluster's, or the one that it is going back to; etcd before 3.6 knew none", async () => {
  assert.equal(await storageVersionOf({ clusterVersion: "3.7.0" }), "3.7.0");
  assert.equal(await storageVersionOf({ clusterVersion: "3.6.0" }), "3.6.0");
  assert.equal(await storageVersionOf({ clusterVersion: "3.5.0" }), undefined);
  assert.equal(await storageVersionOf({}), undefined);
  const going = (enabled: boolean): Record<string, string> => ({
    clusterVersion: "3.7.0",
    downgrade: JSON.stringify({ "target-version": "3.6.0", enabled }),
  });
  assert.equal(await storageVersionOf(going(true)), "3.6.0");
  assert.equal(await storageVersionOf(going(false)), "3.7.0");
  assert.equal(await storageVersionOf({ clusterVersion: "3.7.0", downgrade: "{" }), "3.7.0");
});

test("chunks that were handed over stay as they are", async () => {
  const writer = new PageWriter();
  const entries = [{ flags: 0, key: fromText("k"), bytes: fromText("v"), start: 0, end: 1 }];
  for (let n = 0; n < 16; n++) writer.leaf(entries, 34);
  writer.leaf(entries, 34);
  const [first] = writer.take();
  assert.ok(first !== undefined);
  const copy = Buffer.from(first);
  for (let n = 0; n < 40; n++) writer.leaf(entries, 34);
  assert.deepEqual(Buffer.from(first), copy);
});
