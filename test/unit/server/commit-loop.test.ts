import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppliedPosition, Backend } from "../../../node/backend/backend.ts";
import { Histogram } from "../../../node/lib/histogram.ts";
import { logIndex, revision, term } from "../../../node/lib/units.ts";
import type { KvStore } from "../../../node/mvcc/kv-store.ts";
import { CommitLoop } from "../../../node/server/commit-loop.ts";
import { LabWorld } from "../../support/lab-world.ts";

const positionAt = (index: number): AppliedPosition => ({
  consistentIndex: logIndex(index),
  term: term(1),
  revision: revision(index),
});

/** A loop over a backend that is finished by hand. */
class Lab {
  readonly world = new LabWorld(1);
  readonly committing: AppliedPosition[] = [];
  readonly landed: number[] = [];
  readonly errors: Error[] = [];
  readonly marks: string[] = [];
  readonly seconds = new Histogram([0.001, 0.01, 0.1]);
  index = 0;
  isWriting = false;
  pendingOps = 0;
  committed = positionAt(0);
  loop: CommitLoop;
  private done: ((error: Error | null) => void) | undefined;

  constructor() {
    this.loop = new CommitLoop({
      backend: Lab.backendOf(this),
      store: Lab.storeOf(this),
      timers: this.world,
      clock: this.world,
      seconds: this.seconds,
      intervalMs: 100,
      opsMax: 10,
      position: () => positionAt(this.index),
      onCommitted: () => void this.landed.push(this.committed.consistentIndex),
      onError: (error) => void this.errors.push(error),
    });
  }

  private static storeOf(lab: Lab): KvStore {
    let mark = 0;
    const store = {
      get isWriting() {
        return lab.isWriting;
      },
      beforeCommit: () => {
        mark += 1;
        lab.marks.push(`before ${mark}`);
        return mark;
      },
      afterCommit: (of: number) => void lab.marks.push(`after ${of}`),
    };
    return store as unknown as KvStore;
  }

  private static backendOf(lab: Lab): Backend {
    const backend = {
      get pendingOps() {
        return lab.pendingOps;
      },
      get committed() {
        return lab.committed;
      },
      get isCommitting() {
        return lab.done !== undefined;
      },
      commit(position: AppliedPosition, done: (error: Error | null) => void) {
        lab.committing.push(position);
        lab.done = done;
      },
    };
    return backend as unknown as Backend;
  }

  /** Entries were applied that made so many operations. */
  apply(ops: number): void {
    this.index += 1;
    this.pendingOps += ops;
    this.loop.applied();
  }

  finish(error: Error | null = null): void {
    const { done } = this;
    assert.ok(done !== undefined, "no commit in flight");
    this.done = undefined;
    if (error === null) {
      this.committed = this.committing.at(-1) as AppliedPosition;
      this.pendingOps = 0;
    }
    done(error);
  }

  async after(ms: number): Promise<void> {
    const until = this.world.monotonicMs() + ms;
    this.world.at(until, () => undefined);
    await this.world.run(() => false, until);
  }

  get commitsAt(): number[] {
    return this.committing.map(({ consistentIndex }) => consistentIndex);
  }
}

test("the first entry starts the interval, later ones do not move it", async () => {
  const lab = new Lab();
  lab.apply(1);
  await lab.after(60);
  lab.apply(1);
  await lab.after(39);
  assert.deepEqual(lab.commitsAt, []);
  await lab.after(1);
  assert.deepEqual(lab.commitsAt, [2]);
});

test("enough operations bring the commit about at once, and the interval's does not follow", async () => {
  const lab = new Lab();
  lab.apply(4);
  lab.apply(6);
  assert.deepEqual(lab.commitsAt, [2]);
  lab.finish();
  await lab.after(500);
  assert.deepEqual(lab.commitsAt, [2]);
});

test("one commit is in flight; what is applied meanwhile goes into the next", async () => {
  const lab = new Lab();
  lab.apply(10);
  lab.apply(50);
  await lab.after(500);
  assert.deepEqual(lab.commitsAt, [1]);
  lab.finish();
  await lab.after(100);
  assert.deepEqual(lab.commitsAt, [1, 2]);
});

test("an entry that stored nothing still moves the position in time", async () => {
  const lab = new Lab();
  lab.apply(0);
  await lab.after(100);
  assert.deepEqual(lab.commitsAt, [1]);
  lab.finish();
  lab.loop.applied();
  await lab.after(500);
  assert.deepEqual(lab.commitsAt, [1]);
});

test("the store hears of each commit before and after it, and the owner after that", async () => {
  const lab = new Lab();
  lab.apply(10);
  assert.deepEqual(lab.marks, ["before 1"]);
  lab.finish();
  assert.deepEqual(lab.marks, ["before 1", "after 1"]);
  assert.deepEqual(lab.landed, [1]);
});

test("the duration of each commit that completed is observed", async () => {
  const lab = new Lab();
  lab.apply(10);
  await lab.after(5);
  assert.equal(lab.seconds.count, 0);
  lab.finish();
  assert.deepEqual([...lab.seconds.counts], [0, 1, 0, 0]);
  lab.apply(10);
  lab.finish(new Error("no space left"));
  assert.equal(lab.seconds.count, 1);
});

test("a failed commit is told and never tried again", async () => {
  const lab = new Lab();
  lab.apply(10);
  const error = new Error("no space left");
  lab.finish(error);
  await lab.after(500);
  assert.deepEqual(
    lab.errors.map(({ name, cause }) => [name, cause]),
    [["DiskError", error]],
  );
  assert.deepEqual(lab.commitsAt, [1]);
  assert.deepEqual(lab.marks, ["before 1"]);
});

test("stopping commits what is open and waits for it", async () => {
  const lab = new Lab();
  lab.apply(3);
  let isStopped = false;
  const stopping = lab.loop.stop().then(() => {
    isStopped = true;
  });
  assert.deepEqual(lab.commitsAt, [1]);
  await lab.after(200);
  assert.equal(isStopped, false);
  lab.finish();
  await stopping;
  assert.deepEqual(lab.commitsAt, [1]);
});

test("stopping while a commit is in flight waits for it and commits the rest", async () => {
  const lab = new Lab();
  lab.apply(10);
  lab.apply(1);
  const stopping = lab.loop.stop();
  assert.deepEqual(lab.commitsAt, [1]);
  lab.finish();
  assert.deepEqual(lab.commitsAt, [1, 2]);
  lab.finish();
  await stopping;
});

test("nothing is committed while an entry is half applied, neither by the interval nor by the number of operations", async () => {
  const lab = new Lab();
  lab.apply(3);
  lab.isWriting = true;
  lab.pendingOps += 50;
  lab.loop.applied();
  await lab.after(500);
  assert.deepEqual(lab.commitsAt, []);
  lab.isWriting = false;
  lab.apply(0);
  assert.deepEqual(lab.commitsAt, [2]);
});

test("a commit that completes within an entry begins no other one", async () => {
  const lab = new Lab();
  lab.apply(10);
  lab.isWriting = true;
  lab.pendingOps += 50;
  lab.finish();
  lab.pendingOps = 50;
  lab.loop.applied();
  await lab.after(500);
  assert.deepEqual(lab.commitsAt, [1]);
});

test("stopping within an entry commits no half of it, but waits for the commit in flight", async () => {
  const lab = new Lab();
  lab.apply(10);
  lab.isWriting = true;
  lab.pendingOps += 50;
  const stopping = lab.loop.stop();
  lab.finish();
  await stopping;
  assert.deepEqual(lab.commitsAt, [1]);
  const other = new Lab();
  other.apply(3);
  other.isWriting = true;
  await other.loop.stop();
  assert.deepEqual(other.commitsAt, []);
});

test("stopping with nothing open commits nothing", async () => {
  const lab = new Lab();
  await lab.loop.stop();
  assert.deepEqual(lab.commitsAt, []);
});
