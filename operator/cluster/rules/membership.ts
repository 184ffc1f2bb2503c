/**
 * Rules that finish a membership change that is under way, of which there is one at a time:
 *
 *   EtcdMember (Unborn) ──etcd add-learner──▸ Learner ──latch id ▸ claim ▸ Pod ▸ in sync──▸ etcd promote ──▸ Voter
 *
 * Each step can be repeated: what the list says is what was done (operators.md 3.6, rows 1 to 4). A learner has no vote, so giving it up costs nothing.
 */
import { whyNotHealthy, whyNotNow } from "../calm.ts";
import { nameInPeerUrl } from "../initial-cluster.ts";
import { isSynced, overdueOf, syncedPercentOf } from "../joining.ts";
import { nodeLossOf, volumeLossOf } from "../losses.ts";
import type { MemberView } from "../member-view.ts";
import type { ListedMember } from "../observed.ts";
import { type Look, type Rule, step, wait } from "../rule.ts";
import { wantedVotersOf } from "../wanted-voters.ts";

/**
 * A learner whose EtcdMember is gone is the rest of an add that was broken off. One that lost its volume, or has had its time, makes room for
 * another, under another name; one too many for what is wanted now is not promoted just to be removed.
 */
export const giveUpLearner: Rule = (look) => {
  const { list, learners } = look;
  for (const entry of learners) {
    const why = whyGivenUp(look, entry);
    if (why === undefined || list === undefined) continue;
    return (
      whyNotNow(look) ??
      step({
        kind: "etcd",
        request: { kind: "remove", memberId: entry.id },
        listedMembers: list,
        reason: "RemovedLearner",
        message: `learner ${nameOf(look, entry)} is removed from etcd: ${why}`,
      })
    );
  }
  return undefined;
};

/** The server decides too: it refuses while the learner is not ready, and then this is asked again. */
export const promoteLearner: Rule = (look) => {
  const { list, members } = look;
  const learner = members.find(({ standing }) => standing === "Learner");
  if (learner?.listed === undefined || list === undefined) return undefined;
  if (!isSynced(look, learner)) return wait("LearnerSyncing", syncingText(look, learner));
  return (
    whyNotHealthy(look) ??
    step({
      kind: "etcd",
      request: { kind: "promote", memberId: learner.listed.id },
      listedMembers: list,
      reason: "PromotedMember",
      message: `member ${learner.name} has the data and becomes a voter`,
    })
  );
};

/** An EtcdMember that etcd has never heard of, and that is not wanted any more, has nothing that could be lost. */
export const dropUnborn: Rule = (look) => {
  if (look.list === undefined) return undefined;
  const unborn = unbornOf(look);
  const surplus = look.voters.length + look.learners.length + unborn.length - wantedVotersOf(look);
  const last = unborn.at(-1);
  if (surplus <= 0 || last === undefined) return undefined;
  return step({
    kind: "delete",
    object: last.member,
    reason: "DeletedMember",
    message: `EtcdMember ${last.name} is deleted: it has not joined, and is not wanted any more`,
  });
};

/** Nothing else is there of it yet. One learner at a time, and only while everybody else is well. */
export const addLearner: Rule = (look) => {
  const [next] = unbornOf(look);
  if (next === undefined || look.list === undefined || look.learners.length > 0) return undefined;
  return (
    whyNotHealthy(look) ??
    step({
      kind: "etcd",
      request: { kind: "add-learner", peerUrl: next.member.spec.peerURL },
      listedMembers: look.list,
      reason: "AddedLearner",
      message: `member ${next.name} is added to etcd as a learner`,
    })
  );
};

function unbornOf({ members }: Look): readonly MemberView[] {
  return members.filter(
    ({ standing, member }) =>
      standing === "Unborn" && member.metadata.deletionTimestamp === undefined,
  );
}

function whyGivenUp(look: Look, entry: ListedMember): string | undefined {
  const seen = look.members.find(({ listed }) => listed?.id === entry.id);
  if (seen === undefined) return "there is no EtcdMember for it";
  const lost = volumeLossOf(seen) ?? nodeLossOf(look, seen);
  if (lost !== undefined) return lost;
  // While others are not well, it may be needed in the place of one of them, or wait for them itself.
  if (whyNotHealthy(look) !== undefined) return undefined;
  return look.voters.length + look.learners.length > wantedVotersOf(look)
    ? "so many members are not wanted any more"
    : overdueOf(look, seen);
}

function nameOf({ members, cluster }: Look, { id, peerUrls }: ListedMember): string {
  const seen = members.find(({ listed }) => listed?.id === id);
  const [name = id] = peerUrls.flatMap((url) => nameInPeerUrl(cluster, url) ?? []);
  return seen?.name ?? name;
}

function syncingText(look: Look, learner: MemberView): string {
  const percent = syncedPercentOf(look, learner);
  return percent === undefined
    ? `learner ${learner.name} is starting`
    : `learner ${learner.name} has ${percent} % of the log`;
}
