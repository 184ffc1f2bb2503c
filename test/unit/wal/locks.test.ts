/** Who may write into a log: locks on its segments, what is released and removed, what an interrupted run left. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Logger, Timers } from "../../../node/lib/ports.ts";
import type { LogIndex } from "../../../node/lib/units.ts";
import { Wal } from "../../../node/wal/wal.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import {
  bytesOf,
  dir,
  entry,
  hardState,
  hastyTimers,
  metadata,
  optionsFor,
  origin,
  quiet,
  save,
  saveSnapshot,
  snapshotAt,
  voter,
} from "./wal-lab.ts";

const inUse = /\/data\/member\/wal\/[0-9a-f-]+[.]wal is locked: another member works on this log/;

const segmentNames = async (fs: MemoryFs): Promise<string[]> =>
  (await fs.readDir(dir)).filter((name) => name.endsWith(".wal"));

/** Saves entries of 600 bytes up to `last`, over files of 1 KiB. */
async function fill(wal: Wal, first: number, last: number): Promise<void> {
  for (let index = first; index <= last; index++) {
    await save(wal, hardState(1, voter, index - 1), [entry(index, 1, bytesOf(600))]);
  }
}

test("a log in use is refused before anything of it is read or changed, and is free after close", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  await save(wal, hardState(1, voter, 0), [entry(1, 1, "a")]);
  fs.place(`${dir}/0.tmp`, bytesOf(10));
  await assert.rejects(Wal.open(dir, origin, optionsFor(fs)), inUse);
  assert.equal(await fs.exists(`${dir}/0.tmp`), true);
  await wal.close();
  const { wal: again } = await Wal.open(dir, origin, optionsFor(fs));
  assert.equal(await fs.exists(`${dir}/0.tmp`), false);
  await again.close();
});

test("the locks of a process die with it", async () => {
  const fs = new MemoryFs();
  await Wal.create(dir, metadata, optionsFor(fs));
  const after = fs.kill();
  const { wal } = await Wal.open(dir, origin, optionsFor(after));
  await assert.rejects(Wal.open(dir, origin, optionsFor(after)), inUse);
  await wal.close();
});

test("every file that is not released is locked, also one that was just begun", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs, { segmentBytes: 1024 }));
  await fill(wal, 1, 8);
  const names = await segmentNames(fs);
  assert.ok(names.length > 3);
  for (const name of names) assert.equal(await fs.tryLock(`${dir}/${name}`), undefined, name);
  await saveSnapshot(wal, snapshotAt(4, 1));
  wal.releaseTo(4 as LogIndex);
  await wal.purge();
  const isLocked = [];
  for (const name of names) {
    const lock = await fs.tryLock(`${dir}/${name}`);
    isLocked.push(lock === undefined);
    await lock?.release();
  }
  const kept = names.findLastIndex((name) => Number.parseInt(name.slice(17), 16) < 4);
  assert.deepEqual(
    isLocked,
    names.map((_, at) => at >= kept),
  );
  await wal.close();
});

test("a log that cannot be opened is unlocked again", async () => {
  const fs = new MemoryFs();
  await (await Wal.create(dir, metadata, optionsFor(fs))).close();
  const missing = snapshotAt(7, 7);
  for (let again = 0; again < 2; again++) {
    await assert.rejects(Wal.open(dir, missing, optionsFor(fs)), { name: "CorruptionError" });
  }
});

test("files that are released while others are being removed go too, without a complaint", async () => {
  const fs = new MemoryFs();
  const warnings: string[] = [];
  const logger: Logger = { ...quiet, warn: (message) => void warnings.push(message) };
  const options = optionsFor(fs, { segmentBytes: 1024, maxWals: 1, logger });
  const wal = await Wal.create(dir, metadata, options);
  await fill(wal, 1, 12);
  await saveSnapshot(wal, snapshotAt(12, 1));
  for (const index of [4, 8, 10, 12]) wal.releaseTo(index as LogIndex);
  await wal.purge();
  const left = await segmentNames(fs);
  assert.ok(Number.parseInt((left[1] ?? "-f").slice(17), 16) >= 12 || left.length === 1);
  assert.deepEqual(warnings, []);
  await wal.close();
});

test("the rounds every 30 s remove what was locked before", async () => {
  const fs = new MemoryFs();
  const rounds: { periodMs: number; run: () => void }[] = [];
  const timers: Timers = {
    ...hastyTimers,
    every: (periodMs, run) => {
      rounds.push({ periodMs, run });
      return { cancel: () => undefined };
    },
  };
  const warnings: string[] = [];
  const logger: Logger = { ...quiet, warn: (message) => void warnings.push(message) };
  const keeping = optionsFor(fs, { segmentBytes: 1024, maxWals: 0, timers, logger });
  const first = await Wal.create(dir, metadata, keeping);
  await fill(first, 1, 12);
  await saveSnapshot(first, snapshotAt(8, 1));
  first.releaseTo(8 as LogIndex);
  await first.close();
  const names = await segmentNames(fs);
  // The next run releases them at its start, but a tool has locked the second one in between.
  const locks = await Wal.lock(fs, dir);
  await locks.release(names[1] as string);
  const tool = await fs.tryLock(`${dir}/${names[1]}`);
  const purging = { ...keeping, maxWals: 1 };
  const { wal } = await Wal.open(dir, snapshotAt(8, 1), purging, locks);
  await wal.purge();
  assert.deepEqual(await segmentNames(fs), names.slice(1));
  assert.ok(warnings.length > 0 && warnings.every((text) => text === "failed to lock file"));
  await tool?.release();
  const round = rounds.at(-1);
  assert.equal(round?.periodMs, 30_000);
  round.run();
  await wal.purge();
  const left = await segmentNames(fs);
  assert.ok(left.length > 1 && left.length < names.length - 1, left.join());
  assert.deepEqual(left, names.slice(-left.length));
  await wal.close();
});

test("no limit keeps every file, released or not", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs, { segmentBytes: 1024, maxWals: 0 }));
  await fill(wal, 1, 12);
  const names = await segmentNames(fs);
  await saveSnapshot(wal, snapshotAt(12, 1));
  wal.releaseTo(12 as LogIndex);
  await wal.purge();
  assert.deepEqual(await segmentNames(fs), names);
  await wal.close();
});

test("two that create the same log at the same time: the second is refused", async () => {
  const fs = new MemoryFs();
  const path = `${dir}.tmp/0000000000000000-0000000000000000.wal`;
  fs.place(path, bytesOf(10));
  const other = await fs.tryLock(path);
  await assert.rejects(Wal.create(dir, metadata, optionsFor(fs)), /is locked: another member/);
  await other?.release();
  await (await Wal.create(dir, metadata, optionsFor(fs))).close();
});

test("copies that mending made are kept and told, and files being prepared are removed", async () => {
  const fs = new MemoryFs();
  await (await Wal.create(dir, metadata, optionsFor(fs))).close();
  const broken = `${dir}/0000000000000000-0000000000000000.wal.broken`;
  fs.place(broken, bytesOf(10));
  fs.place(`${dir}/1.tmp`, bytesOf(10));
  const told: unknown[] = [];
  const logger: Logger = { ...quiet, warn: (message, fields) => void told.push([message, fields]) };
  await (await Wal.open(dir, origin, optionsFor(fs, { logger }))).wal.close();
  assert.deepEqual(told, [["ignored file in WAL directory", { path: `${broken}.old` }]]);
  assert.deepEqual(
    (await fs.readDir(dir)).filter((name) => name.endsWith(".tmp")),
    [],
  );
});
