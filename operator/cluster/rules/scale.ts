/**
 * Rules for the number of voters. They begin a change, and membership.ts and removal.ts finish it. After the roll: what is there is as asked.
 */

import { buildMember } from "../../resources/member.ts";
import { whyNotCalm, whyNotNow } from "../calm.ts";
import { lossOf } from "../losses.ts";
import type { MemberView } from "../member-view.ts";
import { mayRemoveVoter } from "../quorum.ts";
import { type Answer, type Look, type Rule, step, stuck, wait } from "../rule.ts";
import { isTargetServed, wantedVotersOf } from "../wanted-voters.ts";
import { handOver, hasRefused, unmovedText } from "./hand-over.ts";

/** The CRD refuses an even number too; one of another version may be installed. */
export const evenReplicas: Rule = (look) =>
  isTargetServed(look)
    ? undefined
    : stuck(
        "EvenReplicas",
        `spec.replicas is ${look.target}: an even number of members survives no more failures than one less; set an odd number, or spec.allowEvenReplicas`,
      );

/** Only the EtcdMember, which is the intent: etcd hears of it when it is seen. */
export const scaleUp: Rule = (look) => {
  const { cluster, context, voters, list } = look;
  if (list === undefined || voters.length >= wantedVotersOf(look) || !isTargetServed(look)) {
    return undefined;
  }
  return (
    whyNotCalm(look) ??
    step({
      kind: "create",
      object: buildMember(cluster, {
        name: context.candidateMemberName,
        bootstrap: "JoinExisting",
        clusterDomain: context.clusterDomain,
        defaultImage: context.defaultImage,
      }),
      reason: "CreatedMember",
      message: `member ${context.candidateMemberName} is created, to join ${voters.length} of ${wantedVotersOf(look)} voters`,
    })
  );
};

/**
 * Who is not well goes first, and for that the others need not be waited for. A member that is well goes only while all are, and all that stay have the
 * log (operators.md 4.3, "scale 2→1 or 3→1", EIO#463).
 */
export const scaleDown: Rule = (look) => {
  const { list, voters, target } = look;
  if (list === undefined || target === 0 || !isTargetServed(look)) return undefined;
  // One more than wanted stays until that one is here for good.
  if (voters.length <= target || look.voters.length < wantedVotersOf(look)) return undefined;
  const victim = victimOf(look);
  if (victim?.listed === undefined) return undefined;
  const busy = isWell(look, victim) ? whyNotCalm(look) : whyNotNow(look);
  if (busy !== undefined) return busy;
  return mayRemoveVoter(look, victim)
    ? removed(look, victim, victim.listed.id)
    : wait("QuorumAtRisk", `member ${victim.name} cannot be removed: too few others serve`);
};

/** A leader that does not hand over is removed all the same: etcd applies that, and those that stay elect another one. */
function removed(look: Look, victim: MemberView, memberId: string): Answer {
  const leads = victim.serves && victim.name === look.leader?.name;
  const isUnmoved = leads && hasRefused(look, victim);
  if (leads && !isUnmoved) return handOver(look, victim);
  return step({
    kind: "etcd",
    request: { kind: "remove", memberId },
    listedMembers: look.list ?? [],
    reason: "RemovedMember",
    message: `member ${victim.name} is removed from etcd: ${look.voters.length} voters are ${tooMany(look)} more than wanted${isUnmoved ? `; ${unmovedText}` : ""}`,
  });
}

function tooMany({ voters, target }: Look): string {
  const surplus = voters.length - target;
  return surplus === 1 ? "one" : String(surplus);
}

/** Not well first, then one whose volume goes, then the newest by creation, then by name. */
function victimOf(look: Look): MemberView | undefined {
  const rank = (member: MemberView): number => {
    if (!isWell(look, member)) return 0;
    return member.isVolumeGoing ? 1 : 2;
  };
  const bornAt = ({ member }: MemberView): string => member.metadata.creationTimestamp ?? "";
  const goesBefore = (left: MemberView, right: MemberView): boolean => {
    if (rank(left) !== rank(right)) return rank(left) < rank(right);
    if (bornAt(left) !== bornAt(right)) return bornAt(left) > bornAt(right);
    return left.name > right.name;
  };
  return look.members
    .filter(({ standing }) => standing === "Voter")
    .sort((left, right) => (goesBefore(left, right) ? -1 : 1))[0];
}

function isWell(look: Look, member: MemberView): boolean {
  return member.serves && lossOf(look, member)?.kind !== "lost";
}
