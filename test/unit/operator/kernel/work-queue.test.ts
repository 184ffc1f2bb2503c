import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { AssertionError } from "../../../../operator/kernel/assert.ts";
import { sleep } from "../../../../operator/kernel/backoff.ts";
import { WorkQueue } from "../../../../operator/kernel/work-queue.ts";
import { runWorkers, TerminalError } from "../../../../operator/kernel/workers.ts";
import { VirtualTime } from "../../../operator/virtual-time.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const never = new AbortController().signal;

test("a key added many times is given out once, in order of arrival", async () => {
  const queue = new WorkQueue(new VirtualTime().process());
  for (const key of ["b", "a", "b", "c", "a"]) queue.add(key);
  assert.equal(queue.depth, 3);
  assert.deepEqual([await queue.take(), await queue.take(), await queue.take()], ["b", "a", "c"]);
});

test("a key added while it is worked on comes back when that is done, and not before", async () => {
  const queue = new WorkQueue(new VirtualTime().process());
  queue.add("a");
  assert.equal(await queue.take(), "a");
  queue.add("a");
  queue.add("b");
  assert.equal(await queue.take(), "b");
  assert.equal(queue.depth, 0);
  queue.done("a");
  assert.equal(await queue.take(), "a");
});

test("of several delays of a key the earliest counts, once", async () => {
  const time = new VirtualTime();
  const queue = new WorkQueue(time.process());
  queue.addAfter("a", 500);
  queue.addAfter("a", 100);
  queue.addAfter("a", 300);
  await time.advance(99);
  assert.equal(queue.depth, 0);
  await time.advance(1);
  assert.equal(await queue.take(), "a");
  queue.done("a");
  await time.advance(1000);
  assert.equal(queue.depth, 0);
});

test("failures of one key wait longer each time up to the maximum, and others do not wait", () => {
  const queue = new WorkQueue(new VirtualTime().process(), { baseMs: 100, maxMs: 1000 });
  const waits = Array.from({ length: 8 }, () => queue.addAfterFailure("a"));
  waits.forEach((waitMs, at) => {
    const ceiling = Math.min(100 * 2 ** at, 1000);
    assert.ok(waitMs >= ceiling / 2 && waitMs <= ceiling, `wait ${at}: ${waitMs}`);
  });
  assert.ok(queue.addAfterFailure("b") <= 100);
  queue.forget("a");
  assert.ok(queue.addAfterFailure("a") <= 100);
});

test("random work: never two workers on a key, and no addition is forgotten", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 4 }), async (seed, workerCount) => {
      const time = new VirtualTime();
      const ports = time.process(seed);
      const luck = new SeededRandom(seed);
      const queue = new WorkQueue(ports, { baseMs: 5, maxMs: 40 });
      const inWork = new Set<string>();
      /** What the world wants, and what the last successful work saw of it. */
      const wanted = new Map<string, number>();
      const done = new Map<string, number>();
      const stop = new AbortController();
      const reconcile = async (key: string): Promise<undefined> => {
        assert.ok(!inWork.has(key), `${key} twice at a time`);
        assert.ok(inWork.size < workerCount);
        inWork.add(key);
        const saw = wanted.get(key) ?? 0;
        await sleep(ports.timers, luck.below(20), never);
        inWork.delete(key);
        if (luck.chance(0.3)) throw new Error("no luck");
        done.set(key, saw);
        return undefined;
      };
      const running = runWorkers({ queue, ports, reconcile, workerCount }, stop.signal);
      for (let step = 0; step < 60; step += 1) {
        const key = luck.pick(["a", "b", "c", "d", "e"]);
        wanted.set(key, (wanted.get(key) ?? 0) + 1);
        if (luck.chance(0.3)) queue.addAfter(key, luck.below(30));
        else queue.add(key);
        await time.advance(luck.below(12));
      }
      await time.advance(5_000);
      assert.deepEqual(done, wanted);
      stop.abort();
      await running;
    }),
    { numRuns: 60 },
  );
});

test("an outcome asks for another look, a terminal error waits for a change", async () => {
  const time = new VirtualTime();
  const ports = time.process();
  const queue = new WorkQueue(ports);
  const worked: string[] = [];
  const stop = new AbortController();
  const reconcile = async (key: string): Promise<{ requeueAfterMs: number }> => {
    worked.push(`${key} ${time.monotonicMs()}`);
    if (key === "bad") throw new TerminalError("a spec that no one can fulfil");
    return { requeueAfterMs: 1000 };
  };
  const running = runWorkers({ queue, ports, reconcile, workerCount: 2 }, stop.signal);
  queue.add("bad");
  queue.add("good");
  await time.advance(2500);
  assert.deepEqual(worked, ["bad 0", "good 0", "good 1000", "good 2000"]);
  queue.add("bad");
  await time.advance(0);
  assert.equal(worked.at(-1), "bad 2500");
  stop.abort();
  await running;
});

test("stopping waits for the work under way and gives nothing more out", async () => {
  const time = new VirtualTime();
  const ports = time.process();
  const queue = new WorkQueue(ports);
  const stop = new AbortController();
  let ended = 0;
  const reconcile = async (): Promise<undefined> => {
    await sleep(ports.timers, 100, never);
    ended += 1;
    return undefined;
  };
  let isOver = false;
  const running = runWorkers({ queue, ports, reconcile, workerCount: 1 }, stop.signal).then(() => {
    isOver = true;
  });
  queue.add("a");
  queue.add("b");
  await time.advance(50);
  stop.abort();
  await time.advance(0);
  assert.equal(isOver, false);
  await time.advance(1000);
  await running;
  assert.equal(ended, 1);
});

test("a bug in the reconciler ends the workers instead of being tried again", async () => {
  const time = new VirtualTime();
  const ports = time.process();
  const queue = new WorkQueue(ports);
  queue.add("a");
  const reconcile = async (): Promise<undefined> => {
    throw new AssertionError("impossible");
  };
  await assert.rejects(
    runWorkers({ queue, ports, reconcile, workerCount: 3 }, never),
    (error) => error instanceof AssertionError,
  );
});
