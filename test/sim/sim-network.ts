/**
 * The network between the machines of a cluster: messages with delay, loss, doubles and overtaking, links with a bandwidth, and
 * directions that are cut. It knows machines by their number, and what they listen on.
 */
import type { SeededRandom } from "../support/seeded-random.ts";
import type { World } from "./world.ts";

/** How bad the network is in one run; drawn from the seed. */
export interface NetworkConditions {
  readonly delayMinMs: number;
  readonly delaySpreadMs: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  /** Messages that take a way of their own, much longer. */
  readonly reorderRate: number;
  readonly reorderSpreadMs: number;
  /** Bytes a millisecond on each link; Infinity for no bound. */
  readonly bytesPerMs: number;
}

/** What becomes of a message that is sent: when its copies arrive (none: it is lost). */
export interface Passage {
  readonly arrivalsMs: readonly number[];
  /** The sender will find out: nothing can pass, or the queue of the link is full. */
  readonly isRefused: boolean;
}

/** Longest queue of a link; a transport drops what would have to wait longer. */
const queueMsMax = 4000;

interface Link {
  cuts: number;
  /** When the link was last made whole. */
  wholeSinceMs: number;
  /** When it has carried everything so far. */
  freeAtMs: number;
  lastArrivalMs: number;
}

const noArrivals: readonly number[] = [];

export class SimNetwork {
  conditions: NetworkConditions;
  private readonly world: World;
  private readonly random: SeededRandom;
  private readonly links = new Map<number, Link>();
  private readonly machineByUrl = new Map<string, number>();

  constructor(world: World, conditions: NetworkConditions) {
    this.world = world;
    this.random = world.randomFor("network");
    this.conditions = conditions;
  }

  /** From now on `url` leads to this machine. */
  listen(url: string, machine: number): void {
    this.machineByUrl.set(url, machine);
  }

  /** Nothing leads to this machine any more. */
  forget(machine: number): void {
    for (const [url, at] of this.machineByUrl) if (at === machine) this.machineByUrl.delete(url);
  }

  machineAt(urls: readonly string[]): number | undefined {
    for (const url of urls) {
      const machine = this.machineByUrl.get(url);
      if (machine !== undefined) return machine;
    }
    return undefined;
  }

  /** Cuts one direction. Cuts add up: each is to be mended once. */
  cut(from: number, to: number): void {
    this.link(from, to).cuts += 1;
  }

  mend(from: number, to: number): void {
    const link = this.link(from, to);
    if (link.cuts === 0) return;
    link.cuts -= 1;
    if (link.cuts === 0) link.wholeSinceMs = this.world.nowMs;
  }

  isCut(from: number, to: number): boolean {
    return this.link(from, to).cuts > 0;
  }

  /** True if something can pass in both directions. */
  isWhole(one: number, other: number): boolean {
    return !this.isCut(one, other) && !this.isCut(other, one);
  }

  /** Since when both directions are whole; undefined when one is cut. */
  wholeSinceMs(one: number, other: number): number | undefined {
    if (!this.isWhole(one, other)) return undefined;
    return Math.max(this.link(one, other).wholeSinceMs, this.link(other, one).wholeSinceMs);
  }

  get cutCount(): number {
    let count = 0;
    for (const { cuts } of this.links.values()) if (cuts > 0) count += 1;
    return count;
  }

  /** Mends everything, and from now on loses nothing. */
  heal(): void {
    for (const link of this.links.values()) {
      if (link.cuts > 0) link.wholeSinceMs = this.world.nowMs;
      link.cuts = 0;
    }
    const bytesPerMs = Math.max(this.conditions.bytesPerMs, 50);
    this.conditions = {
      ...this.conditions,
      lossRate: 0,
      bytesPerMs,
      delaySpreadMs: 2,
      delayMinMs: 0.2,
      reorderRate: 0,
    };
  }

  /** A message of `bytes` is put on its way. */
  pass(from: number, to: number, bytes: number): Passage {
    const { random, conditions } = this;
    const link = this.link(from, to);
    if (link.cuts > 0) return { arrivalsMs: noArrivals, isRefused: random.chance(0.5) };
    const now = this.world.nowMs;
    if (link.freeAtMs - now > queueMsMax) return { arrivalsMs: noArrivals, isRefused: true };
    if (conditions.bytesPerMs < Infinity) {
      link.freeAtMs = Math.max(now, link.freeAtMs) + bytes / conditions.bytesPerMs;
    }
    if (conditions.lossRate > 0 && random.chance(conditions.lossRate)) {
      return { arrivalsMs: noArrivals, isRefused: random.chance(0.3) };
    }
    const arrival = this.arrivalMs(link);
    if (conditions.duplicateRate > 0 && random.chance(conditions.duplicateRate)) {
      return { arrivalsMs: [arrival, arrival + random.below(400)], isRefused: false };
    }
    return { arrivalsMs: [arrival], isRefused: false };
  }

  /** One trip of something small. */
  delayMs(): number {
    const { delayMinMs, delaySpreadMs } = this.conditions;
    return delayMinMs + (this.random.uint32() / 2 ** 32) * delaySpreadMs;
  }

  private arrivalMs(link: Link): number {
    const { random, conditions } = this;
    const start = Math.max(this.world.nowMs, link.freeAtMs) + this.delayMs();
    if (conditions.reorderRate > 0 && random.chance(conditions.reorderRate)) {
      return start + random.below(conditions.reorderSpreadMs);
    }
    link.lastArrivalMs = Math.max(link.lastArrivalMs, start);
    return link.lastArrivalMs;
  }

  private link(from: number, to: number): Link {
    const key = from * 1024 + to;
    let link = this.links.get(key);
    if (link === undefined) {
      link = { cuts: 0, wholeSinceMs: 0, freeAtMs: 0, lastArrivalMs: 0 };
      this.links.set(key, link);
    }
    return link;
  }
}
