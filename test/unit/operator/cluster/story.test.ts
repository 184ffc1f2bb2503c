import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IdealWorld } from "./ideal-world.ts";

/** A world at rest with so many members. */
function atRest(replicas: number): IdealWorld {
  const world = new IdealWorld({ replicas });
  assert.equal(world.run().at(-1), "done");
  return world;
}

const join = (n: number): string[] => [
  `create EtcdMember etcd-m${n}`,
  `etcd add-learner http://etcd-m${n}.etcd-peers.prod.svc.cluster.local:2380`,
  "latch-member memberID",
  `create PersistentVolumeClaim data-etcd-m${n}`,
  "latch-member volumeClaimUID",
  `create Pod etcd-m${n}`,
  `etcd promote f${n}`,
];
const leave = (n: number): string[] => [
  `etcd remove f${n}`,
  `delete Pod etcd-m${n}`,
  `delete PersistentVolumeClaim data-etcd-m${n}`,
  `delete EtcdMember etcd-m${n}`,
];

describe("a cluster in a world without failures", () => {
  test("is born as one member, and grows by learners, one at a time", () => {
    const world = new IdealWorld({ replicas: 3 });
    assert.deepEqual(world.run(), [
      "latch-cluster seedMember",
      "create EtcdMember etcd-m0",
      "create PersistentVolumeClaim data-etcd-m0",
      "latch-member volumeClaimUID",
      "create Pod etcd-m0",
      "latch-cluster clusterID",
      "latch-member memberID",
      ...join(1),
      ...join(2),
      "done",
    ]);
  });

  test("shrinks by the newest member, and its objects go after it has left etcd", () => {
    const world = atRest(3);
    world.change({ replicas: 1 });
    assert.deepEqual(world.run(), [...leave(2), ...leave(1), "done"]);
  });

  test("never uses a name again", () => {
    const world = atRest(3);
    world.change({ replicas: 1 });
    world.run();
    world.change({ replicas: 3 });
    assert.deepEqual(world.run(), [...join(3), ...join(4), "done"]);
  });

  test("goes through every size up to 7 and back", () => {
    const world = atRest(1);
    for (const replicas of [7, 5, 1, 3]) {
      world.change({ replicas });
      assert.equal(world.run().at(-1), "done");
      assert.equal(world.observe().members.length, replicas);
    }
  });

  test("sleeps with the followers first, and wakes with the same members", () => {
    const world = atRest(3);
    world.change({ replicas: 0 });
    assert.deepEqual(world.run(), [
      "delete Pod etcd-m1",
      "delete Pod etcd-m2",
      "delete Pod etcd-m0",
      "done",
    ]);
    world.change({ replicas: 3 });
    assert.deepEqual(world.run(), [
      "create Pod etcd-m0",
      "create Pod etcd-m1",
      "create Pod etcd-m2",
      "done",
    ]);
  });

  test("wakes with another size by way of the old one", () => {
    const world = atRest(1);
    world.change({ replicas: 0 });
    world.run();
    world.change({ replicas: 3 });
    assert.deepEqual(world.run(), ["create Pod etcd-m0", ...join(1), ...join(2), "done"]);
  });

  test("that is to sleep before its birth is not born", () => {
    const world = new IdealWorld({ replicas: 0 });
    assert.deepEqual(world.run(), ["done"]);
    world.change({ replicas: 1 });
    assert.equal(world.run()[0], "latch-cluster seedMember");
  });

  test("rolls the followers first, and the leader after it has handed over", () => {
    const world = atRest(3);
    world.change({ etcd: { snapshotCount: 5 } });
    assert.deepEqual(world.run(), [
      "delete Pod etcd-m1",
      "create Pod etcd-m1",
      "delete Pod etcd-m2",
      "create Pod etcd-m2",
      "etcd move-leader etcd-m0 f1",
      "delete Pod etcd-m0",
      "create Pod etcd-m0",
      "done",
    ]);
  });

  test("gets a new image member by member: the others keep theirs until it is their turn", () => {
    const world = atRest(3);
    world.change({ image: { repository: "localhost/etcd-ts", tag: "2.0" } });
    const steps = world.run();
    assert.deepEqual(steps.slice(0, 4), [
      "apply EtcdMember etcd-m1",
      "delete Pod etcd-m1",
      "create Pod etcd-m1",
      "apply EtcdMember etcd-m2",
    ]);
    assert.equal(steps.at(-1), "done");
  });

  test("keeps the volumes of members that leave, where the policy says so", () => {
    const world = atRest(3);
    const { storage } = world.cluster.spec;
    world.change({
      replicas: 1,
      storage: { ...storage, reclaim: { ...storage.reclaim, onScaleDown: "Retain" } },
    });
    assert.ok(world.run().every((step) => !step.startsWith("delete PersistentVolumeClaim")));
  });

  test("takes a voter in between on the way from 1 to 2 only where an even number is allowed", () => {
    const world = atRest(1);
    world.change({ replicas: 2 });
    assert.deepEqual(world.run(), ["stuck EvenReplicas"]);
    world.change({ allowEvenReplicas: true });
    assert.deepEqual(world.run(), [...join(1), "done"]);
  });
});
