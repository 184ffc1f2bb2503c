/**
 * The birth of a cluster: every founder computes the same members, the same ids and the same first entries from the same flags
 * (etcdserver/bootstrap.go, bootstrapNewClusterNoWAL; raft/bootstrap.go).
 */
import { type ClusterId, type LogIndex, logIndex, type MemberId, term } from "../lib/units.ts";
import { bootstrapClusterId, bootstrapMemberId, type Member } from "../membership/member.ts";
import { encodeChange } from "../membership/membership-change.ts";
import { parsePeerUrls } from "../membership/peer-urls.ts";
import type { ConfState, Entry, HardState } from "../raft/types.ts";

/** What a member with an empty data directory is told. That it advertises what the cluster has for it is checked before (config/initial-cluster.ts). */
export interface NewMember {
  readonly name: string;
  /** --initial-advertise-peer-urls. */
  readonly peerUrls: readonly string[];
  readonly clusterToken: string;
  /** Name ▸ peer URLs of every member, this one among them. */
  readonly initialCluster: ReadonlyMap<string, readonly string[]>;
  readonly initialClusterState: "new" | "existing";
}

export interface Founders {
  readonly own: Member;
  readonly clusterId: ClusterId;
  /** Ascending by id. */
  readonly members: readonly Member[];
}

/** Throws an Error in etcd's words where the flags do not make a cluster. */
export function foundersOf(newMember: NewMember): Founders {
  const urlsByName = initialClusterUrls(newMember);
  const members = [...urlsByName].map(([name, peerUrls]): Member => {
    const id = bootstrapMemberId(peerUrls, newMember.clusterToken);
    return { id, peerUrls, isLearner: false, name, clientUrls: [] };
  });
  members.sort((a, b) => (a.id < b.id ? -1 : 1));
  const own = members.find(({ name }) => name === newMember.name) as Member;
  return { own, members, clusterId: bootstrapClusterId(members.map(({ id }) => id)) };
}

/** The first entries, of term 1 and committed: each founder enters by a conf change. */
export function foundingLog({ members }: Founders): {
  readonly hardState: HardState;
  readonly entries: Entry[];
} {
  const entries = members.map((member, at): Entry => {
    const { type, data } = encodeChange({
      requestId: 0n,
      changes: [{ kind: "add", member }],
      expectedMemberListHash: undefined,
      maxLearners: undefined,
    });
    return { term: term(1), index: logIndex(at + 1), type, data };
  });
  const commit: LogIndex = logIndex(entries.length);
  return { hardState: { term: term(1), vote: 0n as MemberId, commit }, entries };
}

/** All founders vote. */
export const foundingConfState = ({ members }: Founders): ConfState => ({
  voters: members.map(({ id }) => id),
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
});

/** --initial-cluster, checked: this member is in it, and no URL is there twice (etcd's VerifyBootstrap, VerifyJoinExisting). */
export function initialClusterUrls(newMember: NewMember): ReadonlyMap<string, readonly string[]> {
  const { name: ownName, initialCluster } = newMember;
  if (!initialCluster.has(ownName)) {
    throw new Error(`couldn't find local name "${ownName}" in the initial cluster configuration`);
  }
  const urlsByName = new Map<string, readonly string[]>();
  for (const [name, texts] of initialCluster) {
    const urls = parsePeerUrls(texts);
    if (urls === undefined) {
      throw new Error(`--initial-cluster: ${name}=${texts.join(",")} are no peer URLs`);
    }
    urlsByName.set(name, urls);
  }
  const all = [...urlsByName.values()].flat();
  if (new Set(all).size < all.length) {
    throw new Error(`initial cluster ${pairsOf(urlsByName)} has duplicate url`);
  }
  return urlsByName;
}

/** As etcd prints such a map. */
function pairsOf(urlsByName: ReadonlyMap<string, readonly string[]>): string {
  const pairs = [...urlsByName].flatMap(([name, urls]) => urls.map((url) => `${name}=${url}`));
  return pairs.sort().join(",");
}
