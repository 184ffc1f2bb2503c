import assert from "node:assert/strict";
import { test } from "node:test";
import { type SlicedJob, SliceQueue } from "../../../node/rpc/slice-queue.ts";

/** Time passes only when a job works; turns are run by hand. */
class HandTurns {
  nowMs = 0;
  private readonly ends: (() => void)[] = [];
  private readonly timers: (() => void)[] = [];
  readonly queue = new SliceQueue({
    clock: { monotonicMs: () => this.nowMs, unixMs: () => 0 },
    timers: {
      after: (_delayMs, run) => {
        this.timers.push(run);
        return { cancel: () => undefined };
      },
      every: () => ({ cancel: () => undefined }),
      endOfTurn: (run) => void this.ends.push(run),
    },
  });

  get scheduled(): number {
    return this.timers.length;
  }

  endTurn(): void {
    for (const run of this.ends.splice(0)) run();
  }

  nextTurn(): void {
    this.endTurn();
    for (const run of this.timers.splice(0)) run();
  }
}

function job(turns: HandTurns, name: string, steps: number, ms: number, done: string[]): SlicedJob {
  let left = steps;
  return {
    step: () => {
      turns.nowMs += ms;
      left -= 1;
      done.push(name);
      return left > 0;
    },
    defer: () => void done.push(`${name} deferred`),
  };
}

test("a job of one slice is done in the turn it came in, and asks for no other", () => {
  const turns = new HandTurns();
  const done: string[] = [];
  turns.queue.start(job(turns, "a", 1, 1, done));
  assert.deepEqual(done, ["a"]);
  assert.equal(turns.scheduled, 0);
});

test("jobs take turns, and a turn ends after some milliseconds", () => {
  const turns = new HandTurns();
  const done: string[] = [];
  turns.queue.start(job(turns, "a", 4, 2, done));
  turns.queue.start(job(turns, "b", 3, 2, done));
  assert.deepEqual(done, ["a", "b"]);
  turns.nextTurn();
  assert.deepEqual(done.splice(0), ["a", "b", "a", "b", "a"]);
  assert.equal(turns.scheduled, 1);
  turns.nextTurn();
  assert.deepEqual(done, ["b", "a"]);
  assert.equal(turns.scheduled, 0);
});

test("a slice is done in every turn, however long slices are", () => {
  const turns = new HandTurns();
  const done: string[] = [];
  turns.queue.start(job(turns, "a", 3, 50, done));
  turns.nextTurn();
  turns.nextTurn();
  assert.deepEqual(done, ["a", "a", "a"]);
});

test("when first slices have taken a turn's time the next jobs are put off", () => {
  const turns = new HandTurns();
  const done: string[] = [];
  turns.queue.start(job(turns, "a", 1, 5, done));
  turns.queue.start(job(turns, "b", 1, 5, done));
  turns.queue.start(job(turns, "c", 1, 5, done));
  assert.deepEqual(done.splice(0), ["a", "b deferred", "c deferred"]);
  assert.equal(turns.scheduled, 1);
  turns.endTurn();
  turns.queue.start(job(turns, "d", 1, 1, done));
  assert.deepEqual(done.splice(0), ["d"]);
  turns.nextTurn();
  turns.nextTurn();
  assert.deepEqual(done, ["b", "c"]);
  assert.equal(turns.scheduled, 0);
});

test("a job may bring another one about", () => {
  const turns = new HandTurns();
  const done: string[] = [];
  let left = 2;
  turns.queue.add({
    step: () => {
      turns.queue.add(job(turns, `child ${left}`, 1, 1, done));
      left -= 1;
      return left > 0;
    },
    defer: () => undefined,
  });
  for (let turn = 0; turn < 5; turn++) turns.nextTurn();
  assert.deepEqual(done, ["child 2", "child 1"]);
  assert.equal(turns.scheduled, 0);
});
