import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppliedPosition } from "../../../node/backend/backend.ts";
import { logIndex, memberId, revision, term } from "../../../node/lib/units.ts";
import { MemoryStorage } from "../../../node/raft/memory-storage.ts";
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
  private done: ((error: Error | null) => void) | undefined;
  private fileDone: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(lastIndex = 0) {
    const entries = Array.from({ length: 500 }, (_, at) => entryAt(at + 1, 1));
    const start = { index: logIndex(0), term: term(0), confState: votersOnly(me) };
    this.storage = new MemoryStorage(start, emptyHardState, entries);
    const wal = {
      saveSnapshot: (snapshot: WalSnapshot, done: (error: Error | null) => void) => {
        const { index, term: atTerm, confState } = snapshot;
        this.events.push(`mark ${index}/${atTerm} of ${confState?.voters.length}`);
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

test("the file is written behind the log's record, and log and memory are released behind both, memory less the catch-up entries", async () => {
  const lab = new Lab();
  lab.committed(130);
  assert.deepEqual(lab.events, ["mark 130/7 of 1"]);
  await lab.marked();
  assert.deepEqual(lab.events, ["mark 130/7 of 1", "file 130/7 of 1"]);
  assert.equal(lab.storage.firstIndex, 1);
  await lab.filed();
  assert.equal(lab.events.at(-1), "release 130");
  assert.equal(lab.storage.firstIndex, 101);
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

test("more catch-up entries than there are keep everything in memory", async () => {
  const lab = new Lab();
  lab.committed(100);
  await lab.finish();
  assert.equal(lab.storage.firstIndex, 71);
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
