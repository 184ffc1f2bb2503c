import assert from "node:assert/strict";
import { test } from "node:test";
import { LeaderWatch } from "../../../node/rpc/leader-watch.ts";
import { LabWorld } from "../../support/lab-world.ts";

function lab(): {
  world: LabWorld;
  watch: LeaderWatch;
  state: { hasLeader: boolean };
  lost: string[];
} {
  const world = new LabWorld(1);
  const state = { hasLeader: true };
  const watch = new LeaderWatch({
    timers: world,
    electionTimeoutMs: 1000,
    hasLeader: () => state.hasLeader,
  });
  return { world, watch, state, lost: [] };
}

async function pass(world: LabWorld, ms: number): Promise<void> {
  const until = world.monotonicMs() + ms;
  world.at(until, () => undefined);
  await world.run(() => false, until);
}

test("streams end after three election timeouts without a leader, each once", async () => {
  const { world, watch, state, lost } = lab();
  watch.add(() => lost.push("a"));
  watch.add(() => lost.push("b"));
  await pass(world, 5500);
  assert.deepEqual(lost, []);
  state.hasLeader = false;
  await pass(world, 2000);
  assert.deepEqual(lost, []);
  await pass(world, 1000);
  assert.deepEqual(lost, ["a", "b"]);
  await pass(world, 10_000);
  assert.deepEqual(lost, ["a", "b"]);
});

test("a leader in between begins the count anew", async () => {
  const { world, watch, state, lost } = lab();
  watch.add(() => lost.push("a"));
  state.hasLeader = false;
  await pass(world, 2500);
  state.hasLeader = true;
  await pass(world, 1000);
  state.hasLeader = false;
  await pass(world, 2000);
  assert.deepEqual(lost, []);
  await pass(world, 1000);
  assert.deepEqual(lost, ["a"]);
});

test("a stream that ended is not told, and nobody watches for nobody", async () => {
  const { world, watch, state, lost } = lab();
  const forget = watch.add(() => lost.push("a"));
  state.hasLeader = false;
  await pass(world, 2500);
  forget();
  watch.add(() => lost.push("b"));
  await pass(world, 2500);
  assert.deepEqual(lost, []);
  await pass(world, 1000);
  assert.deepEqual(lost, ["b"]);
});
