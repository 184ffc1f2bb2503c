/** Rules that compare what etcd says of itself with what was latched. Nothing is concluded from silence. */
import { listedMemberOf } from "../initial-cluster.ts";
import type { EtcdView } from "../observed.ts";
import { type MemberRule, type Rule, step, stuck } from "../rule.ts";

/** Two clusters under one name: whichever is right, nothing may be deleted, restarted or joined to the other. */
export const clusterIdMismatch: Rule = ({ observed: { etcd }, latched }) => {
  const expected = latched.clusterID ?? (etcd.kind === "known" ? etcd.clusterId : undefined);
  if (expected === undefined) return undefined;
  const other = clusterIdsOf(etcd).find(({ clusterId }) => clusterId !== expected);
  return other === undefined
    ? undefined
    : stuck(
        "ClusterIDMismatch",
        `${other.who} belongs to etcd cluster ${other.clusterId}, and this one is ${expected}; look into both before you delete anything`,
      );
};

/** Somebody else changes the membership. */
export const unknownMember: Rule = ({ observed: { etcd, members } }) => {
  if (etcd.kind !== "known") return undefined;
  const ours = new Set(members.map(({ member }) => member.spec.peerURL));
  const unknown = etcd.list.find(({ peerUrls }) => !peerUrls.some((url) => ours.has(url)));
  return unknown === undefined
    ? undefined
    : stuck(
        "UnknownMember",
        `etcd lists member ${unknown.id} (${unknown.peerUrls.join(", ")}), which has no EtcdMember; remove it with etcdctl member remove if it was added by hand`,
      );
};

/** Its entry was removed and added anew: the data on the volume is of an identity that is gone. */
export const memberIdMismatch: MemberRule = ({ observed: { etcd } }, { member }) => {
  const latched = member.status?.memberID;
  if (etcd.kind !== "known" || latched === undefined) return undefined;
  const id = listedMemberOf(etcd.list, member)?.id;
  return id === undefined || id === latched
    ? undefined
    : stuck(
        "MemberIDMismatch",
        `etcd lists member ${member.metadata.name} with id ${id}, and its data is of ${latched}; somebody removed it and added it anew`,
      );
};

/**
 * From now on nothing is ever started "new" again. Only from a list that holds the seed and nobody else, after unknownMember. Before any rule that
 * deletes or creates a Pod, since the choice of "new" or "existing" rests on it.
 */
export const latchClusterId: Rule = ({ observed: { etcd, members }, latched }) => {
  if (latched.clusterID !== undefined || etcd.kind !== "known") return undefined;
  const seed = members.find(({ member }) => member.metadata.name === latched.seedMember);
  if (seed === undefined || etcd.list.length !== 1) return undefined;
  if (listedMemberOf(etcd.list, seed.member) === undefined) return undefined;
  return step({
    kind: "latch-cluster",
    fields: { clusterID: etcd.clusterId },
    reason: "ClusterStarted",
    message: `etcd cluster ${etcd.clusterId} was started by member ${seed.member.metadata.name}`,
  });
};

export const latchMemberId: MemberRule = ({ observed: { etcd } }, { member }) => {
  if (etcd.kind !== "known" || member.status?.memberID !== undefined) return undefined;
  const listed = listedMemberOf(etcd.list, member);
  if (listed === undefined) return undefined;
  return step({
    kind: "latch-member",
    memberName: member.metadata.name,
    fields: { memberID: listed.id },
    reason: "MemberListed",
    message: `member ${member.metadata.name} has id ${listed.id}`,
  });
};

function clusterIdsOf(
  etcd: EtcdView,
): readonly { readonly who: string; readonly clusterId: string }[] {
  if (etcd.kind === "unasked") return [];
  const answers = [...etcd.answers].flatMap(([name, answer]) =>
    answer.kind === "answered" ? [{ who: `member ${name}`, clusterId: answer.clusterId }] : [],
  );
  return etcd.kind === "known"
    ? [{ who: "the member list", clusterId: etcd.clusterId }, ...answers]
    : answers;
}
