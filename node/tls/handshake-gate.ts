/**
 * How many TLS handshakes begin in one turn of the event loop, over all listeners of the process (DESIGN 4.4). Raft's timers live on the same loop, and a
 * thousand clients that come back at once would hold it for a second.
 *
 * One handshake with certificates on both ends costs the loop 0.6–0.9 ms in OpenSSL (Node.js 24; P-256 and RSA-2048, TLS 1.2 and 1.3; 0.2–0.4 ms
 * resumed), and 1.0–1.4 ms with everything from accept() to admission. A half of it is due when the client's first bytes are answered: that waits here. When
 * the other half is due, as the client's certificate arrives, the client decides; so the number of those that may come at once is bounded, too.
 *
 * Clients that begin a handshake and then hang cost a place each. So endpoints take turns, within an endpoint remote addresses do (fair-lines.ts), and what
 * is held for an address that has more than others goes first when there is too much of it. Behind a NAT all clients are one address: among them nobody
 * can be told from a hanging one.
 */
import type { Clock, Timers } from "../lib/ports.ts";
import { Chain, Crowd } from "./crowd.ts";
import { FairLines, type LineLimits } from "./fair-lines.ts";
import { remoteGroupOf } from "./remote-group.ts";

export interface GateLimits extends LineLimits {
  /** Handshakes begun in one turn: 2 ms. */
  readonly perTurn: number;
  /** Handshakes under way that were begun within `youngMs`, whose ends may come together: at most 8 ms. */
  readonly youngMax: number;
  /** Who takes longer than this does not hold a place any more: slow ones must not keep others out. */
  readonly youngMs: number;
  /** Handshakes that were begun and are not over, each about 60 KiB. Beyond that the oldest goes of the address that has the most. */
  readonly underWayMax: number;
  /** Connections on which no byte has come yet. Beyond that the oldest goes of the address that has the most. */
  readonly silentMax: number;
}

/** At a thousand a second no client would wait for the last of 4096. Together they are the files that whoever is not admitted may hold. */
export const gateLimits: GateLimits = {
  perTurn: 4,
  youngMax: 16,
  youngMs: 20,
  waitingMax: 5120,
  waitingOfAddressMax: 4096,
  underWayMax: 4096,
  silentMax: 4096,
};

/** A connection that is not admitted yet. */
export interface WaitingHandshake {
  /** Without port. */
  readonly remoteIp: string;
  /** Its turn has come. */
  begin(): void;
  /** Others need its place: `error` says which. The gate has forgotten it, and `finished` may be called or not. */
  evict(error: string): void;
}

interface Place {
  readonly endpoint: string;
  readonly address: string;
}

type EndpointLines = FairLines<WaitingHandshake>;

export class HandshakeGate {
  private readonly limits: GateLimits;
  private readonly clock: Clock;
  private readonly timers: Timers;
  /** All that are here. */
  private readonly places = new Map<WaitingHandshake, Place>();
  /** By endpoint and address. */
  private readonly silent = new Crowd<WaitingHandshake>();
  private readonly underWay = new Crowd<WaitingHandshake>();
  /** Of every endpoint that was ever named. */
  private readonly lines = new Map<string, EndpointLines>();
  /** Endpoints where somebody waits: they take turns, so that a flood of clients does not keep the peers out. */
  private readonly endpoints = new Chain<string>();
  /** Those under way that were begun lately, by when, the oldest first. */
  private readonly young = new Map<WaitingHandshake, number>();
  private begunInTurn = 0;
  private isScheduled = false;

  constructor({
    clock,
    timers,
    limits = gateLimits,
  }: {
    readonly clock: Clock;
    readonly timers: Timers;
    readonly limits?: GateLimits;
  }) {
    this.clock = clock;
    this.timers = timers;
    this.limits = limits;
  }

  /** How many are here, from `accepted` or `enter` to `finished`. */
  get size(): number {
    return this.places.size;
  }

  /** A connection whose first bytes are still to come. */
  accepted(endpoint: string, handshake: WaitingHandshake): void {
    const place = { endpoint, address: remoteGroupOf(handshake.remoteIp) };
    this.places.set(handshake, place);
    this.silent.add(groupOf(place), handshake);
    if (this.silent.size <= this.limits.silentMax) return;
    this.evict(this.silent.largest?.oldest, "too many connections have not begun a TLS handshake");
  }

  /** Its first bytes have come: begins it, now or in a later turn. It or another is evicted where too many wait already. */
  enter(endpoint: string, handshake: WaitingHandshake): void {
    this.silent.delete(handshake);
    const place = this.places.get(handshake) ?? {
      endpoint,
      address: remoteGroupOf(handshake.remoteIp),
    };
    this.places.set(handshake, place);
    if (this.endpoints.size === 0 && this.hasRoom()) {
      this.begin(place, handshake);
      return;
    }
    const lines = this.linesOf(endpoint);
    const evicted = lines.enter(place.address, handshake);
    this.keep(endpoint, lines);
    this.schedule();
    this.evict(evicted, "too many TLS handshakes are waiting");
  }

  /** Its costs are behind us, or it went away. To be called for every one that was accepted; more than once does no harm. */
  finished(handshake: WaitingHandshake): void {
    const place = this.places.get(handshake);
    if (place === undefined) return;
    this.places.delete(handshake);
    this.young.delete(handshake);
    this.silent.delete(handshake);
    const lines = this.linesOf(place.endpoint);
    if (this.underWay.delete(handshake) !== undefined) lines.changed(place.address);
    if (lines.delete(handshake)) this.keep(place.endpoint, lines);
  }

  private evict(handshake: WaitingHandshake | undefined, error: string): void {
    if (handshake === undefined) return;
    this.finished(handshake);
    handshake.evict(error);
  }

  private linesOf(endpoint: string): EndpointLines {
    const known = this.lines.get(endpoint);
    if (known !== undefined) return known;
    const underWayOf = (address: string): number =>
      this.underWay.sizeOf(groupOf({ endpoint, address }));
    const lines = new FairLines<WaitingHandshake>(this.limits, underWayOf);
    this.lines.set(endpoint, lines);
    return lines;
  }

  /** In the round of the endpoints, as long as somebody waits. */
  private keep(endpoint: string, lines: EndpointLines): void {
    if (lines.size === 0) this.endpoints.delete(endpoint);
    else if (!this.endpoints.has(endpoint)) this.endpoints.append(endpoint);
  }

  private hasRoom(): boolean {
    if (this.begunInTurn >= this.limits.perTurn) return false;
    const oldestMs = this.clock.monotonicMs() - this.limits.youngMs;
    for (const [handshake, begunMs] of this.young) {
      if (begunMs > oldestMs) break;
      this.young.delete(handshake);
    }
    return this.young.size < this.limits.youngMax;
  }

  private begin(place: Place, handshake: WaitingHandshake): void {
    this.begunInTurn += 1;
    this.young.set(handshake, this.clock.monotonicMs());
    this.underWay.add(groupOf(place), handshake);
    this.linesOf(place.endpoint).changed(place.address);
    this.schedule();
    if (this.underWay.size > this.limits.underWayMax)
      this.evict(this.underWay.largest?.oldest, "too many TLS handshakes are under way");
    handshake.begin();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    // A timer that was set at the end of a turn runs in a later one; timers that set timers may all run in the same.
    this.timers.endOfTurn(() => this.timers.after(0, () => this.nextTurn()));
  }

  private nextTurn(): void {
    this.isScheduled = false;
    this.begunInTurn = 0;
    while (this.endpoints.size > 0 && this.hasRoom()) this.beginNext();
    if (this.endpoints.size > 0) this.schedule();
  }

  /** The next of the endpoint whose turn it is, which goes to the end of the round, or out of it. */
  private beginNext(): void {
    const endpoint = this.endpoints.first;
    if (endpoint === undefined) return;
    this.endpoints.delete(endpoint);
    const lines = this.linesOf(endpoint);
    const next = lines.next();
    this.keep(endpoint, lines);
    if (next !== undefined) this.begin({ endpoint, address: next.address }, next.item);
  }
}

const groupOf = ({ endpoint, address }: Place): string => `${endpoint} ${address}`;
