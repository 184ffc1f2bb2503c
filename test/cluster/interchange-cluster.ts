/** What the interchange run does to a cluster of several kinds of members: adding, leading, writing, by kind. */
import assert from "node:assert/strict";
import type { ClusterMember, MemberKind, MemberSpec } from "./cluster-member.ts";
import type { Leadership, ProcessCluster } from "./process-cluster.ts";
import { until } from "./until.ts";

/** Etcd's own checks of the others' hashes: at its start, and while it leads. */
const etcdFlags = [
  "--feature-gates=InitialCorruptCheck=true,CompactHashCheck=true",
  "--corrupt-check-time=3s",
  "--compact-hash-check-time=3s",
];
/** A machine with many other things to do. */
export const patienceMs = 60_000;

export const specOf = (kind: MemberKind): MemberSpec =>
  kind === "etcd-ts" ? { kind } : { kind, flags: etcdFlags };

export const titleOf = ({ name, kind }: ClusterMember): string => `${name} (${kind})`;

export class InterchangeCluster {
  readonly processes: ProcessCluster;
  /** Removed ones, too. */
  readonly everyone: ClusterMember[];
  /** How often the leadership was moved. */
  moves = 0;
  #filled = 0;

  constructor(processes: ProcessCluster) {
    this.processes = processes;
    this.everyone = [...processes.members];
  }

  get members(): readonly ClusterMember[] {
    return this.processes.members;
  }

  async caughtUp(member: ClusterMember, leader: ClusterMember): Promise<void> {
    const { raftAppliedIndex: goal } = await leader.status();
    const isThere = async (): Promise<true | undefined> =>
      (await member.status()).raftAppliedIndex >= goal ? true : undefined;
    await until(`${titleOf(member)} has caught up`, isThere, patienceMs);
  }

  async add(kind: MemberKind, { through }: { through: ClusterMember }): Promise<void> {
    const member = await this.processes.introduceMember(specOf(kind), { through });
    this.everyone.push(member);
    member.start();
    await member.ready(patienceMs);
  }

  /** Makes it the leader, by MoveLeader at whoever leads. */
  async lead(
    target: ClusterMember,
    among: readonly ClusterMember[] = this.processes.members,
  ): Promise<ClusterMember> {
    const move = async (): Promise<Leadership | undefined> => {
      const before = await this.processes.untilLeader({ among, timeoutMs: patienceMs });
      if (before.leader === target) return before;
      await before.leader.admin.moveLeader(target.id);
      this.moves += 1;
      return undefined;
    };
    await until(`the leadership of ${titleOf(target)}`, move, patienceMs);
    return target;
  }

  /** So many entries: puts of a few keys, some at a time. */
  async fill(through: ClusterMember, count: number): Promise<void> {
    const atATime = 10;
    for (let done = 0; done < count; done += atATime) {
      const puts = Array.from({ length: atATime }, () => {
        const number = ++this.#filled;
        const put = () => through.client.put(`fill/${number % 50}`, `value ${number}`);
        return until("a put", put, patienceMs);
      });
      await Promise.all(puts);
    }
  }

  /** The newest member of the kind. */
  one(kind: MemberKind): ClusterMember {
    const found = this.processes.members.findLast((member) => member.kind === kind);
    assert(found !== undefined, `no member is ${kind}`);
    return found;
  }

  /** One that has an other kind. */
  another(kind: MemberKind): ClusterMember {
    const { members } = this.processes;
    const found = members.find((member) => member.kind !== kind) ?? members[0];
    assert(found !== undefined);
    return found;
  }
}
