/** The response header of the services that are called rarely; the hot ones use ResponseHeaderTemplate. */
import type { etcdserverpb } from "../proto/generated/messages.js";
import { numberLong, uint64Long } from "../proto/long.ts";
import type { Member } from "../server/member.ts";

/** Who answers, and what it knows of raft. */
export type HeaderSource = Pick<Member, "id" | "clusterId"> & {
  readonly raft: Pick<Member["raft"], "term">;
};

/** `revision` is 0 in the Cluster service's answers. */
export function headerOf(
  member: HeaderSource,
  revision: number,
): etcdserverpb.ResponseHeader.$Properties {
  return {
    clusterId: uint64Long(member.clusterId),
    memberId: uint64Long(member.id),
    revision: numberLong(revision),
    raftTerm: numberLong(member.raft.term),
  };
}
