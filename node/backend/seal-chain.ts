/** The chain of seals as it grows: what the next seal says, and which old seals may go. Knows no store; seal.ts has the bytes. */
import type { AppliedPosition } from "./backend.ts";
import { sealKey } from "./layout.ts";
import type { NewestSeal } from "./level-load.ts";
import { type LiveSums, LiveTotals } from "./live-totals.ts";
import { RecordSums } from "./record-sums.ts";
import { encodeSeal, type Seal } from "./seal.ts";
import { SealPlaces } from "./seal-places.ts";
import type { RecordPlace } from "./write-order.ts";

export class SealChain {
  /** As found at open; undefined for a backend that never committed. */
  readonly newestAtOpen: Seal | undefined;
  /** The newest seal's, on its way to the disk or there; 0 before the first. */
  sequence: number;
  private crc: number;
  /** Of the open batch: its records' sums, and main of the first one, 0 while there is none. */
  private readonly sums = new RecordSums();
  private firstMain = 0;
  private readonly totals: LiveTotals;
  private removedTo: number;
  private firstSeal: number;
  private readonly places = new SealPlaces();

  constructor(newest: NewestSeal | undefined) {
    this.newestAtOpen = newest?.seal;
    this.sequence = newest?.seal.sequence ?? 0;
    this.crc = newest?.crc ?? 0;
    this.totals = new LiveTotals(newest?.seal.live);
    this.removedTo = newest?.seal.removedTo ?? 0;
    this.firstSeal = newest?.seal.firstSeal ?? 1;
    if (newest !== undefined) this.places.push(this.sequence, newest.main, newest.sub);
  }

  /** Differs between any two states of the chain. */
  get identity(): string {
    return `${this.sequence} ${this.crc.toString(16)}`;
  }

  /** Of all live records, with the open batch: directly after `seal`, what was sealed. */
  get live(): LiveSums {
    return new LiveTotals(this.totals);
  }

  append(main: number, sub: number, crc: number): void {
    this.sums.add(crc);
    this.totals.add(main, sub);
    if (this.firstMain === 0) this.firstMain = main;
  }

  remove(main: number, sub: number): void {
    this.totals.remove(main, sub);
    if (main > this.removedTo) this.removedTo = main;
  }

  /** The seal of the open batch, which ends at `place`; the next batch is open from now on. */
  seal(
    place: RecordPlace,
    position: AppliedPosition,
    buckets: { readonly count: number; readonly sum: number },
  ): { readonly key: Uint8Array; readonly bytes: Uint8Array } {
    const { main, sub } = place;
    this.sequence++;
    const key = sealKey(main, sub, this.sequence);
    const { bytes, crc } = encodeSeal(key, {
      sequence: this.sequence,
      position,
      firstMain: this.firstMain,
      removedTo: this.removedTo,
      firstSeal: this.firstSeal,
      live: this.totals,
      records: this.sums.count,
      recordsSum: this.sums.sum(),
      bucketEntries: buckets.count,
      bucketsSum: buckets.sum,
      previous: this.crc,
    });
    this.places.push(this.sequence, main, sub);
    this.sums.reset();
    this.firstMain = 0;
    this.crc = crc;
    return { key, bytes };
  }

  /**
   * The key of a seal that has to go with the open batch, as its batch lies wholly at or below removedTo; undefined when there is none
   * to go. The newest one stays.
   */
  takeObsolete(): Uint8Array | undefined {
    const { places } = this;
    if (places.length < 2 || this.arePlacesMissing || places.oldestMain > this.removedTo)
      return undefined;
    this.firstSeal++;
    return places.shift();
  }

  /** The oldest seals' places are not known, so that none can go: the backend was not scanned at open. */
  get arePlacesMissing(): boolean {
    return this.places.length > 0 && this.places.first !== this.firstSeal;
  }

  /** Sequence and main revision of the oldest seal whose place is known. Precondition: there is one. */
  get oldestKnown(): { readonly sequence: number; readonly main: number } {
    return { sequence: this.places.first, main: this.places.oldestMain };
  }

  /** What a scan at open found: all of them. */
  setPlaces(found: SealPlaces): void {
    this.places.replace(found);
  }

  /** What was found of those that were missing; not used if it is not all. */
  addOlderPlaces(found: SealPlaces): void {
    if (found.first !== this.firstSeal || found.first + found.length !== this.places.first) return;
    this.places.prepend(found);
  }
}
