/** Looks at a cluster's pods over and over while something is done to it, as a quorum needs most of them all the time. */
import { setTimeout as sleep } from "node:timers/promises";
import type { EtcdCluster, MemberPod } from "./etcd-cluster.ts";

export interface PodsSeen {
  /** The fewest pods that were ready at a look. */
  readonly leastReady: number;
  /** Members whose pod was made meanwhile, in that order. */
  readonly made: readonly string[];
}

const betweenLooksMs = 300;

export class PodWatch {
  readonly #cluster: EtcdCluster;
  readonly #running: Promise<void>;
  readonly #known = new Set<string>();
  readonly #made: string[] = [];
  #leastReady = Infinity;
  #isOver = false;

  constructor(cluster: EtcdCluster) {
    this.#cluster = cluster;
    this.#running = this.#run();
  }

  async stop(): Promise<PodsSeen> {
    this.#isOver = true;
    await this.#running;
    return { leastReady: this.#leastReady, made: this.#made };
  }

  async #run(): Promise<void> {
    for (let isFirst = true; !this.#isOver; isFirst = false) {
      const pods = await this.#cluster.pods();
      for (const { metadata } of pods) {
        if (!isFirst && !this.#known.has(metadata.uid)) this.#made.push(metadata.name);
        this.#known.add(metadata.uid);
      }
      const ready = pods.filter(({ status }) => isReady(status));
      this.#leastReady = Math.min(this.#leastReady, ready.length);
      await sleep(betweenLooksMs);
    }
  }
}

export function isReady({ conditions = [] }: MemberPod["status"]): boolean {
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}
