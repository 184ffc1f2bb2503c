import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogFields, Logger } from "../../../node/lib/ports.ts";
import { logIndex, term } from "../../../node/lib/units.ts";
import { SnapDir, snapshotName } from "../../../node/snap/snap-dir.ts";
import type { SnapshotFile } from "../../../node/snap/snapshot-file.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { confState, freshDisk, quiet, seeded, voter } from "../wal/wal-lab.ts";

const path = "/data/member/snap";

const snapshot = (index: number, atTerm = 2): SnapshotFile => ({
  index: logIndex(index),
  term: term(atTerm),
  confState: confState(voter),
  data: Buffer.from(`membership at ${index}`),
});

const dirOn = (fs: MemoryFs, maxSnapshots = 0, logger: Logger = quiet): SnapDir =>
  new SnapDir(path, { fs, logger, maxSnapshots });

async function opened(fs: MemoryFs, maxSnapshots = 0): Promise<SnapDir> {
  const snaps = dirOn(fs, maxSnapshots);
  await snaps.loadNewest([]);
  return snaps;
}

test("a file is named by term and index, and is there after a power cut", async () => {
  const fs = await freshDisk();
  await (await opened(fs)).save(snapshot(0x1f));
  const after = fs.crash(seeded(1), "nothing");
  assert.deepEqual(await after.readDir(path), ["0000000000000002-000000000000001f.snap"]);
  const found = await dirOn(after).loadNewest([snapshot(0x1f)]);
  assert.equal(found?.index, 0x1f);
  assert.deepEqual(found.confState, confState(voter));
});

test("a power cut at any step leaves a whole file or none under its name", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    let steps = seed % 12;
    const disk = await freshDisk();
    const snaps = await opened(disk);
    await snaps.save(snapshot(1));
    const held: (() => void)[] = [];
    disk.setComplete((run) => {
      if (steps-- > 0) queueMicrotask(run);
      else held.push(run);
    });
    void snaps.save(snapshot(2));
    await new Promise(setImmediate);
    const after = disk.crash(seeded(seed), "random", {});
    const warned: string[] = [];
    const logger: Logger = { ...quiet, warn: (message) => void warned.push(message) };
    const found = await dirOn(after, 0, logger).loadNewest([snapshot(1), snapshot(2)]);
    assert.ok(found?.index === 1 || found?.index === 2);
    assert.deepEqual(warned, []);
    assert.ok((await after.readDir(path)).every((name) => name.endsWith(".snap")));
  }
});

test("the newest one that the log knows is found, by term before index", async () => {
  const fs = new MemoryFs();
  const snaps = await opened(fs);
  for (const one of [snapshot(10, 2), snapshot(30, 2), snapshot(20, 3)]) await snaps.save(one);
  assert.equal((await snaps.loadNewest([snapshot(10), snapshot(30)]))?.index, 30);
  assert.equal((await snaps.loadNewest([snapshot(20, 3), snapshot(30)]))?.index, 20);
  assert.equal(await snaps.loadNewest([snapshot(30, 3)]), undefined);
  assert.equal(await snaps.loadNewest([]), undefined);
});

test("a damaged or empty file is set aside with a warning, and an older one is taken", async () => {
  const fs = new MemoryFs();
  const snaps = await opened(fs);
  for (const index of [10, 20, 30]) await snaps.save(snapshot(index));
  fs.flip(`${path}/${snapshotName(snapshot(30))}`, 20, 4);
  fs.place(`${path}/${snapshotName(snapshot(20))}`, new Uint8Array(0));
  const told: [string, LogFields | undefined][] = [];
  const logger: Logger = { ...quiet, warn: (message, fields) => void told.push([message, fields]) };
  const found = await dirOn(fs, 0, logger).loadNewest([10, 20, 30].map((at) => snapshot(at)));
  assert.equal(found?.index, 10);
  assert.deepEqual(await fs.readDir(path), [
    "0000000000000002-000000000000000a.snap",
    "0000000000000002-0000000000000014.snap.broken",
    "0000000000000002-000000000000001e.snap.broken",
  ]);
  assert.deepEqual(
    told.map(([message]) => message),
    ["renamed to a broken snap file", "renamed to a broken snap file"],
  );
  assert.equal(told[0]?.[1]?.["path"], `${path}/0000000000000002-000000000000001e.snap`);
});

test("the oldest files go, so many stay, and what is no snap file is left alone", async () => {
  const fs = new MemoryFs();
  const other = `${path}/index.checkpoint`;
  const broken = `${path}/0000000000000001-0000000000000001.snap.broken`;
  for (const one of [other, broken]) fs.place(one, Uint8Array.of(1));
  const snaps = await opened(fs, 2);
  for (const index of [1, 2, 3, 4]) await snaps.save(snapshot(index));
  const names = await fs.readDir(path);
  assert.deepEqual(
    names.filter((name) => name.endsWith(".snap")),
    [snapshotName(snapshot(3)), snapshotName(snapshot(4))],
  );
  for (const one of [other, broken]) assert.equal(await fs.exists(one), true);
  const all = dirOn(fs, 0);
  for (const index of [5, 6, 7]) await all.save(snapshot(index));
  assert.equal((await fs.readDir(path)).filter((name) => name.endsWith(".snap")).length, 5);
});

test("what an interrupted save left is removed, and is in nobody's way", async () => {
  const fs = new MemoryFs();
  const left = `${path}/${snapshotName(snapshot(9))}.tmp`;
  fs.place(left, Uint8Array.of(1));
  await dirOn(fs).save(snapshot(9));
  fs.place(left, Uint8Array.of(1));
  await dirOn(fs).loadNewest([]);
  assert.deepEqual(await fs.readDir(path), [snapshotName(snapshot(9))]);
});

test("a file that cannot be written is told with its name, and never seen", async () => {
  const fs = new MemoryFs();
  const snaps = await opened(fs);
  fs.failWith(Object.assign(new Error("no space"), { code: "ENOSPC" }));
  await assert.rejects(snaps.save(snapshot(4)), {
    name: "DiskError",
    message: /cannot write \/data\/member\/snap\/0{15}2-0{15}4[.]snap; the file system is full/,
  });
  fs.failWith(undefined);
  assert.equal(await dirOn(fs).loadNewest([snapshot(4)]), undefined);
});
