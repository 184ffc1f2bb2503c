/** What members must not have done in a round, and what must be there in the end. */
import { grownBy, type Samples } from "../bench/member-metrics.ts";
import { until } from "../cluster/until.ts";
import type { RotatingCluster } from "./rotating-cluster.ts";
import { type RotatingMember, sides } from "./rotating-member.ts";
import { keyOf, type WriteClient } from "./write-client.ts";

interface Named {
  readonly name: string;
}

/** At one moment. */
export interface MemberState<Member extends Named = Named> {
  readonly member: Member;
  readonly term: number;
  readonly leader: bigint;
  readonly isLeader: boolean;
  readonly samples: Samples;
}

const leaderChanges = "etcd_server_leader_changes_seen_total";
/** Leaves, a longer bundle, leaves of the new CA, a shorter bundle. */
const changesPerRound = 4;

export const stateOf = (cluster: RotatingCluster): Promise<MemberState<RotatingMember>[]> =>
  Promise.all(
    cluster.members.map(async (member) => {
      const { raftTerm, leader, header } = await cluster.status(member);
      const isLeader = leader === header.memberId;
      return { member, leader, isLeader, term: raftTerm, samples: await cluster.metrics(member) };
    }),
  );

export interface RoundFacts {
  /** The member that was stopped and started; its counters began anew. */
  readonly restarted: Named | undefined;
  /** Nobody could see half of a change. */
  readonly isAtomic: boolean;
  /** Everybody must have seen half of a change, twice, and refused it. */
  readonly isTorn: boolean;
}

/** A line for each thing that is wrong. */
export function roundProblems(
  before: readonly MemberState[],
  after: readonly MemberState[],
  facts: RoundFacts,
): string[] {
  return after.flatMap((now, at) => {
    const then = before[at] as MemberState;
    const { name } = now.member;
    const problems: string[] = [];
    if (now.term !== then.term) problems.push(`${name}: term ${then.term}, then ${now.term}`);
    if (now.leader !== then.leader) problems.push(`${name}: another leader`);
    if (now.member === facts.restarted) return problems;
    const changes = grownBy(leaderChanges, then.samples, now.samples);
    if (changes !== 0) problems.push(`${name}: ${changes} changes of the leader seen`);
    return [...problems, ...reloadProblems(then.samples, now, facts)];
  });
}

function reloadProblems(then: Samples, now: MemberState, facts: RoundFacts): string[] {
  return sides.flatMap((side) => {
    const grown = (name: string): number =>
      grownBy(`etcd_ts_tls_${name}{side="${side}"}`, then, now.samples);
    const problems: string[] = [];
    const tell = (text: string): number => problems.push(`${now.member.name}, ${side}: ${text}`);
    const reloads = grown("reloads_total");
    if (reloads !== changesPerRound) tell(`${reloads} reloads for ${changesPerRound} changes`);
    const refused = grown("reload_failures_total");
    if (facts.isAtomic && refused !== 0) tell(`${refused} reloads failed`);
    if (facts.isTorn && refused !== 2) tell(`${refused} of 2 torn changes were refused`);
    if (now.samples.get(`etcd_ts_tls_stale{side="${side}"}`) !== 0) tell("stale in the end");
    return problems;
  });
}

/** Acknowledged writes that are not there, and members that differ. */
export async function storeProblems(
  cluster: RotatingCluster,
  clients: readonly WriteClient[],
): Promise<string[]> {
  const found = new Set<string>();
  for await (const { kvs } of cluster.admin.rangeStream("rotation/", { isPrefix: true }))
    for (const { key, value } of kvs) {
      const text = Buffer.from(key).toString();
      if (Buffer.from(value).toString() === text) found.add(text);
    }
  const lost = clients.flatMap(({ name, begun, unknown }) =>
    Array.from({ length: begun }, (_, count) => count)
      .filter((count) => !unknown.has(count) && !found.has(keyOf(name, count)))
      .map((count) => `an acknowledged write is lost: ${keyOf(name, count)}`),
  );
  return [...lost.slice(0, 10), ...(await differences(cluster))];
}

async function differences(cluster: RotatingCluster): Promise<string[]> {
  const { revision } = (await cluster.admin.range("rotation", { countOnly: true })).header;
  const hashes = await Promise.all(
    cluster.members.map(({ name, address }) =>
      until(`the hash of ${name}`, async () => {
        const options = { revision, endpoint: `https://${address}` };
        return (await cluster.admin.hashKv(options)).hash;
      }),
    ),
  );
  return new Set(hashes).size === 1 ? [] : [`the members differ: ${hashes.join(", ")}`];
}
