/**
 * Follows a scan of the revision space and holds it against the seals: each record's sum, order, and for each batch the
 * count and sum of its records, the sequence and the chain. Where compaction has removed records, which is up to the newest seal's
 * removedTo, batches are no longer whole: there the count and the sum of all live records are checked instead, at the end.
 *
 * Together with the sums this finds every lost, changed, added or moved record, every record that came back, and every batch that
 * LevelDB dropped, except whole batches at the very end: those move `committed` back.
 */
import { fromText } from "../lib/bytes.ts";
import { revision } from "../lib/units.ts";
import type { RecordVisitor } from "./backend.ts";
import { damaged } from "./damage.ts";
import { RevisionKey } from "./layout.ts";
import { LiveTotals } from "./live-totals.ts";
import {
  recordFault,
  recordHeaderBytes,
  recordSeed,
  storedRecordCrc,
  storedRecordKind,
} from "./record.ts";
import { RecordSums } from "./record-sums.ts";
import { decodeSeal, type Seal } from "./seal.ts";
import { SealPlaces } from "./seal-places.ts";

export class ScanCheck {
  /** Records and seals seen. */
  records = 0;
  sequence = 0;
  /** Of the seals seen. */
  readonly places = new SealPlaces();
  private readonly dir: string;
  private readonly visit: RecordVisitor;
  private readonly newest: Seal | undefined;
  private readonly removedTo: number;
  private readonly key = new RevisionKey();
  /** Of the records since the last seal, without those up to removedTo: the seals of their batches may be gone. */
  private readonly sums = new RecordSums();
  private readonly totals = new LiveTotals();
  /** Place of the last record or seal; (0, 0) before the first. */
  private main = 0;
  private sub = 0;
  private sealCrc = 0;
  private consistentIndex = 0;

  /** `newest` was found at open; undefined for a backend that never committed. */
  constructor(dir: string, newest: Seal | undefined, visit: RecordVisitor) {
    this.dir = dir;
    this.visit = visit;
    this.newest = newest;
    this.removedTo = newest?.removedTo ?? 0;
  }

  entries(entries: readonly [string, Uint8Array][]): void {
    const key = this.key;
    for (const entry of entries) {
      const storedKey = entry[0];
      const value = entry[1];
      if (!key.parse(storedKey)) throw this.damaged(`unknown key after ${this.place()}`);
      if (key.isSeal) this.seal(storedKey, value);
      else this.record(value);
    }
  }

  /** To be called after the last entry. */
  end(): void {
    const newest = this.newest?.sequence ?? 0;
    if (this.sums.count > 0) {
      throw this.damaged(
        `${this.sums.count} records up to ${this.place()} lie after the last seal ${this.sequence}`,
      );
    }
    if (this.sequence !== newest) {
      throw this.damaged(`the scan ended with seal ${this.sequence}, but the newest is ${newest}`);
    }
    const live = this.newest?.live ?? new LiveTotals();
    if (this.totals.equals(live)) return;
    throw this.damaged(
      this.totals.count === live.count
        ? `its ${live.count} records are not those of seal ${newest}`
        : `it holds ${this.totals.count} records instead of the ${live.count} of seal ${newest}; those at fault have revisions up to ${this.removedTo}`,
    );
  }

  private record(value: Uint8Array): void {
    const { main, sub } = this.key;
    if (main < this.main || (main === this.main && sub <= this.sub)) {
      throw this.damaged(`revision ${main}/${sub} stands after ${this.place()}`);
    }
    const fault = recordFault(value, recordSeed(main, sub));
    if (fault !== undefined) throw this.damaged(`revision ${main}/${sub}: ${fault}`);
    this.main = main;
    this.sub = sub;
    this.totals.add(main, sub);
    if (main > this.removedTo) this.sums.add(storedRecordCrc(value));
    this.records++;
    this.visit(
      revision(main),
      sub,
      storedRecordKind(value),
      value,
      recordHeaderBytes,
      value.length - 4,
    );
  }

  private seal(storedKey: string, value: Uint8Array): void {
    const { main, sub, sequence } = this.key;
    const decoded = decodeSeal(fromText(storedKey), value);
    if (typeof decoded === "string") throw this.damaged(`seal ${sequence}: ${decoded}`);
    const { seal, crc } = decoded;
    this.checkChain(seal);
    this.checkBatch(seal, main, sub);
    if (seal.position.consistentIndex < this.consistentIndex) {
      throw this.damaged(`seal ${sequence} goes back to index ${seal.position.consistentIndex}`);
    }
    this.places.push(sequence, main, sub);
    this.sequence = sequence;
    this.sealCrc = crc;
    this.consistentIndex = seal.position.consistentIndex;
    this.main = main;
    this.sub = sub;
    this.sums.reset();
  }

  private checkChain({ sequence, previous }: Seal): void {
    const isFirst = this.sequence === 0;
    const expected = isFirst ? (this.newest?.firstSeal ?? 1) : this.sequence + 1;
    if (sequence < expected) throw this.damaged(`seal ${sequence}, which was removed, is there`);
    if (sequence > expected) {
      throw this.damaged(`seal ${expected} is missing: a batch was lost before seal ${sequence}`);
    }
    // The one before the first that is left is gone, unless that is the first ever.
    if (previous !== this.sealCrc && !(isFirst && sequence > 1)) {
      throw this.damaged(`seal ${sequence} does not continue the one before it`);
    }
  }

  /** Holds the records since the seal before against this one, which stands at (main, sub). */
  private checkBatch(seal: Seal, main: number, sub: number): void {
    const { sequence, records } = seal;
    const isWhole = records === 0 || seal.firstMain > this.removedTo;
    const { count } = this.sums;
    const isPlaceGood = isWhole && records > 0 ? main === this.main && sub === this.sub : true;
    if (!isPlaceGood || main < this.main || (main === this.main && sub < this.sub)) {
      throw this.damaged(
        `seal ${sequence} ends at revision ${main}/${sub}, but the records end at ${this.place()}`,
      );
    }
    if (isWhole ? count !== records : count > records) {
      throw this.damaged(
        `batch ${sequence} has ${count} records up to ${this.place()} instead of ${records}`,
      );
    }
    if (isWhole && seal.recordsSum !== this.sums.sum()) {
      throw this.damaged(
        `batch ${sequence} up to ${this.place()} has other records than were sealed`,
      );
    }
  }

  private damaged(what: string): Error {
    return damaged(this.dir, what);
  }

  private place(): string {
    return this.main === 0 ? "the start" : `revision ${this.main}/${this.sub}`;
  }
}
