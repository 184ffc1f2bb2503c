import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, revision, term } from "../../../node/lib/units.ts";
import { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import { Snapshotter } from "../../../node/server/snapshot.ts";
import type { Wal, WalSnapshot } from "../../../node/wal/wal.ts";
import { emptyHardState, entryAt, me, votersOnly } from "../raft/raft-lab.ts";
import { quiet } from "../wal/wal-lab.ts";

class Lab {
  readonly events: string[] = [];
  readonly errors: Error[] = [];
  readonly storage: MemoryStorage;
  readonly snapshotter: Snapshotter;
  private done: ((error: Error | null) => void) | undefined;

  constructor(lastIndex = 0) {
    const entries = Array.from({ length: 500 }, (_, at) => entryAt(at + 1, 1));
    const start = { index: logIndex(0), term: term(0), confState: votersOnly(me) };
    this.storage = new MemoryStorage(start, emptyHardState, entries);
    const wal = {
      saveSnapshot: (snapshot: WalSnapshot, done: (error: Error | null) => void) => {
        this.events.push(`mark ${snapshot.index}/${snapshot.term}`);
        assert.deepEqual(snapshot.confState, votersOnly(me));
        this.done = done;
      },
      releaseTo: (index: number) => void this.events.push(`release ${index}`),
    };
    this.snapshotter = new Snapshotter(
      {
        wal: wal as unknown as Wal,
        storage: this.storage,
        logger: quiet,
        snapshotCount: 100,
        catchupEntries: 30,
        confState: () => votersOnly(me),
        onError: (error) => void this.errors.push(error),
      },
      lastIndex,
    );
  }

  committed(index: number): void {
    const position = { consistentIndex: logIndex(index), term: term(7), revision: revision(1) };
    this.snapshotter.committed(position);
  }

  finish(error: Error | null = null): void {
    assert.ok(this.done !== undefined, "no mark is being written");
    this.done(error);
    this.done = undefined;
  }
}

test("a mark is due after so many committed entries, and stands at the committed position", () => {
  const lab = new Lab();
  lab.committed(99);
  assert.deepEqual(lab.events, []);
  lab.committed(130);
  assert.deepEqual(lab.events, ["mark 130/7"]);
});

test("log and memory are released only when the mark is durable, memory less the catch-up entries", () => {
  const lab = new Lab();
  lab.committed(130);
  assert.equal(lab.storage.firstIndex, 1);
  lab.finish();
  assert.deepEqual(lab.events, ["mark 130/7", "release 130"]);
  assert.equal(lab.storage.firstIndex, 101);
});

test("the next mark counts from the last one", () => {
  const lab = new Lab();
  lab.committed(130);
  lab.finish();
  lab.committed(229);
  lab.committed(230);
  assert.deepEqual(lab.events, ["mark 130/7", "release 130", "mark 230/7"]);
});

test("one mark is written at a time", () => {
  const lab = new Lab();
  lab.committed(100);
  lab.committed(300);
  assert.deepEqual(lab.events, ["mark 100/7"]);
  lab.finish();
  lab.committed(300);
  assert.deepEqual(lab.events, ["mark 100/7", "release 100", "mark 300/7"]);
});

test("after a restart the count goes on from the mark that was found", () => {
  const lab = new Lab(200);
  lab.committed(299);
  assert.deepEqual(lab.events, []);
  lab.committed(300);
  assert.deepEqual(lab.events, ["mark 300/7"]);
});

test("more catch-up entries than there are keep everything in memory", () => {
  const lab = new Lab();
  lab.committed(100);
  lab.finish();
  assert.equal(lab.storage.firstIndex, 71);
});

test("a mark that could not be written is told, and releases nothing", () => {
  const lab = new Lab();
  lab.committed(130);
  const error = new Error("no space left");
  lab.finish(error);
  assert.deepEqual(lab.errors, [error]);
  assert.deepEqual(lab.events, ["mark 130/7"]);
  assert.equal(lab.storage.firstIndex, 1);
});
