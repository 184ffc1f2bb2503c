import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdClusterStatus } from "../../../../operator/api/v1alpha1/types.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import {
  clusterWith,
  context,
  fine,
  healthy,
  minutesAgo,
  next,
  type Sketch,
  type Surroundings,
} from "./lab.ts";

type Recovery = NonNullable<EtcdClusterStatus["quorumRecovery"]>;

const gone: Sketch = { volume: "gone", pod: "absent" };
/** a still answers, the volumes of the others are gone. */
const lost = (
  around: Surroundings = {},
  others: Sketch = gone,
  a: Sketch = {},
): ReturnType<typeof clusterWith> =>
  clusterWith({ a, b: others, c: others }, { etcd: "unknown", leader: null, ...around });
const evidenceFor = (observed: ReturnType<typeof clusterWith>): Recovery => {
  const planned = plan(observed, context);
  assert.ok(planned.kind === "step" && planned.step.kind === "latch-cluster", next(observed));
  const { quorumRecovery } = planned.step.fields;
  assert.ok(quorumRecovery !== undefined && quorumRecovery !== null);
  return quorumRecovery;
};
const evidence = evidenceFor(lost());
const inPhase = (phase: Recovery["phase"]): EtcdClusterStatus => ({
  quorumRecovery: { ...evidence, phase },
});
const annotations = { "etcd-ts.dev/recover-quorum": evidence.nonce };

describe("a quorum that is lost", () => {
  test("is told with what is left: survivors, term, commit index, what may be lost", () => {
    assert.equal(evidence.phase, "WaitingForApproval");
    assert.equal(evidence.survivor, "etcd-a");
    assert.deepEqual(evidence.survivors, [
      { name: "etcd-a", isRunning: true, raftTerm: 2, committedIndex: 100_000 },
    ]);
    assert.match(evidence.estimatedLoss, /after log index 100000/);
  });

  test("chooses the survivor that knows the most to be committed", () => {
    const observed = clusterWith(
      { a: { lag: 5 }, b: { lag: 1 }, c: gone, d: gone, e: gone },
      { etcd: "unknown", leader: null },
    );
    assert.equal(evidenceFor(observed).survivor, "etcd-b");
  });

  test("never goes on from a member that was given up: its data is old", () => {
    const replacements = [{ memberName: "etcd-a", time: minutesAgo(5), reason: "down" }];
    const observed = clusterWith(
      { a: { pod: "terminating", answers: false }, b: { pod: "absent" }, c: gone, d: gone },
      { etcd: "unasked", status: { replacements } },
    );
    assert.equal(evidenceFor(observed).survivor, "etcd-b");
  });

  test("never goes on from a learner that was still being made", () => {
    const unmade = clusterWith(
      { a: gone, b: { role: "learner", pod: "absent", answers: false, volume: "never" } },
      { etcd: "unasked" },
    );
    assert.equal(evidenceFor(unmade).survivor, undefined);
    const silent: Sketch = { pod: "pending", answers: false, downSince: minutesAgo(60) };
    const empty = clusterWith(
      {
        a: { ...silent, createdAt: minutesAgo(10) },
        b: { ...silent, createdAt: minutesAgo(90) },
        c: { ...gone, createdAt: minutesAgo(95) },
        d: { ...gone, createdAt: minutesAgo(99) },
      },
      { etcd: "unknown", leader: null },
    );
    assert.equal(evidenceFor(empty).survivor, "etcd-b");
  });

  test("never goes on from a volume whose claim is being deleted, and ends no pod that keeps one alive", () => {
    assert.equal(evidenceFor(lost({}, gone, { volume: "going" })).survivor, undefined);
    for (const phase of ["Stopping", "Restarting"] as const) {
      const around = { status: inPhase(phase), annotations };
      assert.equal(next(lost(around, gone, { volume: "going" })), "stuck VolumeDeletionPending");
      const without = lost(around, gone, { volume: "other", pod: "absent" });
      assert.equal(next(without), "stuck VolumeLost");
    }
  });

  test("counts a survivor that does not run as one, and says that it may know more", () => {
    const observed = clusterWith(
      { a: {}, b: { pod: "unready" }, c: gone, d: gone, e: gone },
      { etcd: "unknown", leader: null },
    );
    const { survivor, survivors, estimatedLoss } = evidenceFor(observed);
    assert.equal(survivor, "etcd-a");
    assert.deepEqual(survivors.at(-1), { name: "etcd-b", isRunning: false });
    assert.match(estimatedLoss, /etcd-b .*may know more/);
  });

  test("is not told while a quorum of volumes is left and may come back in time", () => {
    assert.equal(next(lost({}, { pod: "pending", downSince: minutesAgo(4) })), "wait PodPending");
    assert.equal(next(lost({}, { pod: "unready", downSince: minutesAgo(60) })), "wait PodNotReady");
  });

  test("is told when a quorum has been away for long, though its volumes are there", () => {
    const { estimatedLoss } = evidenceFor(lost({}, { pod: "pending", downSince: minutesAgo(6) }));
    assert.match(estimatedLoss, /quorum returns when the members come back/);
  });

  test("is a matter of a list that is not known: with one, members are healed", () => {
    assert.notEqual(next(clusterWith({ a: {}, b: {}, c: gone })), "latch-cluster quorumRecovery");
  });

  test("is not told of one member alone, nor of a cluster that sleeps", () => {
    assert.equal(next(clusterWith({ a: gone }, { etcd: "unasked" })), "stuck VolumeLost");
    assert.equal(next(lost({ spec: { replicas: 0 } })), "delete Pod etcd-a");
  });

  test("does nothing by itself", () => {
    const status = inPhase("WaitingForApproval");
    assert.equal(next(lost({ status })), "stuck QuorumLost");
    assert.equal(
      next(lost({ status, annotations: { "etcd-ts.dev/recover-quorum": "other" } })),
      "stuck QuorumLost",
    );
  });

  test("nor ever where spec.recovery.quorumLoss is Manual", () => {
    const recovery = {
      memberGraceSeconds: 300,
      maxReplacementsPerHour: 3,
      quorumLoss: "Manual",
    } as const;
    const observed = lost({
      status: inPhase("WaitingForApproval"),
      annotations,
      spec: { recovery },
    });
    assert.equal(next(observed), "stuck QuorumLost");
  });

  test("says how it is approved", () => {
    const planned = plan(lost({ status: inPhase("WaitingForApproval") }), context);
    assert.ok(planned.kind === "stuck");
    assert.ok(
      planned.message.includes(`etcdcluster etcd etcd-ts.dev/recover-quorum=${evidence.nonce}`),
    );
  });

  test("goes on starting its members meanwhile, and tells anew with another nonce what it learns", () => {
    const status = inPhase("WaitingForApproval");
    assert.equal(next(lost({ status }, gone, { pod: "absent" })), "latch-cluster quorumRecovery");
    const silent = evidenceFor(lost({}, gone, { pod: "absent" }));
    assert.notEqual(silent.nonce, evidence.nonce);
    assert.equal(
      next(lost({ status: { quorumRecovery: silent } }, gone, { pod: "absent" })),
      "create Pod etcd-a",
    );
  });

  test("is withdrawn when there is a quorum again", () => {
    const planned = plan(healthy(3, { status: inPhase("WaitingForApproval") }), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "latch-cluster");
    assert.equal(planned.step.fields.quorumRecovery, null);
  });
});

describe("the recovery of a quorum that a person approved", () => {
  test("ends every pod first, and waits until the nodes confirm it", () => {
    assert.equal(
      next(lost({ status: inPhase("WaitingForApproval"), annotations })),
      "latch-cluster quorumRecovery",
    );
    const status = inPhase("Stopping");
    assert.equal(next(lost({ status })), "delete Pod etcd-a");
    assert.equal(
      next(lost({ status }, { ...gone, pod: "terminating" }, { pod: "absent" })),
      "wait QuorumRecovery",
    );
    assert.equal(
      evidenceFor(lost({ status, etcd: "unasked" }, gone, { pod: "absent" })).phase,
      "Restarting",
    );
  });

  test("is given up while it only stops, when there is a quorum again", () => {
    const planned = plan(healthy(3, { status: inPhase("Stopping") }), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "latch-cluster");
    assert.equal(planned.step.fields.quorumRecovery, null);
  });

  test("starts the survivor alone with --force-new-cluster, which its pod does once", () => {
    const observed = lost({ status: inPhase("Restarting"), etcd: "unasked" }, gone, {
      pod: "absent",
    });
    const planned = plan(observed, context);
    assert.ok(planned.kind === "step" && planned.step.kind === "create");
    assert.equal(planned.step.object.metadata.name, "etcd-a");
    assert.match(JSON.stringify(planned.step.object), /--force-new-cluster=true/);
    assert.match(JSON.stringify(planned.step.object), /"restartPolicy":"Never"/);
  });

  test("goes on when the survivor answers as the only member, and not before", () => {
    const status = inPhase("Restarting");
    const forced = { isForced: true } as const;
    const others = { ...gone, role: "unlisted", id: "b1" } as const;
    assert.equal(
      next(lost({ status }, gone, { ...forced, pod: "unready" })),
      "wait QuorumRecovery",
    );
    assert.equal(
      next(lost({ status, etcd: "known", leader: "a" }, gone, forced)),
      "wait QuorumRecovery",
    );
    const alone = clusterWith({ a: forced, b: others, c: { ...others, id: "c1" } }, { status });
    assert.equal(evidenceFor(alone).phase, "Rebuilding");
    assert.equal(next(lost({ status }, gone, { ...forced, pod: "failed" })), "delete Pod etcd-a");
  });

  test("replaces the pod by one without the flag before anybody joins, and keeps the others' volumes", () => {
    const status = inPhase("Rebuilding");
    const other = { role: "unlisted", id: "b1", pod: "absent" } as const;
    const at = (a: Sketch, around: Surroundings = {}): string =>
      next(
        clusterWith(
          { a, b: other, c: { ...other, id: "c1" } },
          { status, spec: { replicas: 3 }, ...around },
        ),
      );
    assert.equal(at({ isForced: true }), "delete Pod etcd-a");
    assert.equal(at({ isForced: true, pod: "terminating" }), "wait QuorumRecovery");
    assert.equal(at({ pod: "absent" }, { etcd: "unasked" }), "create Pod etcd-a");
    assert.equal(at({ pod: "unready" }, { etcd: "unknown" }), "wait QuorumRecovery");
    assert.equal(at({}), "delete EtcdMember etcd-b");
    const alone = clusterWith(fine(1), { status, spec: { replicas: 3 } });
    assert.equal(next(alone), "latch-cluster quorumRecovery");
    assert.equal(
      next(clusterWith(fine(1), { spec: { replicas: 3 } })),
      "create EtcdMember etcd-new",
    );
  });

  test("leaves no pod behind that would force a second cluster", () => {
    assert.equal(next(clusterWith({ a: { isForced: true }, b: {}, c: {} })), "delete Pod etcd-a");
  });

  test("stands still when the survivor's EtcdMember is gone", () => {
    const quorumRecovery = { ...evidence, phase: "Restarting", survivor: "etcd-x" } as const;
    assert.equal(next(lost({ status: { quorumRecovery } })), "stuck QuorumLost");
  });
});
