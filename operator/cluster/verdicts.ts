/** What each condition of a cluster says now. */
import type { Condition } from "../api/v1alpha1/types.ts";
import type { ConditionReason, ConditionType, Verdict } from "./conditions.ts";
import { alarmOf, type MemberHealth } from "./health.ts";
import type { MemberView } from "./member-view.ts";
import type { Observed } from "./observed.ts";
import type { Look } from "./rule.ts";
import { missingOf } from "./rules/giving-up.ts";
import type { Plan } from "./step.ts";

export interface Assessment {
  readonly observed: Observed;
  /** Of the same observation. */
  readonly look: Look;
  readonly plan: Plan;
  /** What the plan is but for spec.paused: the same unless the cluster is paused. */
  readonly planIfNotPaused: Plan;
  /** By name of the member. */
  readonly health: ReadonlyMap<string, MemberHealth>;
}

export function verdictsOf(assessment: Assessment): Readonly<Record<ConditionType, Verdict>> {
  return {
    Ready: readyVerdict(assessment),
    Available: availableVerdict(assessment),
    QuorumHealthy: quorumVerdict(assessment),
    Progressing: progressingVerdict(assessment),
    Degraded: degradedVerdict(assessment),
    Paused: pausedVerdict(assessment),
  };
}

/**
 * True when the spec as of this generation is fulfilled, and the cluster serves or is to sleep: what `kubectl wait` and Helm wait for. A plan that has anything left to
 * do makes it False, so that it leaves True in the same write that tells of a new generation.
 */
function readyVerdict(assessment: Assessment): Verdict {
  const { observed, plan, planIfNotPaused, health } = assessment;
  if (isDeleted(observed)) return isFalse("Deleting", "the cluster is being deleted");
  const alarm = alarmOf(observed);
  switch (planIfNotPaused.kind) {
    case "done":
      if (isAsleep(assessment)) return isTrue("Hibernated", asleepMessage);
      return alarm === undefined
        ? isTrue("AsWanted", `${readyText(observed, health)} members are ready`)
        : isFalse(alarm, alarmMessages[alarm]);
    case "wait": {
      const { reason, message } = planIfNotPaused;
      return reason === "EtcdUnreachable" ? isUnknown(reason, message) : isFalse(reason, message);
    }
    case "stuck":
      return isFalse(planIfNotPaused.reason, planIfNotPaused.message);
    case "step":
      return plan.kind === "wait"
        ? isFalse(
            plan.reason,
            `spec.paused is set, and this is to be done: ${planIfNotPaused.step.message}`,
          )
        : isFalse(isFormed(observed) ? "Updating" : "Creating", planIfNotPaused.step.message);
  }
}

/** Whether writes are possible now. */
function availableVerdict(assessment: Assessment): Verdict {
  const { observed } = assessment;
  const { etcd } = observed;
  if (isAsleep(assessment)) return isFalse("Hibernated", asleepMessage);
  const alarm = alarmOf(observed);
  if (alarm !== undefined) return isFalse(alarm, alarmMessages[alarm]);
  switch (etcd.kind) {
    case "known":
      return isTrue("WritesPossible", "a quorum of members answers");
    case "unknown":
      return isUnknown("EtcdUnreachable", etcd.reason);
    case "unasked":
      return isFalse("NoMemberRunning", "no member runs");
  }
}

/** A member list that was read linearizably was confirmed by a quorum. */
function quorumVerdict(assessment: Assessment): Verdict {
  const { etcd } = assessment.observed;
  if (isAsleep(assessment)) return isFalse("Hibernated", asleepMessage);
  const lost = assessment.observed.cluster.status?.quorumRecovery;
  if (lost !== undefined && etcd.kind !== "known") {
    return isFalse("QuorumLost", `quorum is lost; what may be lost with it: ${lost.estimatedLoss}`);
  }
  switch (etcd.kind) {
    case "known":
      return isTrue("QuorumPresent", "a quorum of members answers");
    case "unknown":
      return isUnknown("EtcdUnreachable", etcd.reason);
    case "unasked":
      return isFalse("NoMemberRunning", "no member runs");
  }
}

function progressingVerdict({ observed, plan }: Assessment): Verdict {
  switch (plan.kind) {
    case "step":
      return isTrue(isFormed(observed) ? "Updating" : "Creating", plan.step.message);
    case "wait":
      return plan.reason === "Paused"
        ? isFalse(plan.reason, plan.message)
        : isTrue(plan.reason, plan.message);
    case "stuck":
      return isFalse(plan.reason, plan.message);
    case "done":
      return isDeleted(observed)
        ? isTrue("Deleting", "the cluster is being deleted")
        : isFalse("AsWanted", "nothing is left to do");
  }
}

/** Something is wrong that is not just on its way: a person is needed, or a member that ran does not. */
function degradedVerdict(assessment: Assessment): Verdict {
  const { observed, look, plan, health } = assessment;
  if (plan.kind === "stuck") return isTrue(plan.reason, plan.message);
  const alarm = alarmOf(observed);
  if (alarm !== undefined) return isTrue(alarm, alarmMessages[alarm]);
  const going = look.members.find(({ isVolumeGoing }) => isVolumeGoing);
  if (going !== undefined) {
    return isTrue(
      "VolumeDeletionPending",
      `the volume claim of member ${going.name} is being deleted, and its data goes with its pod`,
    );
  }
  const members = [...health].map(([name, state]) => ({ name, ...state }));
  const stuckPod = members.find(({ isStuckTerminating }) => isStuckTerminating);
  if (stuckPod !== undefined) return isTrue("PodStuckTerminating", stuckPod.message ?? "");
  if (look.target === 0) return isFalse("Hibernated", asleepMessage);
  const needed = new Set(look.members.filter(isNeeded).map(({ name }) => name));
  const down = members.filter(({ name, phase }) => phase !== "Ready" && needed.has(name));
  const missing = missingText(look);
  if (isFormed(observed) && down.length > 0) {
    const texts = down.map(({ name, message }) => `member ${name}: ${message ?? "not ready"}`);
    return isTrue(
      "MembersNotReady",
      [...texts, ...(missing === undefined ? [] : [missing])].join("; "),
    );
  }
  if (missing !== undefined) return isTrue("MemberReplacing", missing);
  return isFalse(
    "MembersReady",
    isFormed(observed) ? "all members are ready" : "the cluster is being created",
  );
}

/** While there are fewer voters than wanted because some were lost: more that were only asked for are no loss. */
function missingText(look: Look): string | undefined {
  const { voters, target, members } = look;
  const ours = new Set(members.map(({ listed }) => listed?.id));
  const orphan = voters.find(({ id }) => !ours.has(id));
  if (orphan !== undefined) {
    return `the EtcdMember of voter ${orphan.name === "" ? orphan.id : orphan.name} was deleted: it leaves, and another one takes its place`;
  }
  const [lost, ...others] = missingOf(look);
  if (lost === undefined || voters.length >= target) return undefined;
  const who = others.length === 0 ? "" : ` and ${others.length} more`;
  return `member ${lost.memberName}${who} was lost (${lost.reason}) and has left: there are ${voters.length} voters of ${target} until its successor has joined`;
}

function pausedVerdict({ plan }: Assessment): Verdict {
  return plan.kind === "wait" && plan.reason === "Paused"
    ? isTrue(plan.reason, plan.message)
    : isFalse("NotPaused", "spec.paused is not set");
}

const asleepMessage = "spec.replicas is 0: no member runs, the volumes stay";

const alarmMessages = {
  NoSpace:
    "alarm NOSPACE: the database has reached its quota and takes no writes; compact, defragment, then etcdctl alarm disarm, or raise spec.etcd.quotaBackendBytes",
  Corrupt:
    "alarm CORRUPT: the data of members differs; keep all volumes and find out which member is right before anything is changed",
} as const;

/** "1/1" */
export function readyText(
  { cluster }: Observed,
  health: ReadonlyMap<string, MemberHealth>,
): string {
  return `${readyCount(health)}/${cluster.spec.replicas}`;
}

export function readyCount(health: ReadonlyMap<string, MemberHealth>): number {
  return [...health.values()].filter(({ phase }) => phase === "Ready").length;
}

/** Those that are joining or on their way out are not missed by anybody. */
function isNeeded({ standing }: MemberView): boolean {
  return standing === "Voter" || standing === "Unclear" || standing === "Founding";
}

function isAsleep({ look }: Assessment): boolean {
  return look.target === 0 && look.members.every(({ pod }) => pod === undefined);
}

function isDeleted({ cluster }: Observed): boolean {
  return cluster.metadata.deletionTimestamp !== undefined;
}

function isFormed({ cluster }: Observed): boolean {
  return cluster.status?.clusterID !== undefined;
}

const verdict =
  (status: Condition["status"]) =>
  (reason: ConditionReason, message: string): Verdict => ({ status, reason, message });
const isTrue = verdict("True");
const isFalse = verdict("False");
const isUnknown = verdict("Unknown");
