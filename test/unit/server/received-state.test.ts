/** A start that finds a received state, or the want of one: which backend it goes on with, and what it refuses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppliedPosition, Backend } from "../../../node/backend/backend.ts";
import type { MemberBackend } from "../../../node/backend/backend-snapshot.ts";
import { MemoryDisks, MemoryHome } from "../../../node/backend/memory-home.ts";
import { logIndex, term } from "../../../node/lib/units.ts";
import { emptyConfState } from "../../../node/membership/conf-state-json.ts";
import { bootstrap } from "../../../node/server/bootstrap.ts";
import { checkLogLeadsOn, recoverReceived } from "../../../node/server/received-state.ts";
import { SnapDir } from "../../../node/snap/snap-dir.ts";
import { Wal, type WalSnapshot } from "../../../node/wal/wal.ts";
import { append, at, commit, scanAll } from "../../contract/backend.ts";
import { chunksOf } from "../../contract/snapshot.ts";
import type { MemoryFs } from "../../support/memory-fs.ts";
import {
  dir,
  entry,
  freshDisk,
  hardState,
  hastyTimers,
  metadata,
  optionsFor,
  origin,
  quiet,
  save,
} from "../wal/wal-lab.ts";

const paths = { wal: dir, snap: "/data/member/snap", backend: "/data/member/backend" };
const snapshotOf = (index: number, ofTerm: number): WalSnapshot => ({
  index: logIndex(index),
  term: term(ofTerm),
  confState: emptyConfState,
});

class Lab {
  readonly fs: MemoryFs;
  readonly disks = new MemoryDisks();
  readonly home = new MemoryHome(this.disks, { timers: hastyTimers });
  private wal: Wal | undefined;

  constructor(fs: MemoryFs) {
    this.fs = fs;
  }

  /** A log of entries 1 to `last` of term 1, and a live backend that has applied them up to `applied`. */
  static async make(last: number, applied: number): Promise<Lab> {
    const lab = new Lab(await freshDisk());
    await (await Wal.create(dir, metadata, optionsFor(lab.fs))).close();
    const wal = (await Wal.open(dir, origin, optionsFor(lab.fs))).wal;
    lab.wal = wal;
    for (let index = 1; index <= last; index++)
      await save(wal, hardState(1, 0n, Math.min(index, applied)), [entry(index, 1, `${index}`)]);
    const live = await lab.home.open();
    append(live, 2, 0, "live");
    await commit(live, at(applied, 2));
    await live.close();
    return lab;
  }

  get log(): Wal {
    assert.ok(this.wal !== undefined);
    return this.wal;
  }

  /** The whole state of `index` came in. */
  async receive(index: number): Promise<void> {
    const source = await new MemoryHome(new MemoryDisks(), { timers: hastyTimers }).open();
    append(source, 2, 0, `received ${index}`);
    await commit(source, at(index, 2, 3));
    const receiver = await this.home.receive();
    for (const chunk of await chunksOf(source.openSnapshot())) await receiver.write(chunk);
    await receiver.finish();
  }

  /** A received snapshot is in the log, with entries of its term behind it. */
  accept(index: number, entries: number, commit = index): Promise<void> {
    const behind = Array.from({ length: entries }, (_, n) => entry(index + 1 + n, 3, "behind"));
    return new Promise((resolve, reject) => {
      this.log.saveReceived(snapshotOf(index, 3), hardState(3, 0n, commit), behind, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  mark(index: number, ofTerm = 1): Promise<void> {
    return new Promise((resolve, reject) => {
      this.log.saveSnapshot(snapshotOf(index, ofTerm), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  /** The process ends; the next one begins like this. */
  async restart(): Promise<MemberBackend> {
    await this.log.close();
    return recoverReceived({
      logger: quiet,
      paths,
      walOptions: optionsFor(this.fs),
      home: this.home,
      backend: await this.home.open(),
    });
  }

  /** What a start does when it has its backend. */
  async boot(backend: Backend) {
    const newMember = {
      name: "m",
      peerUrls: [],
      clusterToken: "",
      initialCluster: new Map<string, string[]>(),
      initialClusterState: "new" as const,
    };
    const snaps = new SnapDir(paths.snap, { fs: this.fs, logger: quiet, maxSnapshots: 0 });
    const { fs } = this;
    const walOptions = optionsFor(fs);
    const booted = await bootstrap({ fs, paths, walOptions, backend, snaps, newMember });
    await booted.wal.close();
    return booted;
  }

  async check(position: AppliedPosition): Promise<void> {
    const { snapshots } = await Wal.survey(dir, optionsFor(this.fs));
    return checkLogLeadsOn({ fs: this.fs, paths }, snapshots, position.consistentIndex);
  }
}

const textIn = async (backend: Backend): Promise<string> =>
  (await scanAll(backend)).map(({ text }) => text).join();

test("without received states the backend is the live one", async () => {
  const lab = await Lab.make(10, 5);
  const backend = await lab.restart();
  assert.equal(await textIn(backend), "live");
});

test("a state that the log goes on from takes the place of the live backend, and the log is read from there", async () => {
  const lab = await Lab.make(10, 5);
  await lab.receive(20);
  await lab.accept(20, 3);
  const backend = await lab.restart();
  assert.equal(await textIn(backend), "received 20");
  assert.deepEqual(await lab.home.received(), []);
  const { storage, snapshotIndex } = await lab.boot(backend);
  assert.equal(snapshotIndex, 20);
  assert.deepEqual([storage.firstIndex, storage.lastIndex], [21, 23]);
  assert.equal(storage.initialHardState.commit, 20);
});

test("a state received over entries of another history ends those", async () => {
  const lab = await Lab.make(30, 5);
  await lab.receive(20);
  await lab.accept(20, 0);
  const { storage } = await lab.boot(await lab.restart());
  assert.deepEqual([storage.firstIndex, storage.lastIndex], [21, 20]);
  assert.equal(storage.term(logIndex(20)), 3);
});

test("a crash before the log has the snapshot, or before it is committed there, discards the received state", async () => {
  for (const isRecorded of [false, true]) {
    const lab = await Lab.make(10, 5);
    await lab.receive(20);
    // As if the hard state behind the record had been lost.
    if (isRecorded) await lab.accept(20, 0, 5);
    const backend = await lab.restart();
    assert.equal(await textIn(backend), "live");
    assert.deepEqual(await lab.home.received(), []);
    assert.equal((await lab.boot(backend)).storage.lastIndex, 10);
  }
});

test("a received state that the live backend has passed is discarded", async () => {
  const lab = await Lab.make(10, 10);
  await lab.receive(8);
  await lab.mark(8);
  const backend = await lab.restart();
  assert.equal(await textIn(backend), "live");
  assert.deepEqual(await lab.home.received(), []);
});

test("of several received states the one that the log goes on from is taken", async () => {
  const lab = await Lab.make(10, 5);
  for (const index of [15, 20, 25]) await lab.receive(index);
  await lab.accept(20, 1);
  assert.equal(await textIn(await lab.restart()), "received 20");
  assert.deepEqual(await lab.home.received(), []);
});

test("a log that goes on from a state which is not there is refused, with what to do: behind a gap, and over other entries", async () => {
  // The log ends before the snapshot, with entries behind it or without; or holds entries of another term at its index.
  for (const [last, behind] of [
    [10, 2],
    [10, 0],
    [30, 0],
    [30, 4],
  ] as const) {
    const lab = await Lab.make(last, 5);
    await lab.accept(20, behind);
    const backend = await lab.restart();
    assert.equal(await textIn(backend), "live");
    const refused = {
      name: "CorruptionError",
      message:
        /state of index 20 .* ends at index 5, and there is no .*received-20; put that directory back, or remove/,
    };
    await assert.rejects(lab.boot(backend), refused);
    await assert.rejects(lab.check(backend.committed), refused);
  }
});

test("marks of its own that the backend has not reached are no want of a state: their entries are applied again", async () => {
  const lab = await Lab.make(30, 30);
  for (const index of [10, 20]) await lab.mark(index);
  await lab.restart();
  await lab.check(at(5));
  await lab.check(at(0, 0, 0));
});

test("a received snapshot that the backend has passed is no want, whatever lies below it", async () => {
  const lab = await Lab.make(30, 5);
  await lab.accept(20, 10);
  await lab.mark(25, 3);
  await lab.restart();
  await lab.check(at(20));
  await lab.check(at(24));
  await assert.rejects(lab.check(at(19)), { name: "CorruptionError" });
});
