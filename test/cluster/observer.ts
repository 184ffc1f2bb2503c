/** Watches who leads: asks all members again and again, and remembers each term's leader. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterMember } from "./cluster-member.ts";
import type { ProcessCluster } from "./process-cluster.ts";

const pauseMs = 200;

export class Observer {
  readonly #cluster: ProcessCluster;
  readonly #leaders = new Map<number, bigint>();
  readonly #running: Promise<void>;
  #termMax = 0;
  #isOver = false;

  /** Starts at once. */
  constructor(cluster: ProcessCluster) {
    this.#cluster = cluster;
    this.#running = this.#watch();
  }

  /** How many terms had a leader that was seen, without the first. */
  get elections(): number {
    return Math.max(0, this.#leaders.size - 1);
  }

  get term(): number {
    return this.#termMax;
  }

  /** The newest leader seen, if it is a member still. */
  get leader(): ClusterMember | undefined {
    const id = this.#leaders.get(Math.max(...this.#leaders.keys()));
    return this.#cluster.members.find((member) => member.id === id);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      await Promise.all(this.#cluster.members.map((member) => this.#look(member)));
      await sleep(pauseMs);
    }
  }

  async #look(member: ClusterMember): Promise<void> {
    if (!member.isRunning || member.isPaused) return;
    const status = await member.status().catch(() => undefined);
    if (status === undefined) return;
    this.#termMax = Math.max(this.#termMax, status.raftTerm);
    // What others say about a leader may be of the term before: only its own word counts.
    if (status.leader !== status.header.memberId) return;
    // A new leader may name itself in the old term for a moment (see LeaderOptions): the last word is kept.
    this.#leaders.set(status.raftTerm, status.leader);
  }
}
