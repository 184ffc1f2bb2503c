/** Operators with a fault in their plan: what the model must find. Each is the real plan, misled or misread at one place. */
import { plan } from "../../../operator/cluster/plan.ts";
import type { PlanFunction } from "./judge.ts";
import {
  claimFor,
  create,
  end,
  etcd,
  forgotten,
  isAnswering,
  isHeldBy,
  isRequest,
  joiner,
  leaderIn,
  listOf,
  misled,
  misread,
  planning,
  told,
  unborn,
  withSpec,
} from "./mislead.ts";
import { context } from "./observe.ts";
import { nameOf, without } from "./world.ts";

export interface Planted {
  readonly name: string;
  /** At the start of the walk in which it is found. */
  readonly members: number;
  readonly faults: number;
  readonly acts: number;
  readonly scales?: readonly number[];
  readonly isImageChanged?: boolean;
  readonly only?: readonly string[];
  /** Whether it is in how worlds come to rest that the fault shows. */
  readonly isAboutRest?: boolean;
  readonly plan: PlanFunction;
  /** What is told. */
  readonly finding: RegExp;
}

export const planted: readonly Planted[] = [
  {
    name: "takes silence for an empty cluster, and starts one",
    members: 1,
    faults: 1,
    acts: 0,
    plan: misled((seen) => (seen.etcd.kind === "known" ? seen : unborn(seen))),
    finding: /second time|is started|"new" after/,
  },
  {
    name: "starts a cluster anew whose members are all gone",
    members: 1,
    faults: 0,
    acts: 1,
    plan: planning((seen, at) => {
      const planned = plan(seen, at);
      return isHeldBy(planned, "MembersLost") ? plan(forgotten(seen), at) : planned;
    }),
    finding: /a second seed is latched/,
  },
  {
    name: "makes a lost volume anew",
    members: 3,
    faults: 1,
    acts: 0,
    plan: planning((seen, at) => {
      const lost = seen.members.find(
        ({ member, volumeClaim, pod }) =>
          member.status?.volumeClaimUID !== undefined &&
          volumeClaim === undefined &&
          pod === undefined,
      );
      return lost === undefined ? plan(seen, at) : create(claimFor(lost.member.metadata.name));
    }),
    finding: /a volume that was lost is made anew/,
  },
  {
    name: "removes a leader that has not handed over",
    members: 3,
    faults: 0,
    acts: 1,
    plan: misread((step, seen) => {
      const leader = leaderIn(seen);
      return isRequest(step, "move-leader") && leader !== undefined
        ? etcd(seen, { kind: "remove", memberId: leader.id })
        : undefined;
    }),
    finding: /a leader is removed before it has handed over/,
  },
  {
    name: "rolls the leader before it has handed over",
    members: 3,
    faults: 0,
    acts: 1,
    plan: misread((step, seen) => {
      const pod = leaderIn(seen)?.pod;
      return isRequest(step, "move-leader") && pod !== undefined ? end(pod) : undefined;
    }),
    finding: /a leader is ended before it has handed over/,
  },
  {
    name: "rolls the next pod without waiting for the one before",
    members: 3,
    faults: 0,
    acts: 1,
    plan: planning((seen, at) => {
      const planned = plan(seen, at);
      const isRolling = seen.cluster.spec.image?.tag === "2.0" && planned.kind === "wait";
      const next = seen.members.find(
        ({ member, pod }) =>
          pod?.metadata.deletionTimestamp === undefined && member.spec.image.endsWith("1.0"),
      );
      return isRolling && next?.pod !== undefined ? end(next.pod) : planned;
    }),
    finding: /a voter is ended while another one is away|at once|a leader is ended/,
  },
  {
    name: "removes a dead voter although too few others serve",
    members: 3,
    faults: 2,
    acts: 0,
    plan: planning((seen, at) => {
      const planned = plan(seen, at);
      const down = seen.members.find(({ member }) => member.status?.downSince !== undefined);
      const memberId = down?.member.status?.memberID;
      return planned.kind !== "step" && memberId !== undefined
        ? etcd(seen, { kind: "remove", memberId })
        : planned;
    }),
    finding: /without a quorum|has time left|member list is not known/,
  },
  {
    name: "adds a member before the dead one is removed",
    members: 3,
    faults: 1,
    acts: 0,
    plan: misread((step, seen) =>
      isRequest(step, "remove") ? create(joiner(seen, context.candidateMemberName)) : undefined,
    ),
    finding: /a member is made while a voter is away/,
  },
  {
    name: "promotes a learner as soon as it answers",
    members: 1,
    faults: 0,
    acts: 1,
    plan: planning((seen, at) => {
      const planned = plan(seen, at);
      const learner = listOf(seen).find(({ isLearner }) => isLearner);
      return isHeldBy(planned, "LearnerSyncing") && learner !== undefined
        ? etcd(seen, { kind: "promote", memberId: learner.id })
        : planned;
    }),
    finding: /a learner is promoted that has not caught up/,
  },
  {
    name: "names members by ordinals, so that names come again",
    members: 1,
    faults: 0,
    acts: 1,
    plan: planning((seen, at) =>
      plan(
        seen,
        seen.members.length === 0
          ? at
          : { ...at, candidateMemberName: nameOf(seen.members.length) },
      ),
    ),
    finding: /a name that was used before/,
  },
  {
    name: "begins a second change while a learner joins",
    members: 1,
    faults: 0,
    acts: 1,
    plan: planning((seen, at) => {
      const planned = plan(seen, at);
      return isHeldBy(planned, "LearnerSyncing")
        ? create(joiner(seen, at.candidateMemberName))
        : planned;
    }),
    finding: /a second membership change at once/,
  },
  {
    name: "prices the budget once, and not before each change",
    members: 1,
    faults: 0,
    acts: 1,
    plan: planning((seen, at) => {
      const planned = plan(seen, at);
      const isPricing =
        planned.kind === "step" &&
        planned.step.kind === "apply" &&
        planned.step.object.kind === "PodDisruptionBudget" &&
        seen.disruptionBudget !== undefined;
      return isPricing ? plan({ ...seen, disruptionBudget: planned.step.object }, at) : planned;
    }),
    finding: /the budget of \d+ lets/,
  },
  {
    name: "goes on while it is paused",
    members: 3,
    faults: 0,
    acts: 2,
    plan: misled((seen) => withSpec(seen, { paused: false })),
    finding: /a step while paused/,
  },
  {
    name: "deletes a volume before its member has left etcd",
    members: 3,
    faults: 0,
    acts: 1,
    plan: misread((step, seen) => {
      if (!isRequest(step, "remove")) return undefined;
      const { request } = step;
      const leaving = seen.members.find(
        ({ member }) => request.kind === "remove" && member.status?.memberID === request.memberId,
      );
      return leaving?.volumeClaim === undefined ? undefined : end(leaving.volumeClaim);
    }),
    finding: /a volume is deleted of a member that is listed/,
  },
  {
    name: "gives a member up before its grace is over",
    members: 3,
    faults: 1,
    acts: 0,
    plan: misled((seen) =>
      withSpec(seen, {
        recovery: { memberGraceSeconds: 0, maxReplacementsPerHour: 3, quorumLoss: "Assisted" },
      }),
    ),
    finding: /has time left/,
  },
  {
    name: "replaces a member without writing it down first",
    members: 3,
    faults: 1,
    acts: 0,
    plan: planning((seen, at) => {
      const planned = plan(seen, at);
      if (planned.kind !== "step" || planned.step.kind !== "latch-cluster") return planned;
      const { replacements } = planned.step.fields;
      const status = { ...seen.cluster.status, ...(replacements ? { replacements } : {}) };
      return replacements ? plan({ ...seen, cluster: { ...seen.cluster, status } }, at) : planned;
    }),
    finding: /a replacement that was not written down/,
  },
  {
    name: "restarts members because etcd does not answer",
    members: 3,
    faults: 1,
    acts: 0,
    plan: planning((seen, at) => {
      const planned = plan(seen, at);
      const pod = seen.members.find(({ pod: each }) => each !== undefined)?.pod;
      return isHeldBy(planned, "EtcdUnreachable") && pod !== undefined ? end(pod) : planned;
    }),
    finding: /a pod is ended while etcd is silent|quorum is lost by a step of ours/,
  },
  {
    name: "scales down while another voter is away",
    members: 3,
    faults: 1,
    acts: 1,
    scales: [1],
    isImageChanged: false,
    plan: planning((seen, at) => {
      const planned = plan(seen, at);
      const surplus = listOf(seen).find(
        ({ id }) => id !== leaderIn(seen)?.id && isAnswering(seen, id),
      );
      const isHeld = planned.kind === "wait" && seen.cluster.spec.replicas === 1;
      return isHeld && surplus !== undefined && listOf(seen).length > 1
        ? etcd(seen, { kind: "remove", memberId: surplus.id })
        : planned;
    }),
    finding: /a removal leaves no quorum/,
  },
  {
    name: "recovers a lost quorum that nobody approved",
    members: 3,
    faults: 2,
    acts: 0,
    plan: planning((seen, at) => {
      const planned = plan(seen, at);
      const { quorumRecovery } = seen.cluster.status ?? {};
      if (!isHeldBy(planned, "QuorumLost") || quorumRecovery === undefined) return planned;
      const fields = { quorumRecovery: { ...quorumRecovery, phase: "Stopping" as const } };
      return { kind: "step", step: { kind: "latch-cluster", fields, ...told } };
    }),
    finding: /a recovery that nobody approved/,
  },
  {
    name: "asks for the lead for ever",
    members: 3,
    faults: 1,
    acts: 1,
    only: ["the lead cannot be moved", "spec.image is changed"],
    isAboutRest: true,
    plan: misled((seen) => ({
      ...seen,
      cluster: { ...seen.cluster, status: without(seen.cluster.status ?? {}, "handOver") },
    })),
    finding: /no rest within/,
  },
  {
    name: "evicts a pod where the budget lets none go",
    members: 3,
    faults: 0,
    acts: 2,
    scales: [5],
    only: ["spec.replicas is set to 5", "spec.image is changed"],
    isAboutRest: true,
    plan: misread((step) =>
      step.kind === "delete" && step.reason === "RestartingPod"
        ? { kind: "step", step: { ...step, isEviction: true } }
        : undefined,
    ),
    finding: /no rest within/,
  },
  {
    name: "never writes down that a loss is made good",
    members: 3,
    faults: 1,
    acts: 0,
    isAboutRest: true,
    plan: misled((seen) => ({
      ...seen,
      cluster: {
        ...seen.cluster,
        status: {
          ...seen.cluster.status,
          replacements: (seen.cluster.status?.replacements ?? []).map((entry) => ({
            ...entry,
            madeGoodAt: entry.time,
          })),
        },
      },
    })),
    finding: /done without the loss made good/,
  },
  {
    name: "leaves what is left of removed members",
    members: 3,
    faults: 0,
    acts: 1,
    isAboutRest: true,
    plan: misread((step) =>
      step.kind === "delete" && step.object.kind === "EtcdMember" ? { kind: "done" } : undefined,
    ),
    finding: /done without only voters/,
  },
];
