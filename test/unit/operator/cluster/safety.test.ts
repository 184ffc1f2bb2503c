import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Observed } from "../../../../operator/cluster/observed.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import type { Step } from "../../../../operator/cluster/step.ts";
import { clusterWith, context, minutesAgo, type Sketch, type Surroundings } from "./lab.ts";

const quorum = (voters: number): number => Math.floor(voters / 2) + 1;

const sketch: fc.Arbitrary<Sketch> = fc.record(
  {
    role: fc.constantFrom("voter", "voter", "voter", "learner", "unlisted"),
    pod: fc.constantFrom(
      "ready",
      "ready",
      "ready",
      "unready",
      "pending",
      "terminating",
      "crashing",
      "failed",
      "absent",
    ),
    answers: fc.boolean(),
    volume: fc.constantFrom("own", "own", "own", "gone", "other", "going", "never"),
    downSince: fc.constantFrom(minutesAgo(1), minutesAgo(9), minutesAgo(99)),
    createdAt: fc.constantFrom(minutesAgo(1), minutesAgo(99)),
    lag: fc.constantFrom(0, 6_000, 60_000),
    isOutdated: fc.boolean(),
    isForced: fc.boolean(),
    isGoing: fc.boolean(),
    listedName: fc.constantFrom("", "etcd-x"),
    listedId: fc.constantFrom("e9"),
    node: fc.constantFrom("node-1", "node-2"),
    leaderId: fc.constantFrom("", "a1"),
    id: fc.constantFrom("own", null),
  },
  { requiredKeys: [] },
);
const kind = fc.constantFrom<"Corrupt" | "NoSpace">("Corrupt", "NoSpace");
const phase = fc.constantFrom<"WaitingForApproval" | "Stopping" | "Restarting" | "Rebuilding">(
  "WaitingForApproval",
  "Stopping",
  "Restarting",
  "Rebuilding",
);
const around: fc.Arbitrary<Surroundings> = fc.record(
  {
    spec: fc.record({ replicas: fc.integer({ min: 0, max: 7 }), allowEvenReplicas: fc.boolean() }),
    status: fc.record(
      {
        clusterID: fc.constantFrom("c1", "c1", "c1", "c2"),
        replacements: fc.constantFrom(
          [{ memberName: "etcd-b", time: minutesAgo(0), reason: "down" }],
          [{ memberName: "etcd-c", time: minutesAgo(0), reason: "down" }],
        ),
        quorumRecovery: phase.map((at) => ({
          phase: at,
          nonce: "n",
          survivor: "etcd-a",
          estimatedLoss: "some",
          survivors: [],
        })),
      },
      { requiredKeys: [] },
    ),
    annotations: fc.constant({ "etcd-ts.dev/recover-quorum": "n" }),
    leader: fc.constantFrom("a", "b", null),
    etcd: fc.constantFrom("known", "known", "known", "unknown", "unasked"),
    alarms: fc.array(fc.record({ memberId: fc.constantFrom("a1", "b1", "f9"), kind }), {
      maxLength: 2,
    }),
    maintenance: fc.constant("defrag"),
    provisioner: fc.constant("rancher.io/local-path"),
    nodes: fc.constant({ "node-1": { isReady: true, isOutOfService: false } }),
  },
  { requiredKeys: [] },
);
/** Ids as they are on etcd: each one's own. */
function observedOf(sketches: readonly Sketch[], surroundings: Surroundings): Observed {
  const members = sketches.map((each, at): [string, Sketch] => {
    const short = "abcdefg"[at]!;
    return [
      short,
      {
        ...each,
        ...(each.id === "own" ? { id: `${short}1` } : {}),
        ...(each.listedId === undefined ? {} : { listedId: `${short}9` }),
      },
    ];
  });
  return clusterWith(Object.fromEntries(members), surroundings);
}

/** By the plain reading of what is seen, apart from the plan's own arithmetic. */
function votersOf({ etcd, members }: Observed): { voters: Set<string>; serving: Set<string> } {
  const voters = new Set(
    etcd.kind === "known"
      ? etcd.list.filter(({ isLearner }) => !isLearner).map(({ id }) => id)
      : [],
  );
  const answers = etcd.kind === "unasked" ? [] : [...etcd.answers];
  const serving = answers.flatMap(([name, answer]) => {
    const pod = members.find(({ member }) => member.metadata.name === name)?.pod;
    const isEnding = pod?.metadata.deletionTimestamp !== undefined;
    const isServing =
      answer.kind === "answered" &&
      answer.leaderId !== "" &&
      !isEnding &&
      voters.has(answer.memberId);
    return isServing ? [answer.memberId] : [];
  });
  return { voters, serving: new Set(serving) };
}

function check(observed: Observed, step: Step): void {
  const { voters, serving } = votersOf(observed);
  const { clusterID, quorumRecovery } = observed.cluster.status ?? {};
  const isRecovering =
    quorumRecovery !== undefined && quorumRecovery.phase !== "WaitingForApproval";
  if (step.kind === "create" && step.object.kind === "Pod" && clusterID !== undefined) {
    assert.ok(!JSON.stringify(step.object).includes("initial-cluster-state=new"), "a second birth");
  }
  if (step.kind === "delete" && step.object.kind === "PersistentVolumeClaim") {
    assert.ok(observed.etcd.kind === "known", "a volume is deleted on silence");
    const seen = observed.members.find(({ volumeClaim }) => volumeClaim === step.object);
    const id = seen?.member.status?.memberID;
    assert.ok(id === undefined || !observed.etcd.list.some((entry) => entry.id === id));
    assert.equal(seen?.pod, undefined, "under its pod");
  }
  if (step.kind === "delete" && step.object.kind === "Pod" && !isRecovering) {
    const name = step.object.metadata.name;
    const id = observed.members.find(({ member }) => member.metadata.name === name)?.member.status
      ?.memberID;
    const isForced =
      step.object.metadata.annotations?.["etcd-ts.dev/force-new-cluster"] !== undefined;
    const isHibernating = observed.cluster.spec.replicas === 0;
    if (id !== undefined && serving.has(id) && voters.size > 2 && !isHibernating && !isForced) {
      assert.ok(serving.size - 1 >= quorum(voters.size), `the end of ${name} costs quorum`);
    }
  }
  if (step.kind !== "etcd") return;
  assert.ok(observed.etcd.kind === "known", "a change on silence");
  assert.equal(observed.maintenanceHolder, undefined, "while somebody defragments");
  const { request } = step;
  if (request.kind === "remove" && voters.has(request.memberId)) {
    const after = serving.size - Number(serving.has(request.memberId));
    assert.ok(serving.size >= quorum(voters.size), "a removal without quorum");
    assert.ok(voters.size > 1 && after >= quorum(voters.size - 1), "a removal that costs quorum");
  }
  if (request.kind === "add-learner" || request.kind === "promote") {
    assert.equal(serving.size, voters.size, "a change while somebody is away");
  }
  if (request.kind === "add-learner") {
    assert.ok(!observed.etcd.list.some(({ isLearner }) => isLearner), "two learners");
  }
}

describe("whatever is seen", () => {
  test("the step that is taken keeps quorum, identity and data; the plan never throws, and says the same twice", () => {
    fc.assert(
      fc.property(fc.array(sketch, { maxLength: 7 }), around, (sketches, surroundings) => {
        const observed = observedOf(sketches, surroundings);
        const planned = plan(observed, context);
        assert.deepEqual(plan(structuredClone(observed), context), planned);
        if (planned.kind === "step") check(observed, planned.step);
      }),
      { numRuns: 600 },
    );
  });
});
