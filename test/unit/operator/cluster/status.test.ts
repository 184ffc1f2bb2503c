import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type {
  EtcdClusterSpec,
  EtcdClusterStatus,
} from "../../../../operator/api/v1alpha1/types.ts";
import { conditionTypes } from "../../../../operator/cluster/conditions.ts";
import type {
  EtcdView,
  MemberStatusAnswer,
  Observed,
  ObservedMember,
} from "../../../../operator/cluster/observed.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import { clusterStatus, memberStatus } from "../../../../operator/cluster/status.ts";
import type { Plan } from "../../../../operator/cluster/step.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { clusterOf, context, defaultSpec } from "../../../operator/model/objects.ts";
import { healthy } from "./lab.ts";

const rest = healthy(1);
const withMetadata = <Thing extends KubernetesObject>(
  object: Thing,
  metadata: Partial<KubernetesObject["metadata"]>,
): Thing => ({ ...object, metadata: { ...object.metadata, ...metadata } });
/** The same with its members changed. */
const withMember = (
  observed: Observed,
  change: (seen: ObservedMember) => Partial<ObservedMember>,
): Observed => ({
  ...observed,
  members: observed.members.map((seen) => ({ ...seen, ...change(seen) })),
});
const now = "2026-01-01T00:00:00Z";
const later = "2026-01-01T01:00:00Z";

const statusOf = (observed: Observed, at = now, planned: Plan = plan(observed, context)) =>
  clusterStatus(observed, planned, context, at);
/** "Ready=True/AsWanted" for each condition. */
const brief = (status: EtcdClusterStatus): string[] =>
  (status.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is}/${reason}`);
const conditionOf = (status: EtcdClusterStatus, type: string): string =>
  brief(status)
    .find((text) => text.startsWith(`${type}=`))!
    .slice(type.length + 1);
const told = (observed: Observed, status: EtcdClusterStatus): Observed => ({
  ...observed,
  cluster: { ...observed.cluster, status },
});
const withSpec = (spec: Partial<EtcdClusterSpec>, observed = rest): Observed => ({
  ...observed,
  cluster: withMetadata(
    { ...observed.cluster, spec: { ...observed.cluster.spec, ...spec } },
    { generation: 2 },
  ),
});
const withPodStatus = (status: Readonly<Record<string, unknown>>): Observed =>
  withMember(rest, ({ pod }) => ({ pod: { ...pod!, status } }));
const withAnswer = (changes: Partial<MemberStatusAnswer>): Observed => {
  assert.ok(rest.etcd.kind === "known");
  const answers = new Map(
    [...rest.etcd.answers].map(([name, answer]) => [
      name,
      { ...(answer as MemberStatusAnswer), ...changes },
    ]),
  );
  return { ...rest, etcd: { ...rest.etcd, answers } };
};
const silent: EtcdView = { kind: "unknown", reason: "deadline exceeded", answers: new Map() };

describe("the status of a cluster", () => {
  test("that is as wanted", () => {
    const status = statusOf(rest);
    assert.deepEqual(brief(status), [
      "Ready=True/AsWanted",
      "Available=True/WritesPossible",
      "QuorumHealthy=True/QuorumPresent",
      "Progressing=False/AsWanted",
      "Degraded=False/MembersReady",
      "Paused=False/NotPaused",
    ]);
    assert.deepEqual(
      { ...status, conditions: undefined },
      {
        conditions: undefined,
        clusterID: "c1",
        seedMember: "etcd-a",
        observedGeneration: 1,
        phase: "Running",
        replicas: 1,
        readyReplicas: 1,
        ready: "1/1",
        selector: "etcd-ts.dev/cluster=etcd,app.kubernetes.io/component=member",
        version: "3.7.1",
        leader: "etcd-a",
        endpoint: "http://etcd-client.prod.svc:2379",
        members: [
          {
            name: "etcd-a",
            id: "a1",
            role: "Leader",
            phase: "Ready",
            version: "3.7.1",
            dbSizeBytes: 20_480,
            dbSizeInUseBytes: 16_384,
            raftAppliedIndex: 100_000,
            node: "node-1",
          },
        ],
      },
    );
  });

  test("has every condition, each with the generation that was looked at", () => {
    const { conditions = [], observedGeneration } = statusOf(withSpec({ paused: true }));
    assert.deepEqual(
      conditions.map(({ type }) => type),
      [...conditionTypes],
    );
    assert.equal(observedGeneration, 2);
    assert.ok(conditions.every((condition) => condition.observedGeneration === 2));
  });

  test("that is new has no latch of its own making", () => {
    const observed: Observed = {
      ...rest,
      cluster: clusterOf(),
      members: [],
      etcd: { kind: "unasked" },
    };
    const status = statusOf(observed);
    assert.equal(plan(observed, context).kind, "step");
    assert.equal(status.seedMember, undefined);
    assert.equal(status.phase, "Creating");
    assert.equal(status.ready, "0/1");
    assert.equal(conditionOf(status, "Ready"), "False/Creating");
    assert.equal(conditionOf(status, "Degraded"), "False/MembersReady");
  });

  for (const [what, observed, expected] of [
    [
      "with a change to carry out",
      withSpec({ etcd: { snapshotCount: 1 } }),
      {
        phase: "Updating",
        Ready: "False/Updating",
        Available: "True/WritesPossible",
        Progressing: "True/Updating",
      },
    ],
    [
      "that is paused, and as wanted",
      withSpec({ paused: true }),
      {
        phase: "Paused",
        Ready: "True/AsWanted",
        Paused: "True/Paused",
        Progressing: "False/Paused",
      },
    ],
    [
      "that is paused, with a change to carry out",
      withSpec({ paused: true, etcd: { snapshotCount: 1 } }),
      { phase: "Paused", Ready: "False/Paused", Paused: "True/Paused" },
    ],
    [
      "whose etcd does not answer",
      { ...rest, etcd: silent },
      {
        phase: "Updating",
        Ready: "Unknown/EtcdUnreachable",
        Available: "Unknown/EtcdUnreachable",
        QuorumHealthy: "Unknown/EtcdUnreachable",
      },
    ],
    [
      "whose pod is gone",
      { ...withMember(rest, () => ({ pod: undefined })), etcd: { kind: "unasked" } },
      {
        phase: "Updating",
        Ready: "False/Updating",
        Available: "False/NoMemberRunning",
        QuorumHealthy: "False/NoMemberRunning",
        Degraded: "True/MembersNotReady",
      },
    ],
    [
      "whose pod is not ready",
      { ...withPodStatus({ phase: "Running" }), etcd: silent },
      { phase: "Degraded", Ready: "False/PodNotReady", Degraded: "True/MembersNotReady" },
    ],
    [
      "whose volume is lost",
      withMember(rest, () => ({ volumeClaim: undefined })),
      {
        phase: "Stuck",
        Ready: "False/VolumeLost",
        Progressing: "False/VolumeLost",
        Degraded: "True/VolumeLost",
      },
    ],
    [
      "whose claim is being deleted under its pod",
      withMember(rest, ({ volumeClaim }) => ({
        volumeClaim: withMetadata(volumeClaim!, { deletionTimestamp: now }),
      })),
      {
        phase: "Updating",
        Degraded: "True/VolumeDeletionPending",
        Available: "True/WritesPossible",
      },
    ],
    [
      "with alarm NOSPACE",
      withAnswer({ errors: ["memberID:1 alarm:NOSPACE "] }),
      {
        phase: "Degraded",
        Ready: "False/NoSpace",
        Available: "False/NoSpace",
        Degraded: "True/NoSpace",
      },
    ],
    [
      "with alarm CORRUPT, which is the worse one",
      withAnswer({ errors: ["alarm:NOSPACE", "alarm:CORRUPT"] }),
      { Ready: "False/Corrupt", Available: "False/Corrupt", Degraded: "True/Corrupt" },
    ],
    [
      "under deletion",
      { ...rest, cluster: withMetadata(rest.cluster, { deletionTimestamp: now }) },
      { phase: "Deleting", Ready: "False/Deleting", Progressing: "True/Deleting" },
    ],
  ] as readonly (readonly [string, Observed, Readonly<Record<string, string>>])[]) {
    test(what, () => {
      const { phase, ...conditions } = expected;
      const status = statusOf(observed);
      if (phase !== undefined) assert.equal(status.phase, phase);
      for (const [type, text] of Object.entries(conditions)) {
        assert.equal(conditionOf(status, type), text, type);
      }
    });
  }

  test("leaves Ready in the write that tells of a new generation", () => {
    const before = told(rest, statusOf(rest));
    const status = statusOf(
      withSpec({ pod: { ...defaultSpec.pod, affinityPreset: "None" } }, before),
    );
    assert.equal(status.observedGeneration, 2);
    assert.equal(conditionOf(status, "Ready"), "False/Updating");
  });

  test("keeps Ready where a new generation asks for nothing", () => {
    const before = told(rest, statusOf(rest));
    const status = statusOf(
      withSpec({ image: { repository: "localhost/etcd-ts" } }, before),
      later,
    );
    assert.equal(status.observedGeneration, 2);
    assert.equal(conditionOf(status, "Ready"), "True/AsWanted");
    assert.equal(status.conditions?.[0]?.lastTransitionTime, now);
  });
});

describe("a status that was told", () => {
  const before = told(rest, statusOf(rest));

  test("is the same as long as nothing happens", () => {
    assert.deepEqual(statusOf(before, later), before.cluster.status);
  });

  test("moves the time of a condition only with its status", () => {
    const { conditions = [] } = statusOf({ ...before, etcd: silent }, later);
    const times = Object.fromEntries(
      conditions.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
    );
    assert.deepEqual(times, {
      Ready: later,
      Available: later,
      QuorumHealthy: later,
      Progressing: later,
      Degraded: now,
      Paused: now,
    });
  });

  const working = (changes: Partial<MemberStatusAnswer>): EtcdClusterStatus =>
    statusOf({ ...withAnswer(changes), cluster: before.cluster }, later);

  test("stays while etcd works: its index and small changes of its size are no news", () => {
    const status = working({ raftAppliedIndex: 99_999, dbSizeBytes: 21_000, raftTerm: 2 });
    assert.deepEqual(status, before.cluster.status);
  });

  test("takes the present index and sizes along with any news", () => {
    const status = working({ raftAppliedIndex: 99_999, dbSizeBytes: 40_960 });
    assert.equal(status.members![0]!.dbSizeBytes, 40_960);
    assert.equal(status.members![0]!.raftAppliedIndex, 99_999);
  });

  test("keeps the version while nobody answers, and forgets who leads", () => {
    const status = statusOf({ ...before, etcd: silent }, later);
    assert.equal(status.version, "3.7.1");
    assert.equal(status.leader, undefined);
    assert.equal(status.members?.[0]?.role, "Unknown");
  });

  test("does not go round with the states of a container that ends again and again", () => {
    const lastState = { terminated: { reason: "Error", exitCode: 1 } };
    const messages = [
      { waiting: { reason: "CrashLoopBackOff", message: "back-off 5m0s restarting" } },
      { waiting: { reason: "CrashLoopBackOff", message: "back-off 2m40s restarting" } },
      { running: { startedAt: now } },
      { terminated: { reason: "Error", exitCode: 1 } },
    ].map((state, at) => {
      const containerStatuses = [{ state, lastState, restartCount: at + 1, started: false }];
      const status = statusOf(withPodStatus({ phase: "Running", containerStatuses }));
      return [status.members?.[0]?.message, status.members?.[0]?.phase];
    });
    assert.deepEqual(new Set(messages.map((message) => message.join())).size, 1);
    assert.match(String(messages[0]), /exit code 1.*kubectl logs --previous,NotReady/);
  });

  test("does not go round with the two words for an image that cannot be pulled", () => {
    const [first, second] = ["ErrImagePull", "ImagePullBackOff"].map((reason) => {
      const container = { image: "x:1", state: { waiting: { reason, message: reason } } };
      return statusOf(withPodStatus({ phase: "Pending", containerStatuses: [container] }));
    });
    assert.deepEqual(first, second);
    assert.match(String(first!.members![0]!.message), /cannot be pulled: x:1/);
  });
});

describe("a pod that does not end", () => {
  const ending = withMember(rest, ({ pod }) => ({
    pod: withMetadata(
      { ...pod!, spec: { ...(pod!["spec"] as object), nodeName: "node-7" } },
      { deletionTimestamp: now },
    ),
  }));

  test("is ending, up to a minute after its grace period", () => {
    const status = statusOf(ending, "2026-01-01T00:01:00Z");
    assert.equal(conditionOf(status, "Degraded"), "True/MembersNotReady");
    assert.equal(status.members?.[0]?.node, "node-7");
  });

  test("is told of after that, with its node and what a person can do; nothing is forced", () => {
    const status = statusOf(ending, "2026-01-01T00:01:01Z");
    const degraded = status.conditions?.find(({ type }) => type === "Degraded");
    assert.equal(degraded?.reason, "PodStuckTerminating");
    assert.match(degraded.message, /node node-7 .*out-of-service/);
    assert.equal(plan(ending, context).kind, "wait");
  });
});

describe("the status of a member", () => {
  const [seen] = rest.members;
  test("that is ready", () => {
    const { conditions, ...others } = memberStatus(rest, seen!, now);
    assert.deepEqual(others, {
      observedGeneration: 1,
      phase: "Ready",
      memberID: "a1",
      volumeClaimUID: seen!.volumeClaim!.metadata.uid,
      podUID: seen!.pod!.metadata.uid,
      node: "node-1",
      role: "Leader",
      version: "3.7.1",
    });
    assert.deepEqual(conditions, [
      {
        type: "Ready",
        status: "True",
        reason: "MembersReady",
        message: "the pod is ready",
        lastTransitionTime: now,
        observedGeneration: 1,
      },
    ]);
  });

  const running = (started: boolean) => ({
    phase: "Running",
    containerStatuses: [{ started, restartCount: 0 }],
  });
  for (const [what, status, phase] of [
    ["evicted", { phase: "Failed", reason: "Evicted" }, "Failed"],
    ["waiting for a node", { phase: "Pending" }, "Pending"],
    ["starting", running(false), "Starting"],
    ["started, and not ready", running(true), "NotReady"],
  ] as const) {
    test(`that is ${what}`, () => {
      const observed = withPodStatus(status);
      assert.equal(memberStatus(observed, observed.members[0]!, now).phase, phase);
    });
  }
});
