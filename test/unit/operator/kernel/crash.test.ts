/**
 * All parts of the kernel together, as an operator uses them: a small controller that makes as many children as each parent wants, with
 * names drawn at random, so that making one twice would be seen. It is killed after each single mutation, and stalled, and doubled.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { ApiClient } from "../../../../operator/kernel/api-client.ts";
import { LeaderElection } from "../../../../operator/kernel/leader-election.ts";
import { listAll } from "../../../../operator/kernel/pager.ts";
import { Reflector } from "../../../../operator/kernel/reflector.ts";
import { type KubernetesObject, keyOf, refOf } from "../../../../operator/kernel/resource.ts";
import { Store } from "../../../../operator/kernel/store.ts";
import { WorkQueue } from "../../../../operator/kernel/work-queue.ts";
import { runWorkers } from "../../../../operator/kernel/workers.ts";
import type { Network } from "../../../operator/direct-transport.ts";
import { configMaps, KernelLab, widget, widgets } from "../../../operator/kernel-lab.ts";
import type { ProcessView } from "../../../operator/virtual-time.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const namespace = "default";
const lease = { namespace, name: "operator" };
const finalizer = "test.dev/children";

/** One step towards what the parent wants; the next look takes the next one. */
async function reconcile(
  client: ApiClient,
  key: string,
): Promise<undefined | { requeueAfterMs: number }> {
  const parent = await client.find(widgets, refOf(key));
  if (parent === undefined) return undefined;
  const { name, uid = "", deletionTimestamp, finalizers = [] } = parent.metadata;
  const labelSelector = `parent=${uid}`;
  // Read live, never from the store: a child that was made a moment ago must be seen.
  const children = (await listAll(client, configMaps, { namespace, labelSelector })).items;
  const again = { requeueAfterMs: 0 };
  if (deletionTimestamp !== undefined) {
    const [child] = children;
    if (child !== undefined) {
      await client.delete(configMaps, child.metadata, { uid: child.metadata.uid });
      return again;
    }
    const { resourceVersion } = parent.metadata;
    const body = { metadata: { resourceVersion, finalizers: null } };
    if (finalizers.length > 0)
      await client.patch(widgets, parent.metadata, body, { type: "merge" });
    return undefined;
  }
  if (!finalizers.includes(finalizer)) {
    const body = {
      metadata: { resourceVersion: parent.metadata.resourceVersion, finalizers: [finalizer] },
    };
    await client.patch(widgets, parent.metadata, body, { type: "merge" });
    return again;
  }
  const { size } = parent["spec"] as { size: number };
  const [first] = children;
  if (children.length < size) {
    const metadata = { generateName: `${name}-`, namespace, labels: { parent: uid } };
    await client.create(configMaps, { metadata }, { namespace });
    return again;
  }
  if (children.length > size && first !== undefined) {
    await client.delete(configMaps, first.metadata, { uid: first.metadata.uid });
    return again;
  }
  const status = { ready: children.length };
  await client.apply(
    widgets,
    { metadata: { name, namespace }, status },
    { fieldManager: "operator", subresource: "status" },
  );
  return undefined;
}

/** One process of the operator, from its start to its end. */
class Operator {
  readonly process: ProcessView;
  readonly network: Network = { isDown: false, latencyMs: () => 2 };
  readonly stop = new AbortController();
  isOver = false;

  constructor(lab: KernelLab, name: string, seed: number) {
    this.process = lab.time.process(seed);
    const client = lab.client(this.process, this.network);
    const election = new LeaderElection({ client, ports: this.process, lease, identity: name });
    const run = election.run(async (leadership, signal) => {
      const queue = new WorkQueue(this.process, { baseMs: 50, maxMs: 2_000 });
      const store = new Store();
      const enqueue = (object: KubernetesObject): void => queue.add(keyOf(object.metadata));
      store.subscribe({
        onAdd: enqueue,
        onUpdate: (_, after) => enqueue(after),
        onDelete: enqueue,
      });
      const times = { silenceMs: 20_000, backoffMaxMs: 2_000 };
      const reflector = new Reflector({
        client,
        ports: this.process,
        resource: widgets,
        store,
        times,
      });
      const guarded = client.withGuard(leadership);
      await Promise.all([
        reflector.run(signal),
        runWorkers(
          {
            queue,
            ports: this.process,
            workerCount: 2,
            reconcile: (key) => reconcile(guarded, key),
          },
          signal,
        ),
      ]);
    }, this.stop.signal);
    const over = (): void => {
      this.isOver = true;
    };
    run.then(over, over);
  }
}

/** Parents that a user made, changed and deleted; what is right for them in the end. */
function wish(lab: KernelLab): void {
  for (const [name, size] of [
    ["a", 3],
    ["b", 1],
    ["c", 2],
  ] as const) {
    lab.direct.create(widget(name, { spec: { size } }));
  }
}

function assertFulfilled(lab: KernelLab): void {
  const children = lab.api.store.list(configMaps);
  for (const parent of lab.api.store.list(widgets)) {
    const own = children.filter(
      ({ metadata }) =>
        (metadata["labels"] as Record<string, string>)["parent"] === parent.metadata.uid,
    );
    const { size } = parent["spec"] as { size: number };
    assert.equal(own.length, size, `${parent.metadata.name} has ${own.length} of ${size}`);
    assert.deepEqual(parent["status"], { ready: size });
  }
  const uids = new Set(lab.api.store.list(widgets).map(({ metadata }) => metadata.uid));
  for (const { metadata } of children) {
    assert.ok(
      uids.has((metadata["labels"] as Record<string, string>)["parent"] ?? ""),
      "an orphan",
    );
  }
}

function created(lab: KernelLab): number {
  return lab.api.store.mutations.filter(
    ({ verb, plural }) => verb === "create" && plural === "configmaps",
  ).length;
}

/** Runs the whole story; `crashAt` is the mutation after which the process that did it is gone. */
async function story(
  crashAt: number,
  how: "kill" | "break",
): Promise<{ lab: KernelLab; count: number }> {
  const lab = new KernelLab();
  let starts = 1;
  let operator = new Operator(lab, "operator-1", 1);
  let byOperator = 0;
  lab.api.afterMutation = () => {
    byOperator += 1;
    if (byOperator !== crashAt) return "answer";
    if (how === "kill") operator.process.kill();
    return "break";
  };
  const settleDown = async (): Promise<void> => {
    for (let second = 0; second < 50; second += 1) {
      await lab.time.advance(1_000);
      if (operator.process.hasEnded || operator.isOver) {
        starts += 1;
        operator = new Operator(lab, `operator-${starts}`, starts);
      }
    }
  };
  wish(lab);
  await settleDown();
  assertFulfilled(lab);
  assert.equal(created(lab), 6, "each child was made once");
  lab.direct.update("a", () => ({ spec: { size: 1 } }));
  lab.direct.delete("b");
  await settleDown();
  assertFulfilled(lab);
  assert.equal(created(lab), 6);
  assert.deepEqual(
    lab.api.store.list(widgets).map(({ metadata }) => metadata.name),
    ["a", "c"],
  );
  const reconciling = lab.api.store.mutations.filter(
    ({ plural, by }) => plural !== "leases" && by !== "somebody",
  );
  return { lab, count: reconciling.length };
}

test("a process that ends, or loses its answer, after any mutation: nothing is done twice, nothing is left undone", async () => {
  const { lab, count } = await story(0, "kill");
  assert.ok(count >= 15, `${count} mutations to crash after`);
  const all = lab.api.store.mutations.length;
  for (const how of ["kill", "break"] as const) {
    for (let crashAt = 1; crashAt <= all; crashAt += 1) {
      await story(crashAt, how);
    }
  }
});

test("an operator that stalls between its look and its act does not act any more: another one has", async () => {
  for (const stalledAt of [1, 2, 3, 4]) {
    const lab = new KernelLab();
    const first = new Operator(lab, "operator-1", 1);
    let looks = 0;
    lab.api.onRequest = ({ method, path }) => {
      if (method !== "GET" || !path.includes("/configmaps")) return;
      looks += 1;
      // What it sees is on its way already; it decides upon that when it runs again.
      if (looks === stalledAt) first.process.stall(60_000);
    };
    wish(lab);
    await lab.time.advance(1_000);
    const second = new Operator(lab, "operator-2", 2);
    await lab.time.advance(120_000);
    assert.equal(first.isOver, true);
    assert.equal(second.isOver, false);
    assertFulfilled(lab);
    assert.equal(created(lab), 6, `stalled at look ${stalledAt}`);
  }
});

/** Faults, stalls and ends, for one of the operators or for the server. */
function disturb(luck: SeededRandom, lab: KernelLab, operator: Operator): void {
  const { process, network } = operator;
  const actions = [
    () => process.stall(luck.below(25_000)),
    () => process.suspend(luck.below(25_000)),
    () => process.jumpWallClock(luck.below(30_000)),
    () => process.kill(),
    () => operator.stop.abort(),
    () => {
      network.isDown = !network.isDown;
    },
    () => lab.api.closeWatches("break"),
    () => lab.api.expire(),
    () => lab.api.eachWatch((watch) => watch.silence()),
    () =>
      lab.api.fail({ kind: luck.pick(["hang", "break"]), effect: luck.pick(["before", "after"]) }),
    () =>
      lab.api.fail(
        { kind: "status", code: luck.pick([409, 429, 500, 503]) },
        undefined,
        1 + luck.below(3),
      ),
  ];
  luck.pick(actions)();
}

test("two operators and random faults: what is wanted is there in the end, and no child was made beyond it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const luck = new SeededRandom(seed);
      const lab = new KernelLab();
      let born = 0;
      const bear = (): Operator => {
        born += 1;
        return new Operator(lab, `operator-${born}`, seed + born);
      };
      const operators = [bear(), bear()];
      let most = 0;
      const look = (): void => {
        most = Math.max(most, lab.api.store.list(configMaps).length);
      };
      wish(lab);
      for (let step = 0; step < 25; step += 1) {
        if (luck.chance(0.7)) disturb(luck, lab, luck.pick(operators));
        await lab.time.advance(luck.pick([3, 10, 1_000, 6_000]), look);
        operators.forEach((operator, at) => {
          if (operator.isOver || operator.process.hasEnded) operators[at] = bear();
        });
      }
      lab.api.faults.length = 0;
      for (const { network } of operators) network.isDown = false;
      for (let second = 0; second < 120; second += 1) {
        await lab.time.advance(1_000, look);
        operators.forEach((operator, at) => {
          if (operator.isOver || operator.process.hasEnded) operators[at] = bear();
        });
      }
      assertFulfilled(lab);
      assert.equal(created(lab), 6, "each child was made once");
      assert.equal(most, 6);
    }),
    { numRuns: 40 },
  );
});
