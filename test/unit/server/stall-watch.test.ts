import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock, Logger, Timers } from "../../../node/lib/ports.ts";
import { StallWatch } from "../../../node/server/stall-watch.ts";
import { quiet } from "../wal/wal-lab.ts";

/** A loop whose one timer comes when the test says so. */
class Lab {
  readonly warnings: unknown[] = [];
  nowMs = 1000;
  isCancelled = false;
  readonly watch: StallWatch;
  private run: () => void = () => undefined;

  constructor() {
    const clock: Clock = { monotonicMs: () => this.nowMs, unixMs: () => this.nowMs };
    const timers = {
      every: (_periodMs: number, run: () => void) => {
        this.run = run;
        return { cancel: () => void (this.isCancelled = true) };
      },
    };
    const logger: Logger = {
      ...quiet,
      warn: (message, fields) => void this.warnings.push([message, fields]),
    };
    this.watch = new StallWatch({ clock, timers: timers as unknown as Timers, logger });
  }

  lookAfter(ms: number): void {
    this.nowMs += ms;
    this.run();
  }
}

test("a timer that comes in time is a delay of nothing", () => {
  const lab = new Lab();
  for (let at = 0; at < 5; at++) lab.lookAfter(20);
  assert.equal(lab.watch.delaySeconds.count, 5);
  assert.equal(lab.watch.delaySeconds.sum, 0);
  assert.deepEqual(lab.warnings, []);
});

test("a late timer is observed by how late it was, and a timer that comes early is not", () => {
  const lab = new Lab();
  lab.lookAfter(70);
  lab.lookAfter(5);
  assert.equal(lab.watch.delaySeconds.sum, 0.05);
  assert.deepEqual(lab.warnings, []);
});

test("a stall of a tick of raft's clock is a line in the log, one for each", () => {
  const lab = new Lab();
  lab.lookAfter(20 + 99);
  assert.deepEqual(lab.warnings, []);
  lab.lookAfter(20 + 250);
  lab.lookAfter(20);
  assert.deepEqual(lab.warnings, [
    ["the event loop stood still", { took: "250ms", "expected-duration": "100ms" }],
  ]);
});

test("a watch that was stopped holds no timer", () => {
  const lab = new Lab();
  lab.watch.stop();
  assert.ok(lab.isCancelled);
});
