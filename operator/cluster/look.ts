/** Puts together what the rules of one plan look at, once. */
import type { MemberView } from "./member-view.ts";
import { viewOf } from "./member-view.ts";
import type { Observed, PlanContext } from "./observed.ts";
import type { Look } from "./rule.ts";

export function lookOf(observed: Observed, context: PlanContext): Look {
  const { cluster, etcd } = observed;
  const latched = cluster.status ?? {};
  const list = etcd.kind === "known" && etcd.list.length > 0 ? etcd.list : undefined;
  const around = { etcd, list, isFormed: latched.clusterID !== undefined };
  const members = observed.members.map((seen) => viewOf(seen, around));
  const voters = list?.filter(({ isLearner }) => !isLearner) ?? [];
  return {
    observed,
    context,
    cluster,
    latched,
    target: cluster.spec.replicas,
    nowMs: Date.parse(context.now),
    members,
    list,
    voters,
    learners: list?.filter(({ isLearner }) => isLearner) ?? [],
    servingVoters: members.filter(({ standing, serves }) => standing === "Voter" && serves),
    leader: leaderOf(members),
    committedIndex: Math.max(0, ...members.map(({ answer }) => answer?.raftIndex ?? 0)),
  };
}

function leaderOf(members: readonly MemberView[]): MemberView | undefined {
  let leader: MemberView | undefined;
  for (const member of members) {
    const { answer } = member;
    if (answer === undefined || answer.leaderId !== answer.memberId) continue;
    if (leader === undefined || answer.raftTerm > (leader.answer?.raftTerm ?? 0)) leader = member;
  }
  return leader;
}
