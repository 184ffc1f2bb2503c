/** Members compared by HashKV, etcd's own sum of all that happened up to a revision. */
import assert from "node:assert/strict";
import type { HashKv } from "../../node/client/cluster-results.ts";
import type { ClusterMember } from "./cluster-member.ts";
import { until } from "./until.ts";

type Sum = Omit<HashKv, "header">;

async function sumAt(member: ClusterMember, revision: number): Promise<Sum> {
  const answer = await until(`a hash of ${member.name} at ${revision}`, () =>
    member.client.hashKv({ revision }),
  );
  const { hash, compactRevision, hashRevision } = answer;
  return { hash, compactRevision, hashRevision };
}

/** The newest revision that every one of them has applied. */
export async function commonRevision(members: readonly ClusterMember[]): Promise<number> {
  // A linearizable read waits until its member has applied what was committed before.
  const read = (member: ClusterMember) =>
    until(`a read through ${member.name}`, () => member.client.range("none"));
  const answers = await Promise.all(members.map(read));
  return Math.min(...answers.map(({ header }) => header.revision));
}

/** Compares the members at revisions spread from the last compaction to the newest; gives the revisions that were compared. */
export async function assertSameHashes(members: readonly ClusterMember[]): Promise<number[]> {
  const [some] = members;
  assert(some !== undefined);
  const newest = await commonRevision(members);
  const { compactRevision } = await sumAt(some, newest);
  // At the compacted revision itself a member tells what it found when it compacted; one that got a whole state did not.
  const oldest = Math.min(newest, Math.max(0, compactRevision) + 1);
  const at = (part: number): number => oldest + Math.floor((newest - oldest) * part);
  const revisions = [...new Set([oldest, at(0.3), at(0.7), newest])];
  for (const revision of revisions) {
    const sums = await Promise.all(
      members.map(async (member) => ({ of: member.name, ...(await sumAt(member, revision)) })),
    );
    for (const { of, ...sum } of sums) {
      const { of: first, ...expected } = sums[0] as { of: string } & Sum;
      assert.deepEqual(sum, expected, `HashKV of ${of} and ${first} at revision ${revision}`);
    }
  }
  return revisions;
}
