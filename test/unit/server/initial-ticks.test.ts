import assert from "node:assert/strict";
import { test } from "node:test";
import { advanceInitialTicks } from "../../../node/server/initial-ticks.ts";
import { id } from "../membership/membership-lab.ts";

class Lab {
  nowMs = 0;
  ticks = 0;
  isRunning = true;
  readonly active = new Set<number>();
  private poll: (() => void) | undefined;

  start(peers: number, isEnabled = true): void {
    advanceInitialTicks({
      electionTicks: 10,
      peers: Array.from({ length: peers }, (_, at) => id(at + 2)),
      transport: { activeSinceMs: (peer) => (this.active.has(Number(peer)) ? 1 : undefined) },
      isEnabled,
      clock: { monotonicMs: () => this.nowMs, unixMs: () => 0 },
      timers: {
        after: () => ({ cancel() {} }),
        every: (_, run) => {
          this.poll = run;
          return {
            cancel: () => {
              this.poll = undefined;
            },
          };
        },
        endOfTurn: () => undefined,
      },
      tick: () => {
        this.ticks += 1;
      },
      isRunning: () => this.isRunning,
    });
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.poll?.();
  }

  get isWaiting(): boolean {
    return this.poll !== undefined;
  }
}

test("a member alone waits a single tick before it may campaign", () => {
  const lab = new Lab();
  lab.start(0, false);
  assert.equal(lab.ticks, 9);
});

test("a member of several skips most of its first wait once two others are connected", () => {
  const lab = new Lab();
  lab.start(2);
  lab.pass(50);
  lab.active.add(2);
  lab.pass(50);
  assert.equal(lab.ticks, 0);
  lab.active.add(3);
  lab.pass(50);
  assert.equal(lab.ticks, 8);
  assert.equal(lab.isWaiting, false);
});

test("it waits in full when nobody comes in time, when it stops, or when it is told to", () => {
  const late = new Lab();
  late.start(2);
  late.pass(5000);
  assert.equal(late.isWaiting, false);
  assert.equal(late.ticks, 0);
  const stopped = new Lab();
  stopped.start(2);
  stopped.isRunning = false;
  stopped.active.add(2).add(3);
  stopped.pass(50);
  assert.deepEqual([stopped.ticks, stopped.isWaiting], [0, false]);
  const told = new Lab();
  told.start(2, false);
  assert.deepEqual([told.ticks, told.isWaiting], [0, false]);
});
