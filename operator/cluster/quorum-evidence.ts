/** What is left of a cluster that has lost its quorum: told to a person, who decides on it. */
import type { EtcdClusterStatus } from "../api/v1alpha1/types.ts";
import { uidOf } from "../resources/owners.ts";
import { hashOf } from "../resources/template-hash.ts";
import { isLongAway, nodeLossOf, volumeLossOf } from "./losses.ts";
import type { MemberView } from "./member-view.ts";
import { quorumOf } from "./quorum.ts";
import type { Look } from "./rule.ts";

export type QuorumRecovery = NonNullable<EtcdClusterStatus["quorumRecovery"]>;

export interface QuorumLoss {
  /** No volumes are left for a quorum: it cannot come back by itself. Otherwise it has only been away for long. */
  readonly isProven: boolean;
  readonly survivors: readonly MemberView[];
}

/**
 * Undefined while a quorum may come back in time. Who votes is not known without a list: every member with an id counts that does not say that it is a
 * learner, so rather too many are needed than too few.
 */
export function quorumLossOf(look: Look): QuorumLoss | undefined {
  if (look.list !== undefined || look.latched.clusterID === undefined) return undefined;
  const voters = look.members.filter((seen) => mayVote(look, seen));
  if (voters.length < 2) return undefined;
  const quorum = quorumOf(voters.length);
  const survivors = voters.filter(
    (seen) => hasVolume(seen) && nodeLossOf(look, seen) === undefined,
  );
  if (survivors.length < quorum) return { isProven: true, survivors };
  const near = survivors.filter((seen) => !isLongAway(look, seen));
  return near.length < quorum ? { isProven: false, survivors } : undefined;
}

/** One that never had a volume has nothing either: a learner that was still being made. One whose claim is being deleted loses it along with its Pod. */
function hasVolume(seen: MemberView): boolean {
  const hadOne = seen.member.status?.volumeClaimUID !== undefined;
  return hadOne && !seen.isVolumeGoing && volumeLossOf(seen) === undefined;
}

/** One that was given up may be out of the list already, and its data is old: it counts only when it answers. */
function mayVote({ latched }: Look, { name, member, answer }: MemberView): boolean {
  if (member.status?.memberID === undefined || answer?.isLearner === true) return false;
  const isGivenUp = (latched.replacements ?? []).some(({ memberName }) => memberName === name);
  return answer !== undefined || !isGivenUp;
}

/**
 * The one that knows the most to be committed: what it does not have is lost. One that does not run cannot tell: of those the oldest, since a learner that
 * has nothing yet is always the newest member.
 */
function bestSurvivorOf(survivors: readonly MemberView[]): MemberView | undefined {
  const bornAt = ({ member }: MemberView): string => member.metadata.creationTimestamp ?? "";
  const byAge = survivors.toSorted(
    (left, right) => Number(bornAt(left) > bornAt(right)) - Number(bornAt(left) < bornAt(right)),
  );
  let best: MemberView | undefined;
  for (const seen of byAge) {
    if (best === undefined || isBetter(seen, best)) best = seen;
  }
  return best;
}

/** A new nonce for each evidence: what is approved is what was read. */
export function evidenceOf(look: Look, loss: QuorumLoss): QuorumRecovery {
  const best = bestSurvivorOf(loss.survivors);
  const survivors = loss.survivors.map(({ name, answer }) => ({
    name,
    isRunning: answer !== undefined,
    ...(answer === undefined
      ? {}
      : { raftTerm: answer.raftTerm, committedIndex: answer.raftIndex }),
  }));
  return {
    phase: "WaitingForApproval",
    nonce: hashOf([uidOf(look.cluster), look.context.now, survivors]).slice(0, 8),
    ...(best === undefined ? {} : { survivor: best.name }),
    estimatedLoss: lossText(loss, best),
    survivors,
  };
}

/** Whether it still says what is: members that came or went, and what they know to be committed. Terms grow by themselves. */
export function isSameEvidence(before: QuorumRecovery, now: QuorumRecovery): boolean {
  const facts = ({ survivor, survivors, estimatedLoss }: QuorumRecovery): string =>
    JSON.stringify([
      survivor,
      estimatedLoss,
      survivors.map(({ name, isRunning, committedIndex }) => [name, isRunning, committedIndex]),
    ]);
  return facts(before) === facts(now);
}

function isBetter({ answer }: MemberView, best: MemberView): boolean {
  if (answer === undefined) return false;
  const than = best.answer;
  if (than === undefined || answer.raftIndex !== than.raftIndex) {
    return answer.raftIndex > (than?.raftIndex ?? -1);
  }
  return answer.raftTerm > than.raftTerm;
}

function lossText({ isProven, survivors }: QuorumLoss, best: MemberView | undefined): string {
  if (best === undefined) return "everything: no volume is left; restore a backup";
  const silent = survivors.filter(({ answer }) => answer === undefined).map(({ name }) => name);
  const index = best.answer?.raftIndex;
  return [
    index === undefined
      ? "unknown: no member that is left answers"
      : `writes that were acknowledged after log index ${index}, which is the last that ${best.name} knows to be committed`,
    ...(silent.length === 0
      ? []
      : [`${silent.join(", ")} have their volumes but do not answer, and may know more`]),
    ...(isProven ? [] : ["the volumes are there: quorum returns when the members come back"]),
  ].join("; ");
}
