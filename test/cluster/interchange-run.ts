/**
 * A cluster of three in which real etcds and members of ours live together, through all that a member can go through: joining by
 * the log and by a whole state, leading and handing over under load, falling behind, being removed, and starting again from
 * its own disk. Etcd's own checks are on: it compares its hashes with the others' at its start, and every few seconds while it leads.
 */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import type { ClusterMember, MemberKind } from "./cluster-member.ts";
import { InterchangeCluster, patienceMs, specOf, titleOf } from "./interchange-cluster.ts";
import { assertSameHashes, commonRevision } from "./interchange-hashes.ts";
import { errorLines, findingsIn } from "./interchange-logs.ts";
import { snapshotsOf } from "./interchange-metrics.ts";
import { judgeWork } from "./judge.ts";
import { ProcessCluster } from "./process-cluster.ts";
import { until } from "./until.ts";
import { Workload } from "./workload.ts";

export interface InterchangeOptions {
  /** Who founds the cluster, and who joins it by the log, one after the other. Two kinds at least. */
  readonly kinds: readonly [MemberKind, MemberKind, MemberKind];
  readonly say?: (line: string) => void;
  /** The members' data and logs stay. They do, too, when something is wrong. */
  readonly keepsDirectory?: boolean;
}

export interface InterchangeResult {
  readonly directory: string;
  /** Of real etcds: message ▸ how often. */
  readonly warnings: ReadonlyMap<string, number>;
  readonly acknowledged: number;
  readonly moves: number;
  readonly snapshots: readonly string[];
  readonly hashesAt: readonly number[];
}

/** Ours keeps the last 50, etcd gives up some by steps of a hundred: both are sure to have given up what was before so many. */
const entriesForcingSnapshot = 300;
const flags = ["--snapshot-count=100", "--snapshot-catchup-entries=50"];
const seed = 11;

/** Rejects with what went wrong; the directory with logs and data stays then. */
export async function runInterchange(options: InterchangeOptions): Promise<InterchangeResult> {
  const [first] = options.kinds;
  const members = [specOf(first)];
  const cluster = await ProcessCluster.start({ members, flags, keepsDirectory: true });
  const { directory } = cluster;
  const run = new Interchange(cluster, options);
  try {
    const result = await run.all();
    await cluster.close();
    if (options.keepsDirectory !== true) await rm(directory, { recursive: true, force: true });
    return { ...result, directory };
  } catch (error) {
    throw new Error(`logs and data: ${directory}`, { cause: error });
  } finally {
    await cluster.close();
  }
}

class Interchange {
  readonly #cluster: InterchangeCluster;
  readonly #kinds: InterchangeOptions["kinds"];
  readonly #say: (line: string) => void;
  readonly #snapshots: string[] = [];
  readonly #hashesAt: number[] = [];

  constructor(cluster: ProcessCluster, { kinds, say = () => undefined }: InterchangeOptions) {
    this.#cluster = new InterchangeCluster(cluster);
    this.#kinds = kinds;
    this.#say = say;
  }

  async all(): Promise<Omit<InterchangeResult, "directory">> {
    const cluster = this.#cluster;
    await this.#joinByLog();
    const addresses = (): string[] => cluster.members.map(({ address }) => address);
    const work = new Workload({ addresses, seed, clients: 3, pauseMs: 20 });
    const pairs = this.#pairs();
    try {
      await this.#leadInTurn(work);
      await this.#listAlarms();
      await this.#compact();
      for (const [leads, joins] of pairs) await this.#catchUp(leads, joins);
      for (const [leads, joins] of pairs) await this.#replace(leads, joins);
      await this.#compact();
      await this.#restart();
      await this.#leadInTurn(work);
    } finally {
      await work.stop();
    }
    const done = await work.stop();
    await cluster.processes.untilLeader({ among: cluster.members, timeoutMs: patienceMs });
    assert.deepEqual(await judgeWork(cluster.processes, done), []);
    await this.#compare();
    assert(cluster.members.every(({ isRunning }) => isRunning));
    assert.deepEqual(errorLines(this.#cluster.everyone), []);
    const etcds = this.#cluster.everyone.filter(({ kind }) => kind !== "etcd-ts");
    return {
      warnings: warningsOf(etcds),
      acknowledged: done.counts.acknowledged,
      moves: this.#cluster.moves,
      snapshots: this.#snapshots,
      hashesAt: this.#hashesAt,
    };
  }

  /** Who leads and who is behind it: each kind behind each other one. */
  #pairs(): (readonly [MemberKind, MemberKind])[] {
    const kinds = [...new Set(this.#kinds)];
    return kinds.flatMap((leads) =>
      kinds.filter((other) => other !== leads).map((other) => [leads, other] as const),
    );
  }

  /** The founder has the whole log: those who join get it from the first entry on. */
  async #joinByLog(): Promise<void> {
    const [founder] = this.#cluster.members;
    assert(founder !== undefined);
    await this.#cluster.fill(founder, 20);
    for (const kind of this.#kinds.slice(1)) {
      const leader = await this.#cluster.lead(this.#cluster.another(kind));
      await this.#cluster.add(kind, { through: leader });
    }
    await this.#compare();
    for (const member of this.#cluster.members) {
      assert.deepEqual(await snapshotsOf(member), { sent: 0, received: 0 }, member.name);
    }
    this.#say(`joined by the log: ${this.#cluster.members.map(titleOf).join(", ")}`);
  }

  /** An entry of the log, though it only asks: everybody has to stand it. */
  async #listAlarms(): Promise<void> {
    for (const { client } of this.#cluster.members) {
      assert.deepEqual((await client.alarms()).alarms, []);
    }
  }

  /** Everybody leads once, and everybody takes over from everybody. */
  async #leadInTurn(work: Workload): Promise<void> {
    const [a, b, c] = this.#cluster.members;
    assert(a !== undefined && b !== undefined && c !== undefined);
    for (const member of [a, b, c, b, a, c]) {
      await this.#cluster.lead(member);
      const goal = work.acknowledged + 20;
      const isServed = (): true | undefined => (work.acknowledged >= goal ? true : undefined);
      await until(`answers while ${titleOf(member)} leads`, isServed, patienceMs);
    }
    this.#say(`everybody has led, after ${this.#cluster.moves} moves of the leadership`);
  }

  /** A member that is stopped meanwhile comes back to a log that no longer reaches to where it was. */
  async #catchUp(leads: MemberKind, joins: MemberKind): Promise<void> {
    const member = this.#cluster.one(joins);
    await member.stop("SIGKILL");
    await this.#underLeader(leads, member, async (leader) => {
      await this.#cluster.fill(leader, entriesForcingSnapshot);
      member.start();
    });
    this.#snapshots.push(`${leads} to ${joins} that was stopped`);
    await this.#compare();
  }

  /**
   * A new member comes as a learner, to a log that does not reach back to the beginning, and then takes the place of an old one. Not the
   * other way round: without its last member of 3.6 a cluster is one of 3.7, which takes no more members of 3.6.
   */
  async #replace(leads: MemberKind, joins: MemberKind): Promise<void> {
    const old = this.#cluster.one(joins);
    const leader = await this.#cluster.lead(this.#cluster.one(leads));
    await this.#cluster.fill(leader, entriesForcingSnapshot);
    const isLearner = true;
    const member = await this.#cluster.processes.introduceMember(specOf(joins), {
      through: leader,
      isLearner,
    });
    this.#cluster.everyone.push(member);
    await this.#underLeader(leads, member, () => {
      member.start();
      return Promise.resolve();
    });
    const [other] = this.#cluster.processes.others(leader, member);
    await this.#cluster.processes.promoteMember(member, other ?? leader);
    const hasEnded = await this.#cluster.processes.removeMember(old, leader);
    this.#say(`${titleOf(old)} was removed, and ${hasEnded ? "ended" : "WENT ON"}`);
    this.#snapshots.push(`${leads} to ${joins} that is new`);
    await this.#compare();
  }

  /** While a member of that kind leads, `act` lets the member start, which must come up by a snapshot from the leader. */
  async #underLeader(
    leads: MemberKind,
    member: ClusterMember,
    act: (leader: ClusterMember) => Promise<void>,
  ): Promise<void> {
    const candidate = this.#cluster.processes.others(member).find(({ kind }) => kind === leads);
    assert(candidate !== undefined);
    const among = this.#cluster.processes.others(member);
    const leader = await this.#cluster.lead(candidate, among);
    const { term } = await this.#cluster.processes.untilLeader({ among, timeoutMs: patienceMs });
    const before = await snapshotsOf(leader);
    await act(leader);
    await member.ready(patienceMs);
    await this.#cluster.caughtUp(member, leader);
    const after = await this.#cluster.processes.untilLeader({ among, timeoutMs: patienceMs });
    const { received } = await snapshotsOf(member);
    const sent = (await snapshotsOf(leader)).sent - before.sent;
    const told = `${titleOf(member)} behind ${titleOf(leader)}: ${sent} sent, ${received} received`;
    this.#say(told);
    assert.deepEqual([after.leader.name, after.term], [leader.name, term], "the leader stayed");
    assert(sent >= 1 && received >= 1, told);
  }

  /** Each kind once. */
  async #restart(): Promise<void> {
    for (const kind of new Set(this.#kinds)) {
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        const member = this.#cluster.one(kind);
        await member.stop(signal);
        member.start();
        await member.ready(patienceMs);
        this.#say(`${titleOf(member)} came back after ${signal}`);
      }
    }
    await this.#compare();
  }

  /** Through a member of each kind; with `physical` it answers when the old revisions are gone. */
  async #compact(): Promise<void> {
    for (const kind of new Set(this.#kinds)) {
      const revision = (await commonRevision(this.#cluster.members)) - 20;
      const compact = () => this.#cluster.one(kind).client.compact(revision, { physical: true });
      await until("a compaction", compact, patienceMs);
      await this.#cluster.fill(this.#cluster.one(kind), 10);
      await this.#compare();
      this.#say(`compacted at ${revision} through ${titleOf(this.#cluster.one(kind))}`);
    }
  }

  async #compare(): Promise<void> {
    this.#hashesAt.push(...(await assertSameHashes(this.#cluster.members)));
  }
}

function warningsOf(members: readonly ClusterMember[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const member of members) {
    for (const [message, count] of findingsIn(member.log()).warnings) {
      all.set(message, (all.get(message) ?? 0) + count);
    }
  }
  return all;
}
