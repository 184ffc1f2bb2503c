/** Taking the lead off a member before it goes, so that nobody waits for an election. */
import { lagLimit, lagOf } from "../calm.ts";
import { lossOf } from "../losses.ts";
import type { MemberView } from "../member-view.ts";
import { type Answer, type Look, step, wait } from "../rule.ts";

/**
 * Asks the leader to hand over to the voter that has most of the log. Not counted and not given up: each look sees who leads, and asks again while it is
 * still this one. A member that is ended hands over by itself, so a crash in between costs an election at most.
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
    reason: "MovingLeader",
    message: `member ${leader.name} hands the lead over to ${successor.name}`,
  });
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
