/** What of a look and of a step goes into the metrics. Pure. */
import type { Observed } from "../cluster/observed.ts";
import { podStateOf } from "../cluster/pod-state.ts";
import type { Plan, Step } from "../cluster/step.ts";
import type { ClusterSight, Deed } from "./metrics-port.ts";

export function sightOf(observed: Observed, plan: Plan, nowMs: number): ClusterSight {
  const { cluster, members } = observed;
  const { certificates } = cluster.status ?? {};
  const ready = members.filter(({ pod }) => {
    const state = podStateOf(pod);
    return state.kind === "running" && state.isReady;
  });
  return {
    members: members.length,
    ready: ready.length,
    plan: plan.kind,
    quorum: quorumOf(observed),
    learnerSeconds: learnerSecondsOf(observed, nowMs),
    caEndsAt: secondsOf(certificates?.caNotAfter),
    leafEndsAt: secondsOf(certificates?.leafNotAfter),
  };
}

export function deedOf(step: Step): Deed | undefined {
  if (step.kind === "etcd") {
    switch (step.request.kind) {
      case "add-learner":
        return { kind: "membership", change: "add_learner" };
      case "promote":
      case "remove":
        return { kind: "membership", change: step.request.kind };
      case "move-leader":
        return { kind: "leader-move" };
      default:
        return undefined;
    }
  }
  if (step.kind === "latch-cluster") {
    return step.reason === "ReplacingMember" ? { kind: "replacement" } : undefined;
  }
  return step.kind === "delete" && step.reason === "RestartingPod" ? { kind: "roll" } : undefined;
}

function quorumOf({ cluster, etcd }: Observed): ClusterSight["quorum"] {
  if (etcd.kind === "known") return "present";
  if (cluster.status?.quorumRecovery !== undefined) return "lost";
  return etcd.kind === "unasked" ? "none" : "unknown";
}

function learnerSecondsOf({ members, etcd }: Observed, nowMs: number): number {
  if (etcd.kind !== "known") return 0;
  const urls = new Set(etcd.list.flatMap(({ isLearner, peerUrls }) => (isLearner ? peerUrls : [])));
  const ages = members
    .filter(({ member }) => urls.has(member.spec.peerURL))
    .map(({ member }) => (nowMs - Date.parse(member.metadata.creationTimestamp ?? "")) / 1000);
  return Math.max(0, ...ages.filter((age) => Number.isFinite(age)));
}

function secondsOf(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time) / 1000;
}
