/** Rules that compare what etcd says of itself with what was latched. Nothing is concluded from silence. */

import { whyNotNow } from "../calm.ts";
import { isOwnPeerUrl } from "../initial-cluster.ts";
import type { EtcdView, ListedMember } from "../observed.ts";
import { type Answer, type Look, type MemberRule, type Rule, step, stuck } from "../rule.ts";

/** Two clusters under one name: whichever is right, nothing may be deleted, restarted or joined to the other (operators.md 4.1). */
export const clusterIdMismatch: Rule = ({ observed: { etcd }, latched }) => {
  const expected = latched.clusterID ?? (etcd.kind === "known" ? etcd.clusterId : undefined);
  if (expected === undefined) return undefined;
  const other = otherClusterOf(etcd, expected);
  return other === undefined
    ? undefined
    : stuck(
        "ClusterIDMismatch",
        `${other.who} belongs to etcd cluster ${other.clusterId}, and this one is ${expected}; look into both before you delete anything`,
      );
};

/**
 * Somebody else changes the membership. Members under URLs of this cluster are not meant: those were ours, and their EtcdMembers are gone (orphans in
 * removal.ts).
 */
export const unknownMember: Rule = (look) => {
  const ours = new Set(look.members.map(({ member }) => member.spec.peerURL));
  const unknown = look.list?.find(
    ({ peerUrls }) => !peerUrls.some((url) => ours.has(url) || isOwnPeerUrl(look.cluster, url)),
  );
  return unknown === undefined
    ? undefined
    : stuck(
        "UnknownMember",
        `etcd lists member ${unknown.id} (${unknown.peerUrls.join(", ")}), which has no EtcdMember; remove it with etcdctl member remove if it was added by hand`,
      );
};

/**
 * Its entry was removed and added anew: the data on the volume is of an identity that is gone. A learner without a name has never started: it is what an
 * add request has left that came late, and goes again. In another one somebody has put data.
 */
export const memberIdMismatch: MemberRule = (look, { member, name }) => {
  const latched = member.status?.memberID;
  if (latched === undefined) return undefined;
  const entry = look.list?.find(({ peerUrls }) => peerUrls.includes(member.spec.peerURL));
  if (entry === undefined || entry.id === latched) return undefined;
  if (entry.isLearner && entry.name === "") return whyNotNow(look) ?? removeStaleAdd(look, entry);
  return stuck(
    "MemberIDMismatch",
    `etcd lists member ${name} with id ${entry.id}, and its data is of ${latched}; somebody removed it and added it anew`,
    name,
  );
};

/**
 * From now on nothing is ever started "new" again. Only from a list that holds the seed and nobody else, after unknownMember. Before any rule that
 * deletes or creates a Pod, since the choice of "new" or "existing" rests on it.
 */
export const latchClusterId: Rule = ({ observed: { etcd }, members, latched, list }) => {
  if (latched.clusterID !== undefined || etcd.kind !== "known") return undefined;
  const seed = members.find(({ name }) => name === latched.seedMember);
  if (seed?.listed === undefined || list?.length !== 1) return undefined;
  return step({
    kind: "latch-cluster",
    fields: { clusterID: etcd.clusterId },
    reason: "ClusterStarted",
    message: `etcd cluster ${etcd.clusterId} was started by member ${seed.name}`,
  });
};

/** Before the member has a volume or a Pod: whatever is made for it belongs to this identity. */
export const latchMemberId: MemberRule = (_look, { member, name, listed }) => {
  if (listed === undefined || member.status?.memberID !== undefined) return undefined;
  return step({
    kind: "latch-member",
    memberName: name,
    fields: { memberID: listed.id },
    reason: "MemberListed",
    message: `member ${name} has id ${listed.id}`,
  });
};

function removeStaleAdd({ list = [] }: Look, entry: ListedMember): Answer {
  return step({
    kind: "etcd",
    request: { kind: "remove", memberId: entry.id },
    listedMembers: list,
    reason: "RemovedStaleMember",
    message: `learner ${entry.id} at ${entry.peerUrls.join(", ")} was added by a request that came late, and is removed`,
  });
}

interface Told {
  readonly who: string;
  readonly clusterId: string;
}

function otherClusterOf(etcd: EtcdView, expected: string): Told | undefined {
  if (etcd.kind === "unasked") return undefined;
  if (etcd.kind === "known" && etcd.clusterId !== expected) {
    return { who: "the member list", clusterId: etcd.clusterId };
  }
  for (const [name, answer] of etcd.answers) {
    if (answer.kind === "answered" && answer.clusterId !== expected) {
      return { who: `member ${name}`, clusterId: answer.clusterId };
    }
  }
  return undefined;
}
