import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { lookOf } from "../../../../operator/cluster/look.ts";
import type { Observed } from "../../../../operator/cluster/observed.ts";
import { minAvailableOf } from "../../../../operator/cluster/rules/disruption.ts";
import { clusterWith, context, fine, healthy, minutesAgo, next, type Sketch } from "./lab.ts";

const budgetOf = (observed: Observed): number => minAvailableOf(lookOf(observed, context));
const quorum = (voters: number): number => Math.floor(voters / 2) + 1;

describe("the disruption budget", () => {
  for (const [what, observed, expected] of [
    ["of one member is that one", healthy(1), 1],
    ["of three", healthy(3), 2],
    ["of five", healthy(5), 3],
    ["of seven", healthy(7), 4],
    ["is priced for the size that is wanted", healthy(1, { spec: { replicas: 3 } }), 2],
    [
      "counts a learner as one that may be left over (EIO#399)",
      clusterWith({ ...fine(3), d: { role: "learner" } }, { spec: { replicas: 3 } }),
      3,
    ],
    [
      "and one before etcd has heard of it",
      clusterWith({ ...fine(3), d: { role: "unlisted" } }, { spec: { replicas: 3 } }),
      3,
    ],
    [
      "counts a removed member as long as its pod may be ready",
      clusterWith(
        { ...fine(3), d: { role: "unlisted", id: "d1", pod: "ready" } },
        { spec: { replicas: 3 } },
      ),
      3,
    ],
    [
      "and no longer",
      clusterWith(
        { ...fine(3), d: { role: "unlisted", id: "d1", pod: "terminating" } },
        { spec: { replicas: 3 } },
      ),
      2,
    ],
    ["is priced before a voter is removed", healthy(3, { spec: { replicas: 1 } }), 3],
    ["from five", healthy(5, { spec: { replicas: 3 } }), 4],
    [
      "and before a lost one is",
      clusterWith({ ...fine(4), e: { pod: "unready", downSince: minutesAgo(9) } }),
      4,
    ],
    ["of a cluster that is to sleep is none", healthy(3, { spec: { replicas: 0 } }), 0],
  ] as const) {
    test(what, () => assert.equal(budgetOf(observed), expected));
  }

  test("never lets an eviction cost quorum, whoever of the ready pods is evicted", () => {
    const sketch = fc.constantFrom<Sketch>(
      {},
      { role: "learner" },
      { role: "unlisted" },
      { role: "unlisted", id: "x1", pod: "ready" },
      { pod: "unready" },
    );
    fc.assert(
      fc.property(
        fc.array(sketch, { minLength: 0, maxLength: 6 }),
        fc.integer({ min: 1, max: 7 }),
        (others, replicas) => {
          const members: Record<string, Sketch> = { a: {} };
          for (const [at, other] of others.entries()) members["bcdefgh"[at]!] = other;
          const all = Object.values(members);
          const voters = all.filter(({ role }) => role === undefined);
          const isReady = ({ pod, role }: Sketch): boolean =>
            pod === "ready" || (pod === undefined && role !== "unlisted");
          const ready = all.filter(isReady).length;
          const readyVoters = voters.filter(isReady).length;
          const budget = budgetOf(clusterWith(members, { spec: { replicas }, isBare: true }));
          // One voter is evicted: allowed when the others that are ready are enough.
          if (ready - 1 >= budget && readyVoters > 0) {
            assert.ok(readyVoters - 1 >= quorum(voters.length));
          }
        },
      ),
    );
  });

  test("is made with the Services, before there is a member", () => {
    const born = clusterWith(
      {},
      {
        status: { clusterID: undefined, seedMember: undefined } as never,
        spec: { replicas: 3 },
        etcd: "unasked",
      },
    );
    assert.equal(
      next({ ...born, disruptionBudget: undefined }),
      "apply PodDisruptionBudget etcd-members",
    );
    assert.equal(next(born), "latch-cluster seedMember");
  });

  test("is put back when somebody changes it", () => {
    const observed = healthy(3);
    const disruptionBudget = { ...observed.disruptionBudget!, spec: { minAvailable: 0 } };
    assert.equal(next({ ...observed, disruptionBudget }), "apply PodDisruptionBudget etcd-members");
  });

  test("stays as it is while the list is not known", () => {
    // Priced for the removal of one, which quorum of the size that is wanted does not tell.
    const five = healthy(5, { spec: { replicas: 3 } });
    assert.ok(five.etcd.kind === "known");
    const { answers } = five.etcd;
    const unknown = { ...five, etcd: { kind: "unknown", reason: "no quorum", answers } } as const;
    assert.equal(next(unknown), "wait EtcdUnreachable");
  });

  test("stands before the change that it is for", () => {
    const three = healthy(3);
    const shrunk = healthy(3, { spec: { replicas: 1 }, isBare: true });
    const { peersService, clientService, disruptionBudget } = three;
    assert.equal(
      next({ ...shrunk, peersService, clientService, disruptionBudget }),
      "apply PodDisruptionBudget etcd-members",
    );
  });
});
