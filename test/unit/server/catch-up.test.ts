/** The snapshot loop, and what ends it: whole worlds of raft nodes first, then the rules one by one. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { logIndex, memberId } from "../../../node/lib/units.ts";
import { entryOverheadBytes, LogBytes } from "../../../node/server/log-bytes.ts";
import { WriterBrake } from "../../../node/server/writer-brake.ts";
import { entryAt } from "../raft/raft-lab.ts";
import { far, tickMs, World, type WorldOptions } from "./catch-up-lab.ts";

/** The far follower was away for so long that its entries are gone, and comes back. */
function laggingFollower(options: WorldOptions): World {
  const world = new World(options);
  world.run(5);
  world.isCut = true;
  world.run(60);
  world.isCut = false;
  return world;
}

const slowLink: WorldOptions = {
  writeBytesPerTick: 20_000,
  linkBytesPerTick: 8_000,
  stateBytes: 400_000,
  catchUpBytesMax: 1_000_000,
  installTicks: 5,
};
const fastLink: WorldOptions = { ...slowLink, linkBytesPerTick: 60_000 };

describe("a follower that needs a snapshot", () => {
  test("over a link slower than the writes needs one only: writers are slowed, which is said once, and it stays within reach", () => {
    const world = laggingFollower(slowLink);
    const free = world.rateDuring(() => world.run(20));
    assert.equal(free, 200_000);
    world.run(2000);
    assert.equal(world.snapshots, 1);
    const slowed = world.rateDuring(() => world.run(2000));
    assert.equal(world.snapshots, 1);
    assert.ok(slowed < 100_000, `writes at ${slowed} bytes a second`);
    assert.ok(slowed > 40_000, `writes at ${slowed} bytes a second`);
    assert.ok(world.heldMax < 2_000, `${world.heldMax} entries were held`);
    const spells = world.logged.filter((line) => /^slowing down/.test(line)).length;
    const ends = world.logged.filter((line) => /no longer/.test(line)).length;
    assert.ok(spells >= 1 && spells - ends <= 1, `${spells} beginnings, ${ends} ends`);
  });

  test("over that link, without the mechanism, needs one snapshot after the other", () => {
    const world = laggingFollower({ ...slowLink, isEnabled: false });
    world.run(2000);
    const { snapshots } = world;
    assert.ok(snapshots > 10, `${snapshots} snapshots`);
    world.run(2000);
    assert.ok(world.snapshots > snapshots + 10, "the loop has not ended");
  });

  test("over a link faster than the writes catches up with one, and the writers notice nothing", () => {
    const world = laggingFollower(fastLink);
    const rate = world.rateDuring(() => world.run(200));
    assert.equal(rate, 200_000);
    assert.equal(world.snapshots, 1);
    assert.ok(world.lag <= 20, `${world.lag} entries behind`);
    assert.ok(world.heldEntries < 120, `${world.heldEntries} entries are still held`);
    assert.deepEqual(
      world.logged.filter((line) => /slow/.test(line)),
      [],
    );
    world.run(1000);
    assert.equal(world.snapshots, 1);
  });

  test("and dies while it is sent one does not hold the log, nor the writers", () => {
    const world = laggingFollower(slowLink);
    world.run(10);
    assert.equal(world.snapshots, 1);
    world.isCut = true;
    world.run(100);
    assert.equal(world.catchUp.holdFrom >= world.lastIndex - 20, true);
    assert.ok(world.heldEntries < 120, `${world.heldEntries} entries are still held`);
    assert.equal(
      world.rateDuring(() => world.run(300)),
      200_000,
    );
    // The transport notices later than that.
    world.giveUp();
    world.run(100);
    assert.ok(world.heldEntries < 120, `${world.heldEntries} entries are held again`);
    world.isCut = false;
    world.run(3000);
    assert.ok(world.sent() <= 3, `${world.sent()} snapshots`);
  });

  test("and answers but never installs it holds log and writers for its time only", () => {
    const world = laggingFollower({ ...slowLink, installTicks: 1_000_000 });
    world.run(100);
    const ticks = 30_000 / tickMs;
    // What was on the link before the first one came counts as movement: the second is waited for as well.
    world.run(2 * ticks + 300);
    assert.ok(world.snapshots > 1, "it is sent the next one");
    assert.ok(world.heldEntries < 120, `${world.heldEntries} entries are still held`);
    assert.equal(world.catchUp.isThrottling, false);
  });

  test("and installs it slowly finds its entries, although it stood still for a while", () => {
    const world = laggingFollower({ ...fastLink, installTicks: 200, catchUpBytesMax: 10_000_000 });
    world.run(600);
    assert.equal(world.snapshots, 1);
    assert.ok(world.lag <= 20, `${world.lag} entries behind`);
  });
});

test("a follower that never needed a snapshot is waited for up to the bound, and no writer is slowed for it", () => {
  const world = new World({ ...slowLink, linkBytesPerTick: 15_000 });
  const rate = world.rateDuring(() => world.run(120));
  assert.equal(rate, 200_000);
  assert.equal(world.snapshots, 0);
  assert.ok(world.heldEntries > 500, `${world.heldEntries} entries are held`);
  const later = world.rateDuring(() => world.run(100));
  assert.equal(later, 200_000);
  // One entry counts for 1,100 bytes; letting go happens in steps.
  assert.ok(world.heldMax * 1100 < 1_200_000, `${world.heldMax} entries were held`);
});

describe("the writers' brake", () => {
  const id = memberId(3n);
  const moving = { id, isMoving: true };

  test("is on above the bound and off below half of it", () => {
    const brake = new WriterBrake(1000);
    brake.set(1000, moving, 0);
    assert.equal(brake.allowance(0), Infinity);
    brake.set(1001, moving, 0);
    assert.equal(brake.allowance(0), 0);
    brake.set(600, moving, 100);
    assert.equal(brake.isOn, true);
    brake.set(500, moving, 200);
    assert.equal(brake.allowance(200), Infinity);
  });

  test("lets through half of what the follower takes in", () => {
    const brake = new WriterBrake(1_000_000);
    let allowed = 0;
    for (let nowMs = 0; nowMs <= 120_000; nowMs += 100) {
      brake.taken(id, 5000, nowMs);
      brake.set(1_200_000, moving, nowMs);
      const now = brake.allowance(nowMs);
      if (nowMs > 60_000) allowed += now;
      brake.proposed(now, nowMs);
    }
    const share = allowed / (5000 * 600);
    assert.ok(share > 0.48 && share < 0.52, `a share of ${share}`);
  });

  test("lets through ever less while nothing is taken in, so that twice the bound is never reached", () => {
    const brake = new WriterBrake(1_000_000);
    let kept = 1_000_001;
    for (let nowMs = 0; nowMs <= 3_600_000; nowMs += 100) {
      brake.set(kept, { id, isMoving: false }, nowMs);
      const now = brake.allowance(nowMs);
      brake.proposed(now, nowMs);
      kept += now;
    }
    assert.ok(kept > 1_900_000 && kept < 2_000_000, `${kept} bytes are kept`);
  });

  test("makes up later for a batch that was larger than allowed", () => {
    const brake = new WriterBrake(64_000);
    brake.set(64_001, { id, isMoving: false }, 0);
    brake.proposed(10, 0);
    assert.ok(brake.allowance(5) < 0);
    assert.ok(brake.allowance(20) > 0);
    assert.ok(brake.allowance(100_000) <= 1000, "what was not used does not gather");
  });
});

test("who does not lead waits for nobody", () => {
  const world = laggingFollower(slowLink);
  world.run(20);
  assert.ok(world.catchUp.holdFrom < Infinity);
  const status = { ...world.status, role: "follower" as const, progress: [] };
  const advice = world.catchUp.observe({ nowMs: world.nowMs, status });
  assert.deepEqual(advice, { holdFrom: Infinity, isThrottling: false });
});

test("who is no member any more is not waited for", () => {
  const world = laggingFollower(slowLink);
  world.run(20);
  const { status } = world;
  const progress = status.progress.filter(({ id }) => id !== far);
  const advice = world.catchUp.observe({ nowMs: world.nowMs, status: { ...status, progress } });
  assert.ok(advice.holdFrom >= world.lastIndex);
});

test("the bytes of kept entries are those of a count from scratch", () => {
  const entryOf = (index: number) => ({ ...entryAt(index, 1), data: new Uint8Array(index % 50) });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(40), fc.nat(30), fc.nat(60))), (steps) => {
      let first = 1;
      let last = 0;
      const log = {
        get firstIndex() {
          return logIndex(first);
        },
        get lastIndex() {
          return logIndex(last);
        },
        slice: (low: number, high: number) => {
          assert.ok(low >= first && high <= last + 1);
          return Array.from({ length: high - low }, (_, n) => entryOf(low + n));
        },
      };
      const bytes = new LogBytes(log);
      for (const [grown, gone, back] of steps) {
        last += grown;
        first = Math.min(first + gone, last + 1);
        const index = Math.max(0, last - back);
        let expected = 0;
        for (let at = Math.max(index + 1, first); at <= last; at++)
          expected += (at % 50) + entryOverheadBytes;
        assert.equal(bytes.behind(logIndex(index)), expected);
      }
    }),
  );
});
