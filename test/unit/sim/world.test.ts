import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { EventHeap, type SimEvent } from "../../sim/event-heap.ts";
import { EventLoop } from "../../sim/event-loop.ts";
import { SimClock } from "../../sim/sim-clock.ts";
import { type NetworkConditions, SimNetwork } from "../../sim/sim-network.ts";
import { World } from "../../sim/world.ts";

const nothing = (): void => undefined;

test("events leave the heap by time, and those of one moment in the order in which they came", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (times) => {
      const heap = new EventHeap();
      const events = times.map(
        (atMs, order): SimEvent => ({ atMs, order, run: nothing, isCancelled: false }),
      );
      for (const event of events) heap.push(event);
      const left = Array.from({ length: events.length }, () => heap.pop());
      // Sorting is stable.
      const sorted = events.toSorted((a, b) => a.atMs - b.atMs);
      assert.deepEqual(left, sorted);
      assert.equal(heap.pop(), undefined);
    }),
  );
});

suite("the world", () => {
  test("runs promises that an event settled before the next event", async () => {
    const world = new World(1);
    const seen: string[] = [];
    const chain = async (): Promise<void> => {
      for (let step = 0; step < 5; step++) {
        await Promise.resolve();
        seen.push(`step ${step}`);
      }
    };
    world.after(1, () => {
      world.promised();
      void chain();
    });
    world.after(2, () => seen.push("next"));
    await world.run(() => false, 10);
    assert.deepEqual(seen, ["step 0", "step 1", "step 2", "step 3", "step 4", "next"]);
  });

  test("ends at its time, and takes back what was cancelled", async () => {
    const world = new World(1);
    const seen: number[] = [];
    world.after(5, () => seen.push(5));
    world.after(7, () => seen.push(7)).cancel();
    world.after(20, () => seen.push(20));
    assert.equal(await world.run(() => false, 10), false);
    assert.deepEqual(seen, [5]);
    assert.equal(await world.run(() => seen.includes(20), 30), true);
  });

  test("gives each name its own numbers, from the seed", () => {
    const draw = (seed: number, name: string): number => new World(seed).randomFor(name).uint32();
    assert.equal(draw(1, "a"), draw(1, "a"));
    assert.notEqual(draw(1, "a"), draw(1, "b"));
    assert.notEqual(draw(1, "a"), draw(2, "a"));
    assert.notEqual(draw(1, "a"), draw(1 + 2 ** 32, "a"));
  });
});

function loopOf(world: World, busyMs = 0, rate = 1): EventLoop {
  const clock = new SimClock(world, { rate, dateOffsetMs: 0, startMs: 0 });
  const onUncaught = (error: Error): void => {
    throw error;
  };
  return new EventLoop({ world, clock, busyMs: () => busyMs, onTurn: nothing, onUncaught });
}

suite("the event loop of a process", () => {
  test("gathers what comes in a stall into one turn", async () => {
    const world = new World(1);
    const loop = loopOf(world);
    const seen: string[] = [];
    loop.stall(100);
    for (const at of [10, 20, 30]) {
      world.after(at, () =>
        loop.dispatch(() => {
          seen.push(`${at} at ${world.nowMs}`);
          loop.endOfTurn(() => seen.push(`end ${at}`));
        }),
      );
    }
    await world.run(() => false, 200);
    assert.deepEqual(seen, ["10 at 100", "20 at 100", "30 at 100", "end 10", "end 20", "end 30"]);
  });

  test("does not pile up an interval in a stall", async () => {
    const world = new World(1);
    const loop = loopOf(world);
    const seen: number[] = [];
    loop.every(10, () => seen.push(world.nowMs));
    world.after(15, () => loop.stall(50));
    await world.run(() => false, 90);
    assert.deepEqual(seen, [10, 65, 75, 85]);
  });

  test("runs nothing more once it was killed", async () => {
    const world = new World(1);
    const loop = loopOf(world);
    const seen: number[] = [];
    loop.every(10, () => seen.push(world.nowMs));
    loop.after(25, () => seen.push(25));
    world.after(15, () => loop.kill());
    await world.run(() => false, 100);
    assert.deepEqual(seen, [10]);
  });

  test("counts timers on a clock that runs fast", async () => {
    const world = new World(1);
    const loop = loopOf(world, 0, 2);
    const seen: number[] = [];
    loop.after(100, () => seen.push(world.nowMs));
    await world.run(() => false, 100);
    assert.deepEqual(seen, [50]);
  });
});

suite("the network", () => {
  const fine: NetworkConditions = {
    delayMinMs: 1,
    delaySpreadMs: 5,
    lossRate: 0,
    duplicateRate: 0,
    reorderRate: 0,
    reorderSpreadMs: 100,
    bytesPerMs: Number.POSITIVE_INFINITY,
  };
  const arrivals = (conditions: Partial<NetworkConditions>, count = 200): readonly number[] => {
    const network = new SimNetwork(new World(3), { ...fine, ...conditions });
    return Array.from({ length: count }, () => network.pass(0, 1, 100).arrivalsMs).flat();
  };
  const isAscending = (times: readonly number[]): boolean =>
    times.every((time, at) => at === 0 || time >= (times[at - 1] ?? 0));

  test("keeps the order, unless messages take ways of their own", () => {
    assert.equal(isAscending(arrivals({})), true);
    assert.equal(isAscending(arrivals({ reorderRate: 0.2 })), false);
  });

  test("loses and doubles as often as it is told", () => {
    const lost = 200 - arrivals({ lossRate: 0.2 }).length;
    assert.ok(lost > 20 && lost < 60, String(lost));
    const doubled = arrivals({ duplicateRate: 0.2 }).length - 200;
    assert.ok(doubled > 20 && doubled < 60, String(doubled));
  });

  test("carries so many bytes a millisecond", () => {
    const last = arrivals({ bytesPerMs: 10 }, 20).at(-1) ?? 0;
    assert.ok(last >= 200 && last < 210, String(last));
  });

  test("is cut in one direction, as often as it was cut", () => {
    const network = new SimNetwork(new World(3), fine);
    network.cut(0, 1);
    network.cut(0, 1);
    network.mend(0, 1);
    assert.deepEqual(network.pass(0, 1, 1).arrivalsMs, []);
    assert.equal(network.pass(1, 0, 1).arrivalsMs.length, 1);
    assert.equal(network.wholeSinceMs(1, 0), undefined);
    network.mend(0, 1);
    assert.equal(network.pass(0, 1, 1).arrivalsMs.length, 1);
    assert.equal(network.wholeSinceMs(1, 0), 0);
  });
});
