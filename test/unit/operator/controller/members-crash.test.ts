/**
 * The crash points that every operator of members must survive (operators.md 3.6), by name; then an end after any single mutation of a scale, and two operators of which
 * one is held up.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { isOperator, OperatorLab, type OperatorProcess } from "../../../operator/operator-lab.ts";
import { assertSound, followersOf, leaderOf, nodeOf, readyCluster } from "./members-lab.ts";

/** What the operator did last before its end, as "create pods db-x" or "etcd add …". */
type Point = (what: string) => boolean;

interface Story {
  readonly lab: OperatorLab;
  operator: OperatorProcess;
}

async function threeFromOne(): Promise<Story> {
  const lab = new OperatorLab();
  const operator = lab.start();
  lab.createCluster("db");
  await lab.untilReady("db");
  return { lab, operator };
}

/** The operator's process ends right after the first thing that matches; its answer is lost. */
function dieAfter({ lab, operator }: Story, point: Point): void {
  let isOver = false;
  const die = (what: string): boolean => {
    if (isOver || !point(what)) return false;
    isOver = true;
    operator.process.kill();
    return true;
  };
  lab.api.afterMutation = ({ by, verb, plural, name }) => {
    return isOperator(by) && die(`${verb} ${plural} ${name}`) ? "break" : "answer";
  };
  lab.node.delayOf = (_by, call) => {
    // It has left: it arrives, and nobody hears of it.
    die(`etcd ${call}`);
    return 0;
  };
}

/** Alone for a while, in whatever state it was left: safe for weeks. Then another operator goes on. */
async function goOn(story: Story, replicas: number): Promise<void> {
  const { lab } = story;
  await lab.until(() => story.operator.isOver, 300_000);
  await lab.time.advance(600_000);
  const etcd = lab.etcd("db");
  assert.deepEqual(etcd.violations, []);
  assert.ok(etcd.leaderId !== undefined, "it serves without an operator");
  lab.node.delayOf = () => 0;
  story.operator = lab.start({ name: "operator-2", seed: 2 });
  await lab.until(() => lab.isReady("db"), 600_000);
  assertSound(lab, replicas);
}

const points: readonly { readonly name: string; readonly point: Point }[] = [
  {
    name: "EtcdMember created, before MemberAdd: no pod is started before etcd lists it",
    point: (what) => /^create etcdmembers/.test(what),
  },
  {
    name: "MemberAdd applied, reply lost: the entry is found by its peer URL, and not added twice",
    point: (what) => /^etcd add/.test(what),
  },
  {
    name: "MemberAdd, before the claim and the pod: the learner that never started is taken up",
    point: (what) => /^patch etcdmembers/.test(what),
  },
  {
    name: "claim created, before the pod",
    point: (what) => /^create persistentvolumeclaims/.test(what),
  },
  { name: "pod created, before promotion", point: (what) => /^create pods/.test(what) },
  {
    name: "promotion applied, reply lost: a voter is what was wanted",
    point: (what) => /^etcd promote/.test(what),
  },
];

for (const { name, point } of points) {
  test(`scale up: ${name}`, async () => {
    const story = await threeFromOne();
    dieAfter(story, point);
    story.lab.changeSpec("db", { replicas: 3 });
    await goOn(story, 3);
    const { lab } = story;
    assert.equal(lab.made("members"), 3);
    assert.equal(lab.made("pods"), 3);
    assert.equal(lab.list("volumeClaims").length, 3);
  });
}

const removals: readonly { readonly name: string; readonly point: Point }[] = [
  { name: "the lead moved off, reply lost", point: (what) => /^etcd move-leader/.test(what) },
  {
    name: "MemberRemove applied, pod still there: the pod goes, and its identity never comes back",
    point: (what) => /^etcd remove/.test(what),
  },
  {
    name: "pod deleted, claim not: no later member gets the old data",
    point: (what) => /^delete pods/.test(what),
  },
  {
    name: "claim deleted, EtcdMember not",
    point: (what) => /^delete persistentvolumeclaims/.test(what),
  },
];

for (const { name, point } of removals) {
  test(`scale down and up again: ${name}`, async () => {
    const story = await threeFromOne();
    const { lab } = story;
    lab.changeSpec("db", { replicas: 3 });
    await lab.until(() => lab.isReady("db"), 300_000);
    // The newest is removed first: with the lead, that has to be moved.
    const newest = lab.node.runs.at(-1)?.pod ?? "";
    const etcd = lab.etcd("db");
    const id = etcd.members.find((member) => member.name === newest)?.id ?? "";
    etcd.moveLeader(etcd.leaderId ?? "", id);
    dieAfter(story, point);
    lab.changeSpec("db", { replicas: 1 });
    await goOn(story, 1);
    assert.equal(lab.list("volumeClaims").length, 1);
    lab.api.afterMutation = () => "answer";
    lab.changeSpec("db", { replicas: 3 });
    await lab.until(() => lab.isReady("db"), 300_000);
    assertSound(lab, 3);
    assert.equal(new Set(lab.node.runs.map(({ claim }) => claim)).size, 5, "five volumes");
  });
}

test("roll: the last ready voters are not restarted while another one is away", async () => {
  const lab = await readyCluster(3);
  const [down = ""] = followersOf(lab);
  const node = nodeOf(lab, down);
  lab.node.loseNode(node);
  await lab.time.advance(10_000);
  const runs = lab.node.runs.length;
  lab.changeSpec("db", { pod: { labels: { a: "b" } } as never });
  await lab.time.advance(40_000);
  assert.equal(lab.node.runs.length, runs, "nobody was restarted");
  assert.ok(lab.etcd("db").leaderId !== undefined);
  lab.node.returnNode(node);
  await lab.until(() => lab.isReady("db"), 300_000);
  assertSound(lab, 3);
});

for (const how of ["kill", "break"] as const) {
  test(`an operator that meets "${how}" after any mutation of 1 ▸ 3 ▸ 1: the same end, nothing done twice`, async () => {
    const count = await scaleStory(0, how);
    assert.ok(count >= 30, `${count} mutations to have an accident after`);
    for (let at = 1; at <= count; at += 1) await scaleStory(at, how);
  });
}

/** An accident after mutation number `at` of the operator, those of etcd counted in. How many there were. */
async function scaleStory(at: number, how: "kill" | "break"): Promise<number> {
  const story = await threeFromOne();
  const { lab } = story;
  let count = 0;
  const isHit = (): boolean => {
    count += 1;
    if (count === at && how === "kill") story.operator.process.kill();
    return count === at;
  };
  lab.api.afterMutation = ({ by, plural }) => {
    if (!isOperator(by) || plural === "leases" || plural === "events") return "answer";
    return isHit() ? "break" : "answer";
  };
  lab.node.delayOf = (_by, call) => {
    if (/^(add|promote|remove|move-leader)/.test(call)) isHit();
    return 0;
  };
  let started = 1;
  for (const replicas of [3, 1]) {
    lab.changeSpec("db", { replicas });
    await lab.until(() => {
      if (story.operator.isOver) {
        started += 1;
        story.operator = lab.start({ name: `operator-${started}`, seed: started });
      }
      return lab.isReady("db");
    }, 600_000);
    assertSound(lab, replicas, `${how} after mutation ${at}, at ${replicas}`);
  }
  assert.equal(lab.list("volumeClaims").length, 1);
  return count;
}

test("two operators, one with an event loop that stands still: no step is done twice", async () => {
  let wasFenced = 0;
  for (const call of [/^add/, /^promote/, /^remove/]) {
    for (const lateMs of [0, 20_000, 40_000]) wasFenced += await heldUp(call, lateMs);
  }
  assert.ok(wasFenced > 0, "the server's precondition was needed at least once");
});

/** The first operator's request is under way for long, and its process stands still meanwhile; the second one takes over. */
async function heldUp(call: RegExp, lateMs: number): Promise<number> {
  const lab = new OperatorLab();
  const first = lab.start();
  lab.createCluster("db");
  await lab.untilReady("db");
  lab.start({ name: "operator-2", seed: 2 });
  let isHeld = false;
  lab.node.delayOf = (by, what) => {
    if (isHeld || by !== "operator-1" || !call.test(what)) return 0;
    isHeld = true;
    first.process.stall(60_000);
    return lateMs;
  };
  for (const replicas of [3, 1]) {
    lab.changeSpec("db", { replicas });
    await lab.until(() => lab.isReady("db"), 600_000);
    await lab.time.advance(90_000);
    assertSound(lab, replicas, `${call} late by ${lateMs} ms, at ${replicas}`);
  }
  assert.equal(isHeld, true);
  assert.equal(first.result, "lost");
  return lab.etcd("db").fenced;
}

test("a maintenance program that holds the Lease is waited for, and the operator's own is released after the change", async () => {
  const lab = await readyCluster(3);
  await lab.time.advance(30_000);
  assert.equal(lab.leaseHolder("db"), "", "released after the scale up");
  lab.takeLease("db", "defrag/db-1", 120);
  const leader = leaderOf(lab);
  lab.changeSpec("db", { replicas: 1 });
  await lab.time.advance(100_000);
  assert.equal(lab.etcd("db").voters.length, 3);
  assert.equal(lab.leaseHolder("db"), "defrag/db-1");
  const ready = lab.cluster("db").status?.conditions?.find(({ type }) => type === "Ready");
  assert.equal(ready?.reason, "MaintenanceRunning");
  // It died, and its time is over.
  await lab.until(() => lab.isReady("db"), 300_000);
  assertSound(lab, 1);
  assert.ok(leader !== "");
  await lab.time.advance(30_000);
  assert.equal(lab.leaseHolder("db"), "");
});
