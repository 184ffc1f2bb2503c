import assert from "node:assert/strict";
import { test } from "node:test";

import { openEnd, type Watcher } from "../../../../node/mvcc/watch/watcher.ts";
import { type ModelEvent, TestSink, WatchModel } from "./watch-model.ts";

const mains = (sink: TestSink, watcher: Watcher): number[] =>
  (sink.got.get(watcher) ?? []).map((event) => event.main);

test("a watcher without a start sees what is written after it, and nothing of the same turn before it", async () => {
  const model = await WatchModel.open();
  const sink = new TestSink();
  model.write(["a", "before"]);
  const watcher = model.watch(sink, "a");
  model.write(["a", "1"]);
  model.write(["b", "other"]);
  model.write(["a", "2"]);
  model.settle();
  assert.deepEqual(mains(sink, watcher), [3, 5]);
});

test("a start in the past is caught up, and goes on with what is new", async () => {
  const model = await WatchModel.open();
  const sink = new TestSink();
  for (let count = 0; count < 5000; count++) model.write([`k${count % 3}`, `${count}`]);
  const watcher = model.watch(sink, "k1", undefined, { start: 2 });
  model.write(["k1", "new"]);
  model.settle();
  model.write(["k1", "newer"]);
  model.settle();
  assert.deepEqual(sink.got.get(watcher), model.expected(watcher, 2));
});

test("a watcher of a revision to come sees nothing before it", async () => {
  const model = await WatchModel.open();
  const sink = new TestSink();
  const watcher = model.watch(sink, "a", undefined, { start: 5 });
  assert.equal(watcher.state, "future");
  assert.equal(model.hub.isSynced(watcher), false);
  for (let count = 0; count < 6; count++) {
    model.write(["a", `${count}`]);
    model.settle();
  }
  assert.deepEqual(mains(sink, watcher), [5, 6, 7]);
});

test("a start at the compacted revision is served, one before it ends with that revision", async () => {
  const model = await WatchModel.open();
  const sink = new TestSink();
  for (let count = 0; count < 9; count++) model.write(["a", `${count}`]);
  model.compact(6);
  const at = model.watch(sink, "a", undefined, { start: 6 });
  const before = model.watch(sink, "a", undefined, { start: 5 });
  model.settle();
  assert.deepEqual(mains(sink, at), [6, 7, 8, 9, 10]);
  assert.equal(sink.compactedAt.get(before), 6);
  assert.equal(before.state, "closed");
  assert.equal(sink.got.has(before), false);
});

test("a compaction during the catch-up ends the watchers that it overtakes, without a gap before", async () => {
  const model = await WatchModel.open();
  const sink = new TestSink();
  for (let count = 0; count < 6000; count++) model.write(["a", `${count}`]);
  const watcher = model.watch(sink, "a", undefined, { start: 2 });
  model.hub.step();
  const seen = mains(sink, watcher).length;
  assert.ok(seen > 0 && seen < 6000);
  model.compact(5900);
  model.settle();
  assert.equal(sink.compactedAt.get(watcher), 5900);
  assert.deepEqual(
    mains(sink, watcher),
    Array.from({ length: seen }, (_, index) => index + 2),
  );
});

test("all events of a revision come in one batch, with what was before the transaction", async () => {
  const model = await WatchModel.open();
  const sink = new TestSink();
  model.write(["a", "old"], ["b", "old"]);
  const watcher = model.watch(sink, "a", openEnd, { view: { prevKv: true } });
  model.write(["a", undefined], ["a", "new"], ["b", undefined], ["c", "first"]);
  model.settle();
  assert.equal(sink.batches, 1);
  assert.deepEqual(sink.got.get(watcher), [
    { type: "delete", key: "a", value: "", main: 3, previous: "old" },
    { type: "put", key: "a", value: "new", main: 3, previous: "old" },
    { type: "delete", key: "b", value: "", main: 3, previous: "old" },
    { type: "put", key: "c", value: "first", main: 3, previous: undefined },
  ] satisfies ModelEvent[]);
});

test("filters leave out puts or deletions", async () => {
  const model = await WatchModel.open();
  const sink = new TestSink();
  const deletes = model.watch(sink, "a", undefined, { view: { noPut: true } });
  const puts = model.watch(sink, "a", undefined, { view: { noDelete: true } });
  model.write(["a", "1"]);
  model.write(["a", undefined]);
  model.settle();
  assert.deepEqual(mains(sink, deletes), [3]);
  assert.deepEqual(mains(sink, puts), [2]);
});

test("a full sink holds up only its own watchers, and gets everything when it takes more", async () => {
  const model = await WatchModel.open();
  const slow = new TestSink();
  const fast = new TestSink();
  const late = model.watch(slow, "a", openEnd);
  const early = model.watch(fast, "a", openEnd);
  slow.room = 2;
  for (let count = 0; count < 50; count++) {
    model.write([`a${count % 4}`, `${count}`]);
    model.settle();
  }
  assert.equal(mains(fast, early).length, 50);
  assert.equal(mains(slow, late).length, 2);
  assert.equal(model.hub.slowCount, 1);
  assert.equal(model.hub.isSynced(late), false);
  slow.room = Infinity;
  model.hub.resume(slow);
  model.settle();
  assert.deepEqual(slow.got.get(late), model.expected(late, 2));
  assert.equal(model.hub.slowCount, 0);
  assert.equal(model.hub.isSynced(late), true);
});

test("a removed watcher gets nothing any more, whatever it was doing", async () => {
  const model = await WatchModel.open();
  const sink = new TestSink();
  for (let count = 0; count < 3000; count++) model.write(["a", `${count}`]);
  const synced = model.watch(sink, "a");
  const behind = model.watch(sink, "a", undefined, { start: 2 });
  const future = model.watch(sink, "a", undefined, { start: 9000 });
  model.hub.step();
  const full = new TestSink();
  full.room = 0;
  const stalled = model.watch(full, "a");
  model.write(["a", "x"]);
  model.hub.flush();
  const had = mains(sink, behind).length;
  const news = mains(sink, synced).length;
  for (const watcher of [synced, behind, future, stalled]) model.hub.remove(watcher);
  full.room = Infinity;
  model.hub.resume(full);
  model.write(["a", "y"]);
  model.settle();
  assert.equal(mains(sink, behind).length, had);
  assert.equal(mains(sink, synced).length, news);
  assert.equal(full.got.size, 0);
  assert.equal(model.hub.watcherCount, 0);
});

test("over a replaced history watchers miss nothing and get nothing twice", async () => {
  const model = await WatchModel.open();
  const other = await WatchModel.open();
  const sink = new TestSink();
  const synced = model.watch(sink, "a", openEnd);
  const script = Array.from({ length: 20 }, (_, count) => [`a${count % 3}`, `${count}`] as const);
  for (const op of script) other.write(op);
  for (const op of script.slice(0, 8)) {
    model.write(op);
    model.settle();
  }
  // Two more that nobody was told of yet.
  for (const op of script.slice(8, 10)) model.write(op);
  model.hub.replaceHistory(other.store);
  while (model.hub.step());
  assert.deepEqual(sink.got.get(synced), other.expected(synced, 2));
});
