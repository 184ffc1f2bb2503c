/**
 * Who waits at one endpoint, in a line for each remote address, and whose turn it is. Addresses take turns. Those with many handshakes under way come
 * after those with few; but of every `roundEvery` turns one goes to the address that had none for the longest time, so that no other can keep it out.
 */
import { Chain, Crowd } from "./crowd.ts";

export interface LineLimits {
  /** How many wait at one endpoint. */
  readonly waitingMax: number;
  /** How many of them from one address. */
  readonly waitingOfAddressMax: number;
}

/** An address with fewer handshakes under way than this has no disadvantage; with each doubling it comes later. */
const freeUnderWay = 8;
const roundEvery = 4;

export class FairLines<T> {
  private readonly limits: LineLimits;
  private readonly underWayOf: (address: string) => number;
  private readonly waiting = new Crowd<T>();
  /** Addresses with a line, the one whose last turn is longest ago in front. */
  private readonly round = new Chain<string>();
  /** The same addresses by how many handshakes they have under way, from few to many. */
  private readonly levels: Chain<string>[] = [];
  private readonly levelOf = new Map<string, number>();
  private turns = 0;

  /** `underWayOf`: how many handshakes of an address are under way; when that changes, `changed` must be called. */
  constructor(limits: LineLimits, underWayOf: (address: string) => number) {
    this.limits = limits;
    this.underWayOf = underWayOf;
  }

  get size(): number {
    return this.waiting.size;
  }

  /**
   * Who has to go for it: nobody, the one who came, or, where the endpoint is full, the newest of a line that is longer than its own. That one does not
   * wait when this returns.
   */
  enter(address: string, item: T): T | undefined {
    const { waiting, limits } = this;
    const length = waiting.sizeOf(address);
    if (length >= limits.waitingOfAddressMax) return item;
    let evicted: T | undefined;
    if (waiting.size >= limits.waitingMax) {
      const { largest } = waiting;
      // Nobody is pushed out by a line as long as his: many addresses could do that as one does.
      if (largest === undefined || waiting.sizeOf(largest.group) <= length + 1) return item;
      evicted = largest.newest;
      this.delete(evicted);
    }
    waiting.add(address, item);
    this.rank(address);
    return evicted;
  }

  delete(item: T): boolean {
    const address = this.waiting.delete(item);
    if (address === undefined) return false;
    if (this.waiting.sizeOf(address) === 0) this.forget(address);
    return true;
  }

  /** The one whose turn it is; it waits no more. */
  next(): { readonly address: string; readonly item: T } | undefined {
    this.turns += 1;
    const isOfRound = this.turns % roundEvery === 0;
    const address = isOfRound ? this.round.first : this.levels.find(({ size }) => size > 0)?.first;
    const item = address === undefined ? undefined : this.waiting.oldestOf(address);
    if (address === undefined || item === undefined) return undefined;
    this.delete(item);
    if (this.waiting.sizeOf(address) > 0) {
      this.round.append(address);
      this.levels[this.levelOf.get(address) ?? 0]?.append(address);
    }
    return { address, item };
  }

  /** The address has more handshakes under way than before, or fewer. */
  changed(address: string): void {
    if (this.waiting.sizeOf(address) > 0) this.rank(address);
  }

  private rank(address: string): void {
    const level = 32 - Math.clz32(Math.floor(this.underWayOf(address) / freeUnderWay));
    const before = this.levelOf.get(address);
    if (before === level) return;
    if (before === undefined) this.round.append(address);
    else this.levels[before]?.delete(address);
    while (this.levels.length <= level) this.levels.push(new Chain());
    this.levels[level]?.append(address);
    this.levelOf.set(address, level);
  }

  private forget(address: string): void {
    this.round.delete(address);
    this.levels[this.levelOf.get(address) ?? 0]?.delete(address);
    this.levelOf.delete(address);
  }
}
