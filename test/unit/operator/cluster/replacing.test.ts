/** What is told of members that start, are down, or were lost: true, and calm. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plan } from "../../../../operator/cluster/plan.ts";
import { clusterStatus } from "../../../../operator/cluster/status.ts";
import { clusterWith, context, fine, minutesAgo, next, now, type Sketch } from "./lab.ts";

const replaced = (madeGoodAt?: string) => ({
  replacements: [
    {
      memberName: "etcd-x",
      time: minutesAgo(9),
      reason: "its node is gone",
      ...(madeGoodAt === undefined ? {} : { madeGoodAt }),
    },
  ],
});
const learner: Sketch = { role: "learner", pod: "unready", answers: false };
const degraded = (observed: ReturnType<typeof clusterWith>): string => {
  const status = clusterStatus(observed, plan(observed, context), context, now);
  const found = status.conditions?.find(({ type }) => type === "Degraded");
  return `${found?.status ?? ""}/${found?.reason ?? ""}: ${found?.message ?? ""}`;
};
const held = (observed: ReturnType<typeof clusterWith>): string => {
  const planned = plan(observed, context);
  assert.ok(planned.kind === "wait" || planned.kind === "stuck", planned.kind);
  return planned.message;
};
const of3 = { replicas: 3 };

describe("while a member that was lost is replaced", () => {
  test("the cluster is degraded until its successor is a voter", () => {
    const status = replaced();
    for (const members of [
      fine(2),
      { ...fine(2), c: learner },
      { ...fine(2), c: { role: "learner" } as const },
    ]) {
      const observed = clusterWith(members, { spec: of3, status });
      assert.match(
        degraded(observed),
        /^True\/MemberReplacing: member etcd-x was lost \(its node is gone\) and has left: there are 2 voters of 3/,
      );
    }
    assert.match(degraded(clusterWith(fine(3), { status })), /^False\/MembersReady/);
  });

  test("that the loss is made good is written down, once", () => {
    const observed = clusterWith(fine(3), { status: replaced() });
    assert.equal(next(observed), "latch-cluster replacements");
    const planned = plan(observed, context);
    assert.ok(planned.kind === "step" && planned.step.kind === "latch-cluster");
    assert.equal(planned.step.reason, "ReplacedMember");
    assert.deepEqual(planned.step.fields.replacements, replaced(context.now).replacements);
    assert.equal(next(clusterWith(fine(3), { status: replaced(minutesAgo(1)) })), "done");
  });

  test("one that is to go and is still listed is not made good", () => {
    const status = { replacements: [{ ...replaced().replacements[0]!, memberName: "etcd-c" }] };
    assert.equal(next(clusterWith(fine(3), { status })), "done");
  });

  test("a voter whose EtcdMember somebody deleted is missing as well", () => {
    const observed = clusterWith(fine(2), {
      spec: of3,
      status: replaced(),
      strangers: [
        {
          id: "c1",
          name: "etcd-x",
          peerUrls: ["http://etcd-x.etcd-peers.prod.svc.cluster.local:2380"],
          isLearner: false,
        },
      ],
    });
    assert.match(degraded(observed), /^True\/MemberReplacing/);
  });
});

describe("more voters that are only asked for", () => {
  test("are progress, and no loss", () => {
    for (const status of [{}, replaced(minutesAgo(5))]) {
      const observed = clusterWith({ ...fine(2), c: learner }, { spec: of3, status });
      assert.match(degraded(observed), /^False\/MembersReady/);
    }
  });

  test("are no loss of old either, when there were enough in between", () => {
    const scaledDown = clusterWith(fine(1), { status: replaced() });
    assert.equal(next(scaledDown), "latch-cluster replacements");
  });
});

describe("what is told of a member", () => {
  const starting = {
    phase: "Running",
    conditions: [{ type: "Ready", status: "False", lastTransitionTime: minutesAgo(1) }],
    containerStatuses: [{ started: false, restartCount: 0 }],
  };
  const down = {
    pod: "unready",
    podStatus: starting,
    downSince: minutesAgo(1),
    answers: false,
  } as const;

  test("that joins and is starting is no threat", () => {
    const text = held(clusterWith({ ...fine(2), c: { ...down, role: "learner" } }, { spec: of3 }));
    assert.match(
      text,
      /etcd-c: the member is starting; it is joining, and has no vote yet; it has 15 minutes/,
    );
    assert.doesNotMatch(text, /300 s|replaced/);
  });

  test("that is starting again is what happens if that lasts", () => {
    const text = held(clusterWith({ ...fine(2), c: down }));
    assert.match(
      text,
      /the member is starting; it neither serves nor is ready; should that last for 300 s, another member takes its place/,
    );
  });

  test("that is alone is that it is waited for: nobody could take its place", () => {
    const text = held(clusterWith({ a: down }, { etcd: "unknown" }));
    assert.match(text, /it is waited for: there is no other member that has the data/);
  });

  test("that was ready after its last start is not that it was started again, weeks ago", () => {
    const unready = (startedAt: string, changedAt: string) =>
      held(
        clusterWith({
          ...fine(2),
          c: {
            ...down,
            podStatus: {
              phase: "Running",
              conditions: [{ type: "Ready", status: "False", lastTransitionTime: changedAt }],
              containerStatuses: [
                {
                  started: true,
                  restartCount: 1,
                  state: { running: { startedAt } },
                  lastState: { terminated: { reason: "Error", exitCode: 1 } },
                },
              ],
            },
          },
        }),
      );
    assert.match(unready(minutesAgo(9_000), minutesAgo(1)), /the member runs, but is not ready/);
    assert.match(
      unready(minutesAgo(1), minutesAgo(2)),
      /the container ended \(Error, exit code 1\) and was started again/,
    );
  });

  test("that has not joined yet is just that", () => {
    const observed = clusterWith(
      { ...fine(3), d: { role: "unlisted" } },
      { spec: { replicas: 5 } },
    );
    const status = clusterStatus(observed, plan(observed, context), context, now);
    assert.equal(
      status.members?.find(({ name }) => name === "etcd-d")?.message,
      "it has not joined yet",
    );
  });
});
