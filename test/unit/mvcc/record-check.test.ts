import assert from "node:assert/strict";
import { test } from "node:test";
import { recordKind } from "../../../node/backend/backend.ts";
import type { MemoryRecord } from "../../../node/backend/memory-disk.ts";
import { RecordEncoder, recordSeed } from "../../../node/backend/record.ts";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { revision } from "../../../node/lib/units.ts";
import { Home } from "./checkpoint-home.ts";

function write(home: Home, n: number): void {
  home.store.begin();
  home.put(Buffer.from(`key-${n % 900}`), new Uint8Array(n % 50));
  if (n % 10 === 0) home.store.deleteRange(Buffer.from(`key-${(n * 7) % 900}`), undefined);
  home.store.end();
}

/** A home that was stopped in order, opened from its checkpoint after `between` was done to its disk. */
async function reopened(between: (records: MemoryRecord[]) => void): Promise<Home> {
  const home = new Home();
  await home.open();
  for (let n = 0; n < 3000; n++) write(home, n);
  await home.stop();
  between(home.disk.records);
  await home.open();
  assert.equal(home.cameFrom, "checkpoint");
  return home;
}

test("after a start from the checkpoint all records are held against the index, and their values brought into memory", async () => {
  const home = await reopened(() => undefined);
  const { memory } = home.store;
  assert.equal(memory.valueCacheBytes, 0);
  await home.store.checkRecords();
  const { memory: warmed } = home.store;
  assert.ok(warmed.valueCacheBytes > 10_000);
});

for (const [name, index] of [
  ["the first", 0],
  ["some", 1234],
  ["the last", -1],
] as const) {
  test(`${name} record that the disk has lost is found`, async () => {
    const home = await reopened((records) => {
      records.splice(index, 1);
    });
    await assert.rejects(home.store.checkRecords(), (error) => {
      assert.ok(error instanceof CorruptionError);
      return /is missing/.test(error.message);
    });
  });
}

test("a record that another has taken the place of is found", async () => {
  const home = await reopened((records) => {
    const { main, sub } = records[78] as MemoryRecord;
    const keyValue = Buffer.from("a sound record, but not the one that was written");
    const value = new RecordEncoder().encode(
      recordSeed(main, sub),
      recordKind.put,
      keyValue,
      0,
      keyValue.length,
    );
    records[78] = { main, sub, value: Uint8Array.from(value) };
  });
  await assert.rejects(home.store.checkRecords(), CorruptionError);
});

test("writes and compactions that go on meanwhile are no damage", async () => {
  const home = new Home();
  await home.open();
  for (let n = 0; n < 6000; n++) write(home, n);
  await home.commit();
  home.store.compact(revision(4000));
  home.store.compactSlice(100);
  await home.stop();
  await home.open();
  assert.equal(home.cameFrom, "checkpoint");
  const { store } = home;
  const check = { isDone: false };
  const checking = store.checkRecords().then(() => (check.isDone = true));
  // Far ahead of what is read.
  store.compactSlice(3000);
  for (let n = 0; !check.isDone; n++) {
    write(home, n);
    await home.commit();
    store.compactSlice(300);
    if (n === 1) assert.equal(store.compact(revision(5900)), "ok");
    if (n > 2000) assert.fail("the check does not end");
  }
  await checking;
  while (!store.compactSlice(1000)) await home.commit();
  await home.commit();
  await home.checkAgainstRecords(97);
});

test("after a start from the records there is nothing to check", async () => {
  const home = new Home();
  await home.open();
  write(home, 1);
  await home.commit();
  await home.open();
  home.disk.records.splice(0, 1);
  await home.store.checkRecords();
});
