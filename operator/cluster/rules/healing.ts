/**
 * Rules for members that are lost. They rest on a list that was read linearizably in this look (operators.md 7.4, rule 2), and stand before the rules
 * for Pods: a lost member's Pod is not brought back for its own sake.
 */
import { nameInPeerUrl } from "../initial-cluster.ts";
import { lossOf } from "../losses.ts";
import type { MemberView } from "../member-view.ts";
import { type Answer, graverOf, type Look, type Rule } from "../rule.ts";
import { giveUp } from "./giving-up.ts";

/** One after the other, those that serve last: each removal of a dead voter makes quorum safer, that of a live one does not. */
export const replaceLost: Rule = (look) => {
  if (look.voters.length < 2) return undefined;
  let held: Answer;
  for (const seen of byUsefulness(look)) {
    const answer = replacedIfLost(look, seen);
    if (answer?.kind === "step") return answer;
    held = graverOf(held, answer);
  }
  return held;
};

/** Somebody deleted its EtcdMember, which is how a person replaces a member: its Pod goes with it, and its volume has no name to come back under. */
export const replaceOrphan: Rule = (look) => {
  const { voters, members, cluster } = look;
  const ours = new Set(members.map(({ member }) => member.spec.peerURL));
  for (const { id, peerUrls } of voters) {
    if (peerUrls.some((url) => ours.has(url))) continue;
    const [name] = peerUrls.flatMap((url) => nameInPeerUrl(cluster, url) ?? []);
    if (name === undefined) continue;
    return giveUp(look, {
      memberId: id,
      name,
      member: undefined,
      why: "its EtcdMember was deleted",
    });
  }
  return undefined;
};

function replacedIfLost(look: Look, seen: MemberView): Answer {
  const loss = lossOf(look, seen);
  // One that has time left is told of by the rules for its Pod.
  if (loss?.kind !== "lost" || seen.listed === undefined) return undefined;
  return giveUp(look, {
    memberId: seen.listed.id,
    name: seen.name,
    member: seen,
    why: loss.why,
  });
}

function byUsefulness({ members }: Look): readonly MemberView[] {
  const voters = members.filter(({ standing }) => standing === "Voter");
  return voters.every(({ serves }) => serves)
    ? voters
    : voters.sort((left, right) => Number(left.serves) - Number(right.serves));
}
