/**
 * One etcd cluster of several members, small and honest, in virtual time: a member list with learners, quorum, a leader, progress, etcd's own refusals of changes, and
 * data that is on volumes. What happens in between is worked out when somebody looks.
 */
import { createHash } from "node:crypto";
import { ClientError } from "../../node/client/client-error.ts";
import { memberListHash } from "../../operator/controller/member-list-hash.ts";

export interface FakeMember {
  /** Lower-case hex. */
  readonly id: string;
  readonly name: string;
  readonly peerUrl: string;
  readonly isLearner: boolean;
}

/** What is on a volume. */
export interface FakeData {
  readonly cluster: FakeEtcd;
  readonly memberId: string;
  readonly name: string;
  /** Last entry that it has. */
  applied: number;
  dbSizeBytes: number;
}

export interface Alarm {
  readonly memberId: string;
  readonly kind: "nospace" | "corrupt";
}

const electionMs = 1_000;
const readyShare = 0.9;
export const smallBytes = 20_480;

export class FakeEtcd {
  readonly clusterId: string;
  /** Changes of members that took effect: "add http://…", "promote a1", "remove a1". */
  readonly changes: string[] = [];
  /** Requests that were refused since the list was another one. */
  fenced = 0;
  /** What must never happen. */
  readonly violations: string[] = [];
  /** Called with the id of a member that was removed. */
  onRemoved: (id: string) => void = () => undefined;
  /** How long a member without data needs for all of it. */
  syncMs = 3_000;
  alarms: readonly Alarm[] = [];
  revision = 100;
  /** Members whose data differs. */
  readonly corrupt = new Set<string>();
  private list: readonly FakeMember[];
  private readonly removed = new Set<string>();
  /** Processes, by the member's id. */
  private readonly running = new Map<string, FakeData>();
  private readonly clock: () => number;
  private index = 100;
  private term = 1;
  private leader: string | undefined;
  private leaderlessSinceMs: number;
  private lookedMs: number;
  private added = 0;

  constructor(clock: () => number, token: string, founder: { name: string; peerUrl: string }) {
    this.clock = clock;
    this.clusterId = idOf(token);
    this.list = [{ ...founder, id: idOf(`${token} ${founder.peerUrl}`), isLearner: false }];
    this.leaderlessSinceMs = clock();
    this.lookedMs = clock();
  }

  get members(): readonly FakeMember[] {
    this.look();
    return this.list;
  }

  get voters(): readonly FakeMember[] {
    return this.list.filter(({ isLearner }) => !isLearner);
  }

  /** Undefined while none is elected. */
  get leaderId(): string | undefined {
    this.look();
    return this.leader;
  }

  get committed(): number {
    return this.index;
  }

  get currentTerm(): number {
    return this.term;
  }

  isRemoved(id: string): boolean {
    return this.removed.has(id);
  }

  dataOf(id: string): FakeData | undefined {
    return this.running.get(id);
  }

  /** A process begins on this data. `isForced`: it makes itself the only member. */
  start(data: FakeData, isForced = false): void {
    this.look();
    if (this.running.has(data.memberId)) this.violations.push(`${data.name} runs twice`);
    if (isForced) this.force(data);
    this.running.set(data.memberId, data);
    this.look();
  }

  /** The process ends; a leader that is told to end hands over first. */
  stop(id: string, isGraceful: boolean): void {
    this.look();
    this.running.delete(id);
    if (this.leader !== id) return;
    const heir = isGraceful ? this.bestVoter() : undefined;
    if (heir !== undefined && this.hasQuorum()) this.lead(heir);
    else this.lose();
  }

  /** A write of a user. False when it is not possible now. */
  write(): boolean {
    this.look();
    if (this.leader === undefined) return false;
    this.commit();
    this.revision += 1;
    return true;
  }

  /** The list as this member gives it linearizably. Throws ClientError. */
  listAt(id: string): readonly FakeMember[] {
    this.needsVoter(id);
    return this.list;
  }

  add(at: string, peerUrl: string, hash: string | undefined): void {
    this.needsVoter(at);
    this.checkHash(hash);
    if (this.list.some((member) => member.peerUrl === peerUrl)) {
      throw failed("Peer URLs already exists");
    }
    if (this.list.some(({ isLearner }) => isLearner)) {
      throw failed("too many learner members in cluster");
    }
    this.added += 1;
    const id = idOf(`${this.clusterId} ${peerUrl} ${this.added}`);
    this.list = [...this.list, { id, name: "", peerUrl, isLearner: true }];
    this.changed(`add ${peerUrl}`);
  }

  /** Upon a precondition only the leader does it (node/server/reconfig.ts). */
  promote(at: string, id: string, hash: string | undefined): void {
    this.needsVoter(at);
    this.checkHash(hash);
    if (at !== this.leader) throw failed("not leader");
    const member = this.known(id);
    if (!member.isLearner) throw failed("can only promote a learner member");
    const applied = this.running.get(id)?.applied ?? 0;
    if (applied < readyShare * this.index) {
      throw failed("can only promote a learner member which is in sync with leader");
    }
    this.list = this.list.map((each) => (each.id === id ? { ...each, isLearner: false } : each));
    this.changed(`promote ${id}`);
  }

  /** With etcd's strict-reconfig-check. */
  remove(at: string, id: string, hash: string | undefined): void {
    this.needsVoter(at);
    this.checkHash(hash);
    const member = this.known(id);
    if (!member.isLearner) {
      const rest = this.voters.filter((each) => each.id !== id);
      const active = this.voters.filter((each) => this.running.has(each.id)).length;
      if (rest.length === 0) throw new ClientError(2, text("not enough started members"));
      if (this.running.has(id) && active - 1 < quorumOf(rest.length)) {
        throw new ClientError(14, text("unhealthy cluster"));
      }
    }
    this.list = this.list.filter((each) => each.id !== id);
    this.removed.add(id);
    this.changed(`remove ${id}`);
    this.alarms = this.alarms.filter(({ kind, memberId }) => kind === "corrupt" || memberId !== id);
    if (this.running.delete(id)) this.onRemoved(id);
    if (this.leader === id) this.lose();
    const serving = this.voters.filter((each) => this.running.has(each.id)).length;
    if (serving < quorumOf(this.voters.length)) {
      this.violations.push(`quorum was lost by the removal of ${id}`);
    }
  }

  moveLeader(at: string, to: string): void {
    this.look();
    if (at !== this.leader) throw failed("not leader");
    const target = this.voters.find(({ id }) => id === to);
    if (target === undefined || !this.running.has(to)) throw failed("bad leader transferee");
    this.lead(to);
  }

  compact(at: string): void {
    this.needsVoter(at);
    this.commit();
  }

  /** Brings all that is derived up to now. */
  look(): void {
    const nowMs = this.clock();
    if (this.leader === undefined && this.hasQuorum()) {
      if (nowMs - this.leaderlessSinceMs >= electionMs) {
        const best = this.bestVoter();
        if (best !== undefined) this.lead(best);
      }
    } else if (this.leader !== undefined && !this.hasQuorum()) this.lose();
    if (this.leader !== undefined) {
      const share = ((nowMs - this.lookedMs) * this.index) / this.syncMs;
      for (const data of this.running.values()) {
        data.applied = Math.min(this.index, data.applied + share);
      }
      this.list = this.list.map((member) => {
        const data = this.running.get(member.id);
        return member.name === "" && data !== undefined ? { ...member, name: data.name } : member;
      });
    }
    this.lookedMs = nowMs;
  }

  private force(data: FakeData): void {
    if (this.running.size > 0) this.violations.push(`${data.name} was forced beside others`);
    const own = this.list.find(({ id }) => id === data.memberId);
    for (const { id } of this.list) if (id !== data.memberId) this.removed.add(id);
    const { memberId: id, name } = data;
    this.list = [{ id, name, peerUrl: own?.peerUrl ?? "", isLearner: false }];
    this.index = Math.floor(data.applied);
    this.changes.push(`force ${id}`);
    this.lose();
  }

  private hasQuorum(): boolean {
    const voters = this.voters.map(({ id }) => id);
    const up = voters.filter((id) => this.running.has(id)).length;
    return voters.length > 0 && up >= quorumOf(voters.length);
  }

  private bestVoter(): string | undefined {
    const applied = ({ id }: FakeMember): number => this.running.get(id)?.applied ?? -1;
    const up = this.voters.filter(({ id }) => this.running.has(id));
    return up.sort((left, right) => applied(right) - applied(left))[0]?.id;
  }

  private lead(id: string): void {
    const applied = this.running.get(id)?.applied ?? 0;
    if (applied < this.index) {
      this.violations.push(`${id} leads without entries up to ${this.index}`);
    }
    this.leader = id;
    this.term += 1;
    this.commit();
  }

  private lose(): void {
    this.leader = undefined;
    this.leaderlessSinceMs = this.clock();
  }

  /** By the quorum that has the most: whoever is needed for it has everything then. */
  private commit(): void {
    this.index += 1;
    const data = this.voters.flatMap(({ id }) => this.running.get(id) ?? []);
    data.sort((left, right) => right.applied - left.applied);
    data.slice(0, quorumOf(this.voters.length)).forEach((each) => (each.applied = this.index));
    for (const each of data) if (each.applied >= this.index - 1) each.applied = this.index;
  }

  private changed(what: string): void {
    this.changes.push(what);
    this.commit();
  }

  private checkHash(hash: string | undefined): void {
    const listed = this.list.map(({ id, name, peerUrl, isLearner }) => {
      return { id, name, peerUrls: [peerUrl], isLearner };
    });
    if (hash === undefined || hash === memberListHash(listed)) return;
    this.fenced += 1;
    throw new ClientError(9, "etcd-ts: the member list has changed; nothing was changed");
  }

  private known(id: string): FakeMember {
    const member = this.list.find((each) => each.id === id);
    if (member === undefined) throw new ClientError(5, text("member not found"));
    return member;
  }

  /** Learners serve no such calls, and without a leader nobody does. */
  private needsVoter(id: string): void {
    this.look();
    const own = this.list.find((member) => member.id === id);
    if (own?.isLearner === true) throw failed("rpc not supported for learner");
    if (own === undefined || this.leader === undefined)
      throw new ClientError(14, text("no leader"));
  }
}

function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

function failed(what: string): ClientError {
  return new ClientError(9, text(what));
}

function text(what: string): string {
  return `etcdserver: ${what}`;
}

function idOf(seed: string): string {
  return createHash("sha256").update(seed).digest("hex").slice(0, 15).replace(/^0+/, "1");
}
