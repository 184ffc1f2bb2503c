import assert from "node:assert/strict";
import { readFile } from "node:fs";
import { test } from "node:test";
import {
  delayToBeat,
  SystemRandom,
  SystemTimers,
  systemClock,
} from "../../../../node/lib/platform/clock.ts";

test("what is added to the end of a turn runs once, in order, after promises and microtasks", async () => {
  const timers = new SystemTimers();
  const ran: string[] = [];
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      timers.endOfTurn(() => ran.push("first"));
      timers.endOfTurn(() => ran.push("second"));
      queueMicrotask(() => ran.push("microtask"));
      setImmediate(() => setImmediate(resolve));
    });
  });
  assert.deepEqual(ran, ["microtask", "first", "second"]);
});

test("functions added while the end of the turn runs still run in it, behind those that wait", async () => {
  const timers = new SystemTimers();
  const ran: string[] = [];
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      timers.endOfTurn(() => {
        ran.push("a");
        timers.endOfTurn(() => {
          ran.push("added by a");
          timers.endOfTurn(() => ran.push("added by that"));
        });
      });
      timers.endOfTurn(() => ran.push("b"));
      // An immediate that is asked for now comes in the same check phase, behind the queue.
      setImmediate(() => {
        ran.push("behind");
        resolve();
      });
    });
  });
  assert.deepEqual(ran, ["a", "b", "added by a", "added by that", "behind"]);
});

test("the next turn has a queue of its own", async () => {
  const timers = new SystemTimers();
  const ran: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    await new Promise<void>((resolve) => {
      timers.endOfTurn(() => {
        ran.push(turn);
        resolve();
      });
    });
  }
  assert.deepEqual(ran, [0, 1, 2]);
});

test("what an I/O callback adds runs before the next timer", async () => {
  const timers = new SystemTimers();
  const ran: string[] = [];
  await new Promise<void>((resolve) => {
    readFile(import.meta.filename, () => {
      setTimeout(() => {
        ran.push("timer");
        resolve();
      }, 0);
      timers.endOfTurn(() => ran.push("end of turn"));
    });
  });
  assert.deepEqual(ran, ["end of turn", "timer"]);
});

test("timers run, and cancelled ones do not", async () => {
  const timers = new SystemTimers();
  const ran: string[] = [];
  await new Promise<void>((resolve) => {
    timers.after(0, () => ran.push("cancelled")).cancel();
    const every = timers.every(1, () => {
      ran.push("every");
      if (ran.length < 3) return;
      every.cancel();
      timers.after(5, resolve);
    });
  });
  assert.deepEqual(ran, ["every", "every", "every"]);
});

test("a period keeps its beat when it was late or early, and makes up for nothing that it missed", () => {
  const delays = [0, 10.9, 9.6, 17, 3014, 3019].map((passedMs) => delayToBeat(passedMs, 10));
  assert.deepEqual(
    delays.map((delayMs) => Math.round(delayMs * 10) / 10),
    [10, 9.1, 10.4, 3, 6, 11],
  );
});

test("the monotonic clock does not go back and knows fractions", () => {
  let before = systemClock.monotonicMs();
  for (let at = 0; at < 1000; at++) {
    const now = systemClock.monotonicMs();
    assert.ok(now >= before);
    before = now;
  }
  assert.ok(systemClock.unixMs() > 1_600_000_000_000);
});

test("random numbers use all 32 bits, across blocks", () => {
  const random = new SystemRandom();
  let ones = 0;
  let zeros = 0;
  for (let at = 0; at < 1000; at++) {
    const number = random.uint32();
    assert.ok(Number.isInteger(number) && number >= 0 && number < 2 ** 32);
    ones |= number;
    zeros |= ~number;
  }
  assert.equal(ones >>> 0, 0xffff_ffff);
  assert.equal(zeros >>> 0, 0xffff_ffff);
});
