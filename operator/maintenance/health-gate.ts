/** Whether a cluster is fit to be worked on. Each answers why not, for people, or undefined; silence of anybody is a reason. Pure. */
import { lagLimit } from "../cluster/calm.ts";
import { answering, leaderIn, type Sight } from "./sight.ts";

/** Of the objects alone: nobody has to be asked. */
function whyHandsOff({ cluster }: Pick<Sight, "cluster">): string | undefined {
  const { metadata, spec, status } = cluster;
  if (metadata.deletionTimestamp !== undefined) return "the cluster is being deleted";
  if (spec.paused) return "spec.paused: the cluster is to be left alone";
  if (spec.replicas === 0) return "the cluster hibernates";
  if (status?.clusterID === undefined) return "the cluster has not been formed yet";
  return status.quorumRecovery === undefined ? undefined : "its quorum is lost";
}

/** Enough for a compaction, which goes through Raft: somebody leads this very cluster, and its data is not in doubt. NOSPACE is no reason: it makes room. */
export function whyNoCompaction(sight: Sight): string | undefined {
  const handsOff = whyHandsOff(sight);
  if (handsOff !== undefined) return handsOff;
  const stranger = strangerIn(sight);
  if (stranger !== undefined) return stranger;
  if (sight.list.kind === "unknown") return `the member list is not known: ${sight.list.reason}`;
  if (leaderIn(sight) === undefined) return "no member says that it leads";
  return sight.alarms.some(({ kind }) => kind === "Corrupt")
    ? "alarm CORRUPT is raised: history is kept until it is known which member is right"
    : undefined;
}

/**
 * Enough to work on one member: it could go for a while and the others would do. So every member that is listed answers, knows the same leader and has the
 * log, and nobody joins or leaves.
 */
export function whyNotHealthy(sight: Sight): string | undefined {
  return whyNoCompaction(sight) ?? whyMembersChange(sight) ?? whyMembersUnfit(sight);
}

/** Addresses may lead to somebody else's members: ids tell. */
function strangerIn(sight: Sight): string | undefined {
  const { clusterID } = sight.cluster.status ?? {};
  const stranger = answering(sight).find(({ state }) => state.clusterId !== clusterID);
  return stranger === undefined
    ? undefined
    : `member ${stranger.name} is of another cluster, ${stranger.state.clusterId}`;
}

function whyMembersChange({ members, list }: Sight): string | undefined {
  if (list.kind === "unknown") return "the member list is not known";
  const learner = list.members.find(({ isLearner }) => isLearner);
  if (learner !== undefined) return `a membership change is under way: ${learner.id} is a learner`;
  const leaving = members.find(({ metadata }) => metadata.deletionTimestamp !== undefined);
  if (leaving !== undefined) return `member ${leaving.metadata.name} is being deleted`;
  const listedUrls = new Set(list.members.flatMap(({ peerUrls }) => peerUrls));
  const unlisted = members.find(({ spec }) => !listedUrls.has(spec.peerURL));
  if (unlisted !== undefined) {
    return `a membership change is under way: ${unlisted.metadata.name} is not in etcd's member list`;
  }
  const ourUrls = new Set(members.map(({ spec }) => spec.peerURL));
  const foreign = list.members.find(({ peerUrls }) => !peerUrls.some((url) => ourUrls.has(url)));
  return foreign === undefined ? undefined : `member ${foreign.id} of etcd's list is unknown here`;
}

function whyMembersUnfit(sight: Sight): string | undefined {
  const leader = leaderIn(sight);
  const committed = Math.max(0, ...answering(sight).map(({ state }) => state.raftIndex));
  for (const [name, answer] of sight.answers) {
    if (answer.kind === "silent") return `member ${name} does not answer: ${answer.reason}`;
    if (answer.leaderId !== leader?.state.id) return `member ${name} follows no leader`;
    if (committed - answer.raftAppliedIndex > lagLimit) {
      return `member ${name} lags behind by more than ${lagLimit} entries`;
    }
  }
  return undefined;
}
