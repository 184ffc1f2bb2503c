/**
 * The operator ends, or loses its answer, after any single mutation of a cluster's way to Ready, of a roll and of a pod's loss: the end is
 * the same, and exactly one seed was ever started. Two operators, and operators that stall, at the same work.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { isOperator, OperatorLab, type OperatorProcess } from "../../../operator/operator-lab.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

/** "kill": the process ends before the answer reaches it. "break": it lives on without the answer. "late": it ends when it has it. */
type How = "kill" | "break" | "late";

/** Long enough for an answer (2 ms), too short for what follows upon it. */
const answeredMs = 3;

function assertWell(lab: OperatorLab, name: string, what: string): void {
  assert.ok(lab.isReady(name), `${what}: Ready`);
  assert.deepEqual([...lab.node.births.values()], [1], `${what}: one birth`);
  for (const kind of ["members", "pods", "volumeClaims"] as const) {
    assert.equal(lab.list(kind).length, 1, `${what}: one of ${kind}`);
  }
  for (const kind of ["members", "volumeClaims"] as const) {
    assert.equal(lab.made(kind), 1, `${what}: ${kind} made once`);
  }
  assert.equal(new Set(lab.node.runs.map(({ claim }) => claim)).size, 1, `${what}: one volume`);
}

/** Keeps one operator at work, whatever becomes of it, until `isSo`. */
async function tend(
  lab: OperatorLab,
  operators: { current: OperatorProcess; started: number },
  isSo: () => boolean,
): Promise<void> {
  await lab.until(() => {
    if (operators.current.isOver) {
      operators.started += 1;
      const { started } = operators;
      operators.current = lab.start({ name: `operator-${started}`, seed: started });
    }
    return isSo();
  }, 300_000);
}

/** The whole story with an accident after mutation number `at` of the operator. How many mutations there were. */
async function story(at: number, how: How): Promise<number> {
  const lab = new OperatorLab();
  const operators = { current: lab.start(), started: 1 };
  let count = 0;
  lab.api.afterMutation = ({ by }) => {
    if (!isOperator(by)) return "answer";
    count += 1;
    if (count !== at) return "answer";
    const { process } = operators.current;
    if (how === "kill") process.kill();
    if (how === "late") lab.time.after(answeredMs, () => process.kill());
    return how === "late" ? "answer" : "break";
  };
  const what = `${how} after mutation ${at}`;
  lab.createCluster("db");
  await tend(lab, operators, () => lab.isReady("db"));
  assertWell(lab, "db", what);
  lab.changeSpec("db", { image: { repository: "etcd-ts", tag: "2" } });
  await tend(lab, operators, () => lab.isReady("db"));
  assertWell(lab, "db", what);
  assert.equal(lab.node.runs.at(-1)?.image, "etcd-ts:2", what);
  const [pod] = lab.list("pods");
  lab.delete("pods", pod?.metadata.name ?? "");
  await tend(lab, operators, () => {
    const [now] = lab.list("pods");
    return now !== undefined && now.metadata.uid !== pod?.metadata.uid && lab.isReady("db");
  });
  assertWell(lab, "db", what);
  assert.equal(lab.node.runs.length, 3, `${what}: the pod ran three times`);
  return count;
}

for (const how of ["kill", "break", "late"] as const) {
  test(`an operator that meets "${how}" after any mutation: the same end, one seed`, async () => {
    const count = await story(0, how);
    assert.ok(count >= 25, `${count} mutations to have an accident after`);
    for (let at = 1; at <= count; at += 1) await story(at, how);
  });
}

test("an operator that stalls before any of its requests does not act on its old view when it runs again", async () => {
  const seen = new Set<boolean>();
  for (let at = 1; at <= 60; at += 3) {
    const lab = new OperatorLab();
    const first = lab.start();
    const state = { looks: 0, wasLeading: false };
    const others: OperatorProcess[] = [];
    const late: string[] = [];
    lab.api.onRequest = ({ method, path, userAgent }) => {
      const isWrite = method !== "GET" && !path.includes("/leases");
      const isFirst = userAgent === "etcd-ts-operator/operator-1";
      if (isWrite && isFirst && others.length > 0) late.push(`${method} ${path}`);
      if (!/pods|etcdmembers|etcdclusters|claims|services/.test(path) || /watch/.test(path)) return;
      state.looks += 1;
      if (state.looks !== at) return;
      state.wasLeading = first.operator.isLeading;
      first.process.stall(60_000);
    };
    lab.createCluster("db");
    await lab.time.advance(1_000);
    others.push(lab.start({ name: "operator-2", seed: 2 }));
    await lab.until(() => lab.isReady("db"));
    await lab.time.advance(90_000);
    if (state.looks > at) assert.deepEqual(late, [], `stalled at request ${at}`);
    assertWell(lab, "db", `stalled at request ${at}`);
    if (state.wasLeading) assert.equal(first.result, "lost", `stalled at request ${at}`);
    seen.add(state.wasLeading);
  }
  assert.ok(seen.has(true), "it led at some of these moments");
});

test("two operators: one works, the other stands by, and takes over at once when the first is told to stop", async () => {
  const lab = new OperatorLab();
  const first = lab.start();
  await lab.time.advance(3_000);
  const second = lab.start({ name: "operator-2", seed: 2 });
  lab.createCluster("db");
  await lab.untilReady("db");
  assert.deepEqual([first.operator.isLeading, second.operator.isLeading], [true, false]);
  assert.equal(second.operator.hasSynced, true);
  assert.deepEqual(second.results, []);
  first.stop.abort();
  await lab.until(() => second.operator.isLeading, 5_000);
  assert.equal(first.result, "stopped");
  lab.delete("pods", lab.list("pods")[0]?.metadata.name ?? "");
  await lab.until(() => lab.list("pods").length === 0);
  await lab.untilReady("db");
  assertWell(lab, "db", "after the change");
});

test("a leader that is cut off from the API server ends as lost, and changes nothing afterwards", async () => {
  const lab = new OperatorLab();
  const first = lab.start();
  lab.createCluster("db");
  await lab.untilReady("db");
  first.network.isDown = true;
  lab.start({ name: "operator-2", seed: 2 });
  await lab.until(() => first.isOver, 60_000);
  assert.equal(first.result, "lost");
  const lost = lab.time.monotonicMs();
  lab.delete("pods", lab.list("pods")[0]?.metadata.name ?? "");
  await lab.until(() => lab.list("pods").length === 0);
  await lab.untilReady("db");
  assert.ok(lab.time.monotonicMs() > lost);
});

test("an API server that hangs holds no worker for long, and all goes on when it answers again", async () => {
  const lab = new OperatorLab();
  const operator = lab.start();
  await lab.time.advance(1_000);
  const isOurs = ({ path }: { path: string }): boolean => !/leases|watch=true/.test(path);
  const fault = lab.api.fail({ kind: "hang", effect: "before" }, isOurs, 1_000_000);
  lab.createCluster("db");
  await lab.time.advance(60_000);
  assert.ok(operator.results.length >= 3, `${operator.results.length} looks were given up`);
  assert.deepEqual(new Set(operator.results), new Set(["error"]));
  fault.count = 0;
  await lab.until(() => lab.isReady("db"), 60_000);
});

/** Faults, stalls and ends, for one of the operators or for the server. */
function disturb(luck: SeededRandom, lab: OperatorLab, operator: OperatorProcess): void {
  const actions = [
    () => operator.process.stall(luck.below(25_000)),
    () => operator.process.suspend(luck.below(25_000)),
    () => operator.process.jumpWallClock(luck.below(30_000)),
    () => operator.process.kill(),
    () => operator.stop.abort(),
    () => {
      operator.network.isDown = !operator.network.isDown;
    },
    () => {
      lab.node.isCut = !lab.node.isCut;
    },
    () => lab.api.closeWatches("break"),
    () => lab.api.expire(),
    () => lab.api.eachWatch((watch) => watch.silence()),
    () =>
      lab.api.fail({ kind: luck.pick(["hang", "break"]), effect: luck.pick(["before", "after"]) }),
    () => {
      const code = luck.pick([409, 429, 500, 503]);
      lab.api.fail({ kind: "status", code }, undefined, 1 + luck.below(3));
    },
    () => {
      const [pod] = lab.list("pods");
      if (pod !== undefined) lab.delete("pods", pod.metadata.name);
    },
  ];
  luck.pick(actions)();
}

test("two operators and random faults: Ready in the end, from one seed, with the one volume", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const luck = new SeededRandom(seed);
      const lab = new OperatorLab();
      let born = 0;
      const bear = (): OperatorProcess => {
        born += 1;
        return lab.start({ name: `operator-${born}`, seed: seed + born });
      };
      const operators = [bear(), bear()];
      const replace = (): void => {
        operators.forEach((operator, at) => {
          if (operator.isOver) operators[at] = bear();
        });
      };
      lab.createCluster("db");
      for (let step = 0; step < 30; step += 1) {
        if (luck.chance(0.7)) disturb(luck, lab, luck.pick(operators));
        await lab.time.advance(luck.pick([3, 10, 100, 1_000, 6_000]));
        replace();
      }
      lab.api.faults.length = 0;
      lab.node.isCut = false;
      for (const { network } of operators) network.isDown = false;
      for (let second = 0; second < 180; second += 1) {
        await lab.time.advance(1_000);
        replace();
      }
      assertWell(lab, "db", `seed ${seed}`);
    }),
    { numRuns: 30 },
  );
});
