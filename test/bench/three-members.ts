/**
 * Three members of one contender: a cluster on loopback, all on the same disk, with equal flags. Owns the three processes
 * and their directories.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, type ServerTls } from "../support/server-process.ts";
import { Contender, type ContenderName, peerUrl } from "./contender.ts";
import { disagreements, hashesOf, type MemberStatus, statusOf } from "./member-status.ts";

const memberCount = 3;
/** For the members to agree on a leader, or to apply what is committed. */
const settleTimeoutMs = 120_000;
const pollMs = 50;

/** What all members hold when nothing is under way any more. */
export interface Settled {
  /** The highest of any member. */
  revision: number;
  /** Where they differ; empty when they are equal in revision and HashKV. */
  problems: readonly string[];
}

export class ThreeMembers {
  readonly members: readonly Contender[];

  private constructor(members: readonly Contender[]) {
    this.members = members;
  }

  /** New, empty ones under `parent`; not started yet. */
  static async create(
    name: ContenderName,
    parent: string,
    { flags = [], tls }: { flags?: readonly string[]; tls?: ServerTls } = {},
  ): Promise<ThreeMembers> {
    const places: { memberName: string; clientPort: number; peerPort: number }[] = [];
    for (let number = 1; number <= memberCount; number += 1) {
      const [clientPort, peerPort] = [await freePort(), await freePort()];
      places.push({ memberName: `m${number}`, clientPort, peerPort });
    }
    const initialCluster = places
      .map(({ memberName, peerPort }) => `${memberName}=${peerUrl(peerPort, tls)}`)
      .join(",");
    return new ThreeMembers(
      places.map((place) => new Contender(name, parent, { ...place, initialCluster, flags, tls })),
    );
  }

  start(): void {
    for (const member of this.members) member.start();
  }

  /** How the first member that died did so; undefined while all run. */
  obituary(): string | undefined {
    return obituaryOf(this.members);
  }

  /** Of all three together. */
  memory(): { resident: number; peak: number } {
    const each = this.members.map((member) => member.memory());
    const sum = (pick: (memory: { resident: number; peak: number }) => number) =>
      each.reduce((total, memory) => total + pick(memory), 0);
    return { resident: sum((m) => m.resident), peak: sum((m) => m.peak) };
  }

  /** The members with the leader first, once all name the same one. */
  async leaderFirst(): Promise<readonly Contender[]> {
    const found = await this.#until((statuses) => leaderOf(statuses) !== undefined);
    const leader = leaderOf(found);
    if (leader === undefined) throw new Error("the members name no common leader");
    const first = this.members.filter(({ target }) => target === leader);
    return [...first, ...this.members.filter(({ target }) => target !== leader)];
  }

  /** The highest term of Raft that a member names. */
  async term(): Promise<number> {
    const statuses = await statusOf(this.#targets(), this.#tls());
    return Math.max(...statuses.map(({ term }) => term));
  }

  /** Waits until all have applied the same and compares their stores. */
  async settle(): Promise<Settled> {
    const statuses = await this.#until((found) => disagreements(found, []).length === 0);
    const revision = Math.max(...statuses.map((status) => status.revision));
    const differing = disagreements(statuses, []);
    if (differing.length > 0) return { revision, problems: differing };
    const hashes = await hashesOf(this.#targets(), revision, this.#tls());
    return { revision, problems: disagreements(statuses, hashes) };
  }

  /** Stops all and removes their data. */
  async dispose(): Promise<void> {
    const ends = await Promise.allSettled(this.members.map((member) => member.dispose()));
    for (const end of ends) {
      if (end.status === "rejected") throw end.reason;
    }
  }

  #tls(): ServerTls | undefined {
    return this.members[0]?.tls;
  }

  #targets(): string[] {
    return this.members.map(({ target }) => target);
  }

  /** Asks again and again until the answers are as wished, or the time is over: then the last ones. */
  async #until(isGood: (found: readonly MemberStatus[]) => boolean): Promise<MemberStatus[]> {
    const deadline = performance.now() + settleTimeoutMs;
    for (;;) {
      const found = await statusOf(this.#targets(), this.#tls());
      if (isGood(found) || performance.now() > deadline) return found;
      const dead = this.obituary();
      if (dead !== undefined) throw new Error(dead);
      await sleep(pollMs);
    }
  }
}

/** How the first of these that died did so. */
export function obituaryOf(members: readonly Contender[]): string | undefined {
  for (const member of members) {
    const obituary = member.obituary();
    if (obituary !== undefined) return obituary;
  }
  return undefined;
}

/** The target of the one that leads, when all name the same one and it does so itself. */
function leaderOf(statuses: readonly MemberStatus[]): string | undefined {
  const named = new Set(statuses.map(({ leader }) => leader));
  if (named.size !== 1) return undefined;
  return statuses.find(({ isLeader }) => isLeader)?.target;
}
