import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppliedPosition } from "../../../node/backend/backend.ts";
import { logIndex, memberId, revision, term } from "../../../node/lib/units.ts";
import { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import { type Entry, entryType, type HardState } from "../../../node/raft/types.ts";
import { Snapshotter } from "../../../node/server/snapshot.ts";
import type { SnapDir } from "../../../node/snap/snap-dir.ts";
import type { SnapshotFile } from "../../../node/snap/snapshot-file.ts";
import type { Wal, WalSnapshot } from "../../../node/wal/wal.ts";
import { emptyHardState, entryAt, me, votersOnly } from "../raft/raft-lab.ts";
import { quiet } from "../wal/wal-lab.ts";

class Lab {
  readonly events: string[] = [];
  readonly errors: Error[] = [];
  readonly storage: MemoryStorage;
  readonly snapshotter: Snapshotter;
  /** What is applied runs ahead of what the backend's disk holds. */
  appliedIndex = 0;
  voters = votersOnly(me);
  holdFrom = Infinity;
  private done: ((error: Error | null) => void) | undefined;
  private fileDone: { resolve: () => void; reject: (error: Error) => void } | undefined;

  /** `v2Index`: a ConfChangeV2 stands there. */
  constructor(lastIndex = 0, appliedIndex = 0, v2Index = 0) {
    this.appliedIndex = appliedIndex;
    const entries = Array.from({ length: 500 }, (_, at) => entryAt(at + 1, 1)).map((entry) =>
      entry.index === v2Index ? { ...entry, type: entryType.confChangeV2 } : entry,
    );
    const start = { index: logIndex(0), term: term(0), confState: votersOnly(me) };
    this.storage = new MemoryStorage(start, emptyHardState, entries);
    const wal = {
      saveSnapshot: (snapshot: WalSnapshot, done: (error: Error | null) => void) => {
        const { index, term: atTerm, confState } = snapshot;
        this.events.push(`mark ${index}/${atTerm} of ${confState?.voters.length}`);
        this.done = done;
      },
      saveReceived: (
        snapshot: WalSnapshot,
        hardState: HardState | undefined,
        entries: readonly Entry[],
        done: (error: Error | null) => void,
      ) => {
        const { index, term: atTerm } = snapshot;
        const behind = entries.map((entry) => entry.index).join();
        this.events.push(`received ${index}/${atTerm} commit ${hardState?.commit} and ${behind}`);
        this.done = done;
      },
      releaseTo: (index: number) => void this.events.push(`release ${index}`),
    };
    const snaps = {
      save: (file: SnapshotFile) => {
        this.events.push(`file ${file.index}/${file.term} of ${file.confState.voters.length}`);
        assert.match(Buffer.from(file.data).toString(), /^{"Root":{"Path":"\/"/);
        return new Promise<void>((resolve, reject) => {
          this.fileDone = { resolve, reject };
        });
      },
    };
    this.snapshotter = new Snapshotter(
      {
        id: memberId(1n),
        wal: wal as unknown as Wal,
        snaps: snaps as unknown as SnapDir,
        storage: this.storage,
        logger: quiet,
        snapshotCount: 100,
        catchupEntries: 30,
        applied: () => positionAt(this.appliedIndex),
        membership: () => ({
          members: [],
          removed: [],
          version: "3.7.0",
          confState: this.voters,
        }),
        holdFrom: () => this.holdFrom,
        onError: (error) => void this.errors.push(error),
      },
      lastIndex,
    );
  }

  /** The backend's disk is at `index`; so is the applied state, unless it was told otherwise. */
  committed(index: number): void {
    this.appliedIndex = Math.max(this.appliedIndex, index);
    this.snapshotter.committed(positionAt(index));
  }

  /** Entries up to `index` were applied. */
  applied(index: number): void {
    this.appliedIndex = index;
    this.snapshotter.applied();
  }

  async marked(error: Error | null = null): Promise<void> {
    assert.ok(this.done !== undefined, "no mark is being written");
    this.done(error);
    this.done = undefined;
    await settled();
  }

  async filed(error?: Error): Promise<void> {
    assert.ok(this.fileDone !== undefined, "no file is being written");
    if (error === undefined) this.fileDone.resolve();
    else this.fileDone.reject(error);
    this.fileDone = undefined;
    await settled();
  }

  async finish(): Promise<void> {
    await this.marked();
    await this.filed();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const positionAt = (index: number): AppliedPosition => ({
  consistentIndex: logIndex(index),
  term: term(7),
  revision: revision(1),
});

test("a mark is due after so many entries, at the applied position that the backend's disk has reached", () => {
  const lab = new Lab();
  lab.committed(99);
  assert.deepEqual(lab.events, []);
  lab.committed(130);
  assert.deepEqual(lab.events, ["mark 130/7 of 1"]);
});

test("a mark has the membership of its own index, and waits until the backend's disk has that index", async () => {
  const lab = new Lab();
  lab.appliedIndex = 130;
  lab.committed(110);
  assert.deepEqual(lab.events, []);
  lab.voters = { ...votersOnly(me), voters: [me, memberId(77n)] };
  lab.appliedIndex = 150;
  lab.committed(129);
  assert.deepEqual(lab.events, []);
  lab.committed(140);
  assert.deepEqual(lab.events, ["mark 130/7 of 1"]);
  await lab.finish();
  assert.deepEqual(lab.events.slice(1), ["file 130/7 of 1", "release 130"]);
  lab.appliedIndex = 240;
  lab.committed(240);
  assert.equal(lab.events.at(-1), "mark 240/7 of 2");
});

test("the file is written behind the log's record, and the log is released behind both", async () => {
  const lab = new Lab();
  lab.committed(130);
  assert.deepEqual(lab.events, ["mark 130/7 of 1"]);
  await lab.marked();
  assert.deepEqual(lab.events, ["mark 130/7 of 1", "file 130/7 of 1"]);
  await lab.filed();
  assert.equal(lab.events.at(-1), "release 130");
});

test("the next mark counts from the last one", async () => {
  const lab = new Lab();
  lab.committed(130);
  await lab.finish();
  lab.committed(229);
  assert.equal(lab.events.at(-1), "release 130");
  lab.committed(230);
  assert.equal(lab.events.at(-1), "mark 230/7 of 1");
});

test("one mark is written at a time", async () => {
  const lab = new Lab();
  lab.committed(100);
  lab.committed(300);
  await lab.marked();
  lab.committed(300);
  assert.deepEqual(lab.events, ["mark 100/7 of 1", "file 100/7 of 1"]);
  await lab.filed();
  lab.committed(300);
  assert.equal(lab.events.at(-1), "mark 300/7 of 1");
});

test("after a restart the count goes on from the mark that was found", () => {
  const lab = new Lab(200);
  lab.committed(299);
  assert.deepEqual(lab.events, []);
  lab.committed(300);
  assert.deepEqual(lab.events, ["mark 300/7 of 1"]);
});

test("memory keeps the catch-up entries behind what is applied, whatever the disk has", () => {
  const lab = new Lab();
  lab.applied(20);
  assert.equal(lab.storage.firstIndex, 1);
  lab.applied(200);
  assert.equal(lab.storage.firstIndex, 171);
  lab.applied(201);
  assert.equal(lab.storage.firstIndex, 171);
  assert.deepEqual(lab.events, []);
});

test("more catch-up entries than there are keep everything in memory", () => {
  const lab = new Lab();
  lab.applied(30);
  assert.equal(lab.storage.firstIndex, 1);
});

test("memory keeps what somebody is waited for with, and lets go of it behind that", () => {
  const lab = new Lab();
  lab.holdFrom = 90;
  lab.applied(200);
  assert.equal(lab.storage.firstIndex, 91);
  lab.applied(300);
  assert.equal(lab.storage.firstIndex, 91);
  lab.holdFrom = Infinity;
  lab.applied(331);
  assert.equal(lab.storage.firstIndex, 302);
});

test("entries that would stop a real etcd leave memory when they are applied, whoever is waited for, and the disk with a mark", () => {
  const lab = new Lab();
  lab.holdFrom = 5;
  lab.appliedIndex = 40;
  lab.snapshotter.forget(logIndex(40));
  lab.snapshotter.applied(true);
  assert.equal(lab.storage.firstIndex, 41);
  assert.deepEqual(lab.events, []);
  lab.committed(41);
  assert.deepEqual(lab.events, ["mark 41/7 of 1"]);
});

test("such an entry is known after a restart that came before its mark; one that is not applied yet stays", () => {
  const applied = new Lab(0, 60, 50);
  applied.snapshotter.applied(true);
  assert.equal(applied.storage.firstIndex, 51);
  applied.committed(60);
  assert.deepEqual(applied.events, ["mark 60/7 of 1"]);
  const notYet = new Lab(0, 60, 61);
  notYet.snapshotter.applied(true);
  assert.equal(notYet.storage.firstIndex, 1);
});

test("raft is offered a state that the log in memory continues, with the configuration of its index, from the start on", () => {
  const lab = new Lab();
  const offered = (of = lab): unknown => of.storage.snapshotMetadata;
  assert.equal(offered(), undefined);
  lab.applied(120);
  assert.deepEqual(offered(), { index: 120, term: 7, confState: lab.voters });
  lab.applied(121);
  assert.deepEqual(offered(), { index: 120, term: 7, confState: lab.voters });
  lab.voters = { ...votersOnly(me), voters: [me, memberId(77n)] };
  lab.applied(200);
  assert.deepEqual(offered(), { index: 200, term: 7, confState: lab.voters });
  assert.ok(lab.storage.firstIndex <= 201);
  assert.equal((offered(new Lab(0, 130)) as { index: number }).index, 130);
});

const received = {
  snapshot: {
    metadata: { index: logIndex(900), term: term(9), confState: votersOnly(me) },
    data: Buffer.from('{"Root":{"Path":"/"'),
  },
  hardState: { term: term(9), vote: memberId(0n), commit: logIndex(900) },
  entries: [entryAt(901, 9)],
};

test("a received snapshot is saved as a file first, then in the log with hard state and entries, and lets go of nothing before it is installed", async () => {
  const lab = new Lab();
  const saved = lab.snapshotter.saveReceived(received);
  await settled();
  assert.deepEqual(lab.events, ["file 900/9 of 1"]);
  await lab.filed();
  assert.equal(lab.events.at(-1), "received 900/9 commit 900 and 901");
  await lab.marked();
  await saved;
  lab.committed(500);
  assert.equal(lab.events.length, 2);
  lab.snapshotter.installed(logIndex(900));
  assert.equal(lab.events.at(-1), "release 900");
  lab.committed(999);
  assert.equal(lab.events.at(-1), "release 900");
  lab.committed(1000);
  assert.equal(lab.events.at(-1), "mark 1000/7 of 1");
});

test("a received snapshot waits for the mark that is being written", async () => {
  const lab = new Lab();
  lab.committed(130);
  const saved = lab.snapshotter.saveReceived(received);
  await settled();
  assert.deepEqual(lab.events, ["mark 130/7 of 1"]);
  await lab.finish();
  assert.deepEqual(lab.events.slice(1), ["file 130/7 of 1", "release 130", "file 900/9 of 1"]);
  await lab.filed();
  await lab.marked();
  await saved;
});

test("a received snapshot that could not be written is told, and is not installed", async () => {
  for (const what of ["marked", "filed"] as const) {
    const lab = new Lab();
    const saved = lab.snapshotter.saveReceived(received);
    await settled();
    if (what === "marked") await lab.filed();
    const error = new Error("no space left");
    const rejected = assert.rejects(saved, error);
    await lab[what](error);
    await rejected;
  }
});

test("a mark or a file that could not be written is told, and releases nothing", async () => {
  for (const what of ["marked", "filed"] as const) {
    const lab = new Lab();
    lab.committed(130);
    if (what === "filed") await lab.marked();
    const error = new Error("no space left");
    await lab[what](error);
    assert.deepEqual(lab.errors, [error]);
    assert.ok(!lab.events.some((event) => event.startsWith("release")), lab.events.join());
    assert.equal(lab.storage.firstIndex, 1);
  }
});
