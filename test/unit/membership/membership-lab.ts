/** What the tests of the membership share: members with small ids, a cluster over a backend in memory, configurations. */
import { MemoryBackend } from "../../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import { logIndex, type MemberId, memberId, revision, term } from "../../../node/lib/units.ts";
import { Cluster } from "../../../node/membership/cluster.ts";
import { emptyConfState } from "../../../node/membership/conf-state-json.ts";
import type { Member } from "../../../node/membership/member.ts";
import type { MemberChange, MembershipChange } from "../../../node/membership/membership-change.ts";
import type { ConfState } from "../../../node/raft/types.ts";
import { hastyTimers } from "../wal/wal-lab.ts";

export const id = (value: number | bigint): MemberId => memberId(BigInt(value));

export const memberOf = (value: number | bigint, changes: Partial<Member> = {}): Member => ({
  id: id(value),
  peerUrls: [`http://m${value}:2380`],
  isLearner: false,
  name: "",
  clientUrls: [],
  ...changes,
});

export const started = (value: number, changes: Partial<Member> = {}): Member =>
  memberOf(value, { name: `m${value}`, ...changes });

export const confStateOf = (
  changes: {
    readonly [List in keyof ConfState]?: List extends "autoLeave" ? boolean : readonly number[];
  },
): ConfState => ({
  ...emptyConfState,
  ...Object.fromEntries(
    Object.entries(changes).map(([name, value]) => [
      name,
      Array.isArray(value) ? (value as readonly number[]).map(id) : value,
    ]),
  ),
});

export const openBackend = (disk: MemoryDisk = new MemoryDisk()): MemoryBackend =>
  new MemoryBackend(disk, { timers: hastyTimers });

export const commit = (backend: MemoryBackend): Promise<void> =>
  new Promise((resolve, reject) => {
    const position = { consistentIndex: logIndex(1), term: term(1), revision: revision(1) };
    backend.commit(position, (error) => (error === null ? resolve() : reject(error)));
  });

/** Takes the members in, by flag as voters or learners. */
export function fill(cluster: Cluster, ...members: readonly Member[]): void {
  const all = [...cluster.members, ...members];
  const ids = (isLearner: boolean): MemberId[] =>
    all.filter((member) => member.isLearner === isLearner).map((member) => member.id);
  const changes = members.map((member): MemberChange => ({ kind: "add", member }));
  cluster.applyChange(changes, { ...emptyConfState, voters: ids(false), learners: ids(true) });
}

export function clusterOf(...members: readonly Member[]): Cluster {
  const cluster = new Cluster(openBackend());
  fill(cluster, ...members);
  return cluster;
}

export const changeOf = (
  changes: readonly MemberChange[],
  more: Partial<MembershipChange> = {},
): MembershipChange => ({
  requestId: 7n,
  changes,
  expectedMemberListHash: undefined,
  maxLearners: undefined,
  ...more,
});
