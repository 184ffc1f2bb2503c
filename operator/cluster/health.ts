/** How the members are, from their Pods and their own answers. */
import type { ClusterMemberStatus, EtcdMember } from "../api/v1alpha1/types.ts";
import { listedMemberOf } from "./initial-cluster.ts";
import type { EtcdView, MemberStatusAnswer, Observed, ObservedMember } from "./observed.ts";
import { nodeOf, podStateOf } from "./pod-state.ts";

/**
 * After a Pod's grace period its node has this long to say that it has ended. A kubelet that lives kills at the end of the period, and needs some
 * seconds to clean up and to tell.
 */
const terminationSlackMs = 60_000;

export interface MemberHealth {
  readonly phase: ClusterMemberStatus["phase"];
  /** Why it is not ready, and what to do. */
  readonly message: string | undefined;
  /** Its node does not confirm that its Pod has ended. */
  readonly isStuckTerminating: boolean;
}

export function healthOf({ member, pod }: ObservedMember, now: string): MemberHealth {
  const state = podStateOf(pod);
  const lives = { isStuckTerminating: false };
  switch (state.kind) {
    case "absent":
      return { ...lives, phase: "Pending", message: absentText(member) };
    case "terminating": {
      const isStuckTerminating = isOverdueTerminating(state.until, now);
      const message = isStuckTerminating
        ? stuckTerminatingMessage(member, nodeOf(pod))
        : "the pod is ending";
      return { phase: "NotReady", message, isStuckTerminating };
    }
    case "finished":
      return { ...lives, phase: "Failed", message: state.why };
    case "pending":
      return { ...lives, phase: "Pending", message: state.why };
    case "running":
      if (state.isReady) return { ...lives, phase: "Ready", message: undefined };
      return { ...lives, phase: state.hasStarted ? "NotReady" : "Starting", message: state.why };
  }
}

/** Whether a node should long have said that a Pod has ended whose grace period went until `until`. Both RFC 3339. */
export function isOverdueTerminating(until: string, now: string): boolean {
  return Date.parse(now) > Date.parse(until) + terminationSlackMs;
}

/** A member's own answer, where it gave one. */
export function answerOf(etcd: EtcdView, member: EtcdMember): MemberStatusAnswer | undefined {
  if (etcd.kind === "unasked") return undefined;
  const answer = etcd.answers.get(member.metadata.name);
  return answer?.kind === "answered" ? answer : undefined;
}

export function roleOf(etcd: EtcdView, member: EtcdMember): ClusterMemberStatus["role"] {
  const listed = etcd.kind === "known" ? listedMemberOf(etcd.list, member) : undefined;
  if (listed?.isLearner === true) return "Learner";
  const answer = answerOf(etcd, member);
  if (answer === undefined) return "Unknown";
  if (answer.isLearner) return "Learner";
  return answer.leaderId === answer.memberId ? "Leader" : "Follower";
}

/** As latched, or as listed now. */
export function idOf(etcd: EtcdView, member: EtcdMember): string | undefined {
  if (member.status?.memberID !== undefined) return member.status.memberID;
  return etcd.kind === "known" ? listedMemberOf(etcd.list, member)?.id : undefined;
}

/** An alarm that etcd lists or a member tells of, the worse one first: with either etcd takes no writes. */
export function alarmOf({ etcd }: Observed): "Corrupt" | "NoSpace" | undefined {
  if (etcd.kind === "unasked") return undefined;
  const kinds = etcd.kind === "known" ? etcd.alarms.map(({ kind }) => kind) : [];
  let isNoSpace = kinds.includes("NoSpace");
  if (kinds.includes("Corrupt")) return "Corrupt";
  for (const answer of etcd.answers.values()) {
    if (answer.kind !== "answered") continue;
    if (answer.errors.some((error) => error.includes("CORRUPT"))) return "Corrupt";
    isNoSpace ||= answer.errors.some((error) => error.includes("NOSPACE"));
  }
  return isNoSpace ? "NoSpace" : undefined;
}

/** One that etcd has not listed yet gets its volume and Pod after that. */
function absentText({ spec, status }: EtcdMember): string {
  return spec.bootstrap === "JoinExisting" && status?.memberID === undefined
    ? "it has not joined yet"
    : "it has no pod now";
}

function stuckTerminatingMessage(
  { metadata: { name } }: EtcdMember,
  node: string | undefined,
): string {
  const where = node ?? "its node";
  return `node ${where} does not confirm that pod ${name} has ended. If the machine is off for good, delete the Node object or give it the taint node.kubernetes.io/out-of-service; the operator does not delete the pod by force, because the member may still run there`;
}
