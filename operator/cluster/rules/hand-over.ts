/** Taking the lead off a member before it goes, so that nobody waits for an election. */
import type { EtcdClusterStatus } from "../../api/v1alpha1/types.ts";
import { lagLimit, lagOf } from "../calm.ts";
import { lossOf } from "../losses.ts";
import type { MemberView } from "../member-view.ts";
import { type Answer, type Look, step, wait } from "../rule.ts";

type HandOver = NonNullable<EtcdClusterStatus["handOver"]>;

/** Ten times the longest that etcd takes for one with its defaults: whoever has not handed over by then does not. */
const patienceMs = 2 * 60_000;
/** A record of an attempt that was broken off long ago says nothing of this one. */
const recordLifeMs = 30 * 60_000;

/**
 * Asks the leader to hand over to the voter that has most of the log. Each look sees who leads, and asks again while it is still this one: a member that
 * is ended or removed costs an election at most, so after two minutes of asking it goes as it is (`hasRefused`).
 */
export function handOver(look: Look, leader: MemberView): Answer {
  const successor = successorOf(look, leader);
  if (successor === undefined || look.list === undefined) {
    return wait(
      "NoSuccessor",
      `no other voter is fit to lead in the place of member ${leader.name}`,
    );
  }
  return step({
    kind: "etcd",
    request: {
      kind: "move-leader",
      leaderName: leader.name,
      toMemberId: successor.listed?.id ?? "",
    },
    listedMembers: look.list,
    ...(recordOf(look, leader) === undefined
      ? { first: { handOver: recordFor(look, leader) } }
      : {}),
    reason: "MovingLeader",
    message: `member ${leader.name} hands the lead over to ${successor.name}`,
  });
}

/** Whether the leader was asked to hand over for so long that it is not asked again. By the time that was latched with the first request. */
export function hasRefused(look: Look, leader: MemberView): boolean {
  const since = recordOf(look, leader)?.since;
  return since !== undefined && look.nowMs - Date.parse(since) >= patienceMs;
}

/** What is told of a step that goes on without the hand-over. */
export const unmovedText = `it still leads, although it was asked for ${patienceMs / 60_000} minutes to hand over; there is a short election`;

/** Of this very Pod, which is what is to go, and of this lead: one that was lost and won back in between is of another term, and is asked for anew. */
function recordOf({ latched, nowMs }: Look, leader: MemberView): HandOver | undefined {
  const record = latched.handOver;
  const isOfThis =
    record?.memberName === leader.name &&
    record.podUID === podUidOf(leader) &&
    record.raftTerm === termOf(leader);
  return isOfThis && nowMs - Date.parse(record.since) < recordLifeMs ? record : undefined;
}

function recordFor({ context }: Look, leader: MemberView): HandOver {
  return {
    memberName: leader.name,
    podUID: podUidOf(leader),
    raftTerm: termOf(leader),
    since: context.now,
  };
}

function termOf({ answer }: MemberView): number {
  return answer?.raftTerm ?? 0;
}

function podUidOf({ pod }: MemberView): string {
  return pod?.metadata.uid ?? "";
}

function successorOf(look: Look, leader: MemberView): MemberView | undefined {
  let best: MemberView | undefined;
  for (const voter of look.servingVoters) {
    const isFit =
      voter.name !== leader.name &&
      voter.isReady &&
      !voter.isVolumeGoing &&
      lagOf(look, voter) <= lagLimit &&
      lossOf(look, voter)?.kind !== "lost";
    if (isFit && (best === undefined || appliedOf(voter) > appliedOf(best))) best = voter;
  }
  return best;
}

function appliedOf({ answer }: MemberView): number {
  return answer?.raftAppliedIndex ?? 0;
}
