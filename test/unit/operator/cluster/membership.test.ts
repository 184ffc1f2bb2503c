import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Observed } from "../../../../operator/cluster/observed.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import { clusterWith, context, fine, healthy, minutesAgo, next, type Sketch } from "./lab.ts";

const url = (short: string): string =>
  `http://etcd-${short}.etcd-peers.prod.svc.cluster.local:2380`;
/** Three healthy voters and d, which joins; five are wanted. */
const joining = (d: Sketch, around: Parameters<typeof clusterWith>[1] = {}): Observed =>
  clusterWith(
    { ...fine(3), d },
    { ...around, spec: { replicas: 5, ...around.spec }, leader: around.leader ?? "a" },
  );
const argsOf = (observed: Observed): string => {
  const planned = plan(observed, context);
  assert.ok(planned.kind === "step" && planned.step.kind === "create", next(observed));
  const { containers } = planned.step.object["spec"] as {
    containers: readonly { args: readonly string[] }[];
  };
  return containers[0]!.args.join(" ");
};

describe("crash points of operators.md 3.6", () => {
  test("EtcdMember created, before MemberAdd: no volume, no pod, only the add", () => {
    assert.equal(next(joining({ role: "unlisted" })), `etcd add-learner ${url("d")}`);
  });

  test("the same while others are not well, or while the list is not known: nothing at all", () => {
    const sick = clusterWith(
      { ...fine(2), c: { pod: "unready" }, d: { role: "unlisted" } },
      { spec: { replicas: 5 } },
    );
    assert.equal(next(sick), "wait PodNotReady");
    assert.equal(next(joining({ role: "unlisted" }, { etcd: "unknown" })), "wait EtcdUnreachable");
  });

  test("MemberAdd applied, reply lost: the entry under the peer URL is adopted, and nothing added again", () => {
    const observed = joining({
      role: "learner",
      id: null,
      volume: "never",
      pod: "absent",
      listedName: "",
    });
    assert.equal(next(observed), "latch-member memberID");
  });

  test("MemberAdd, before the volume and the pod: volume, then pod, with the list as it is now", () => {
    const listed = { role: "learner", listedName: "", pod: "absent" } as const;
    assert.equal(
      next(joining({ ...listed, volume: "never" })),
      "create PersistentVolumeClaim data-etcd-d",
    );
    const args = argsOf(joining(listed));
    assert.match(args, /--initial-cluster-state=existing/);
    assert.match(args, /--expected-cluster-id=c1/);
    for (const short of ["a", "b", "c", "d"])
      assert.ok(args.includes(`etcd-${short}=${url(short)}`));
  });

  test("MemberAdd, and its pod can never be made: the learner is removed when its time is over", () => {
    const stuck = { role: "learner", pod: "pending", listedName: "" } as const;
    const old = { createdAt: minutesAgo(20), downSince: minutesAgo(16) };
    assert.equal(next(joining({ ...stuck, ...old })), "etcd remove d1");
    const young = { createdAt: minutesAgo(20), downSince: minutesAgo(14) };
    assert.equal(next(joining({ ...stuck, ...young })), "wait PodPending");
  });

  test("pod up, promote lost: promoted at whatever look comes", () => {
    assert.equal(next(joining({ role: "learner" })), "etcd promote d1");
  });

  test("promote applied, reply lost: the list says voter, and it goes on with the next", () => {
    assert.equal(next(healthy(4, { spec: { replicas: 5 } })), "create EtcdMember etcd-new");
  });

  test("MemberRemove applied, pod still there: pod, then volume, then name", () => {
    const removed = (sketch: Sketch): string =>
      next(
        clusterWith(
          { ...fine(3), d: { role: "unlisted", id: "d1", ...sketch } },
          { spec: { replicas: 3 } },
        ),
      );
    assert.equal(removed({ pod: "ready" }), "delete Pod etcd-d");
    assert.equal(removed({ pod: "crashing" }), "delete Pod etcd-d");
    assert.equal(removed({ pod: "terminating" }), "wait PodTerminating");
    assert.equal(removed({ volume: "own" }), "delete PersistentVolumeClaim data-etcd-d");
    assert.equal(removed({ volume: "going" }), "wait VolumeTerminating");
    assert.equal(removed({ volume: "gone" }), "delete EtcdMember etcd-d");
  });

  test("a claim that is not the removed member's own is left alone", () => {
    const observed = clusterWith(
      { ...fine(3), d: { role: "unlisted", id: "d1", volume: "other" } },
      { spec: { replicas: 3 } },
    );
    assert.equal(next(observed), "delete EtcdMember etcd-d");
  });

  test("restart of the last ready voter during a roll: the next one waits for readiness and for the log", () => {
    const roll = (b: Sketch): string =>
      next(clusterWith({ a: { isOutdated: true }, b, c: { isOutdated: true } }));
    assert.equal(roll({ pod: "unready", answers: true }), "wait PodNotReady");
    assert.equal(roll({ lag: 5_001 }), "wait MembersNotReady");
    assert.equal(roll({ lag: 5_000 }), "delete Pod etcd-c");
  });

  test("two operators: every request to etcd holds the list that it was decided from", () => {
    for (const observed of [
      joining({ role: "unlisted" }),
      joining({ role: "learner" }),
      healthy(3, { spec: { replicas: 1 } }),
    ]) {
      const planned = plan(observed, context);
      assert.ok(planned.kind === "step" && planned.step.kind === "etcd");
      assert.ok(observed.etcd.kind === "known");
      assert.deepEqual(planned.step.listedMembers, observed.etcd.list);
    }
  });
});

describe("a learner", () => {
  test("is promoted only when it has the log, and while all voters are well", () => {
    assert.equal(next(joining({ role: "learner", lag: 9_000 })), "etcd promote d1");
    assert.equal(next(joining({ role: "learner", lag: 11_000 })), "wait LearnerSyncing");
    assert.equal(
      next(joining({ role: "learner" }, { maintenance: "defrag" })),
      "wait MaintenanceRunning",
    );
    assert.equal(
      next(
        joining(
          { role: "learner" },
          { leader: "a", alarms: [{ memberId: "a1", kind: "Corrupt" }] },
        ),
      ),
      "wait ComparingData",
    );
  });

  test("is not promoted while it does not answer or knows of no leader", () => {
    assert.equal(next(joining({ role: "learner", answers: false })), "wait MemberNotServing");
    assert.equal(next(joining({ role: "learner", leaderId: "" })), "wait MemberNotServing");
  });

  test("keeps the next one from joining", () => {
    const observed = clusterWith(
      { ...fine(3), d: { role: "learner", lag: 50_000 }, e: { role: "unlisted" } },
      { spec: { replicas: 5 } },
    );
    assert.equal(next(observed), "wait LearnerSyncing");
  });

  test("that answers has an hour, as long as the others are well", () => {
    const slow = { role: "learner", lag: 50_000 } as const;
    assert.equal(next(joining({ ...slow, createdAt: minutesAgo(59) })), "wait LearnerSyncing");
    assert.equal(next(joining({ ...slow, createdAt: minutesAgo(61) })), "etcd remove d1");
    const sick = clusterWith(
      { ...fine(2), c: { pod: "unready" }, d: { ...slow, createdAt: minutesAgo(61) } },
      { spec: { replicas: 5 } },
    );
    assert.equal(next(sick), "wait PodNotReady");
  });

  test("that lost its volume is removed at once", () => {
    assert.equal(next(joining({ role: "learner", volume: "gone" })), "etcd remove d1");
    assert.equal(next(joining({ role: "learner", volume: "other" })), "etcd remove d1");
  });

  test("that removed itself is cleaned up (etcd#21610)", () => {
    assert.equal(
      next(joining({ role: "unlisted", id: "d1", pod: "crashing" })),
      "delete Pod etcd-d",
    );
  });

  test("is removed, and not promoted, when so many are not wanted any more", () => {
    assert.equal(next(joining({ role: "learner" }, { spec: { replicas: 3 } })), "etcd remove d1");
  });

  test("without an EtcdMember is what an add has left: it is removed", () => {
    const rest = { id: "d1", name: "", peerUrls: [url("d")], isLearner: true };
    assert.equal(next(healthy(3, { strangers: [rest] })), "etcd remove d1");
    assert.equal(
      next(healthy(3, { strangers: [rest], maintenance: "defrag" })),
      "wait MaintenanceRunning",
    );
  });

  test("does not keep a dead voter from being removed first", () => {
    const observed = clusterWith(
      {
        ...fine(2),
        c: { pod: "absent", downSince: minutesAgo(6) },
        d: { role: "learner" },
      },
      {
        spec: { replicas: 3 },
        status: { replacements: [{ memberName: "etcd-c", time: minutesAgo(0), reason: "down" }] },
      },
    );
    assert.equal(next(observed), "etcd remove c1");
  });
});

describe("an EtcdMember that etcd never listed", () => {
  test("is deleted when it is not wanted any more: the last one first", () => {
    const observed = clusterWith(
      { ...fine(3), d: { role: "unlisted" }, e: { role: "unlisted" } },
      { spec: { replicas: 3 } },
    );
    assert.equal(next(observed), "delete EtcdMember etcd-e");
  });

  test("of two that were created at the same time one joins and one goes", () => {
    const observed = clusterWith(
      { ...fine(2), d: { role: "unlisted" }, e: { role: "unlisted" } },
      { spec: { replicas: 3 } },
    );
    assert.equal(next(observed), "delete EtcdMember etcd-e");
  });

  test("under deletion is not added", () => {
    assert.equal(next(joining({ role: "unlisted", isGoing: true })), "wait MembershipChanging");
  });
});
