/**
 * Follows a scan of the revision space and holds it against the seals: each record's sum, order, and for each batch the
 * count and sum of its records, the sequence and the chain. Together with the sums this finds every lost, changed, added or
 * moved record, and every batch that LevelDB dropped, except whole batches at the very end: those move `committed` back.
 */
import { fromText } from "../lib/bytes.ts";
import { revision } from "../lib/units.ts";
import type { RecordVisitor } from "./backend.ts";
import { damaged } from "./damage.ts";
import { RevisionKey } from "./layout.ts";
import {
  recordFault,
  recordHeaderBytes,
  recordSeed,
  storedRecordCrc,
  storedRecordKind,
} from "./record.ts";
import { RecordSums } from "./record-sums.ts";
import { decodeSeal } from "./seal.ts";

export class ScanCheck {
  /** Records and seals seen. */
  records = 0;
  sequence = 0;
  private readonly dir: string;
  private readonly visit: RecordVisitor;
  private readonly key = new RevisionKey();
  private readonly sums = new RecordSums();
  /** Last record; (0, 0) before the first. */
  private main = 0;
  private sub = 0;
  private sealCrc = 0;
  private consistentIndex = 0;

  constructor(dir: string, visit: RecordVisitor) {
    this.dir = dir;
    this.visit = visit;
  }

  entries(entries: readonly [string, Uint8Array][]): void {
    const key = this.key;
    for (const entry of entries) {
      const storedKey = entry[0];
      const value = entry[1];
      if (!key.parse(storedKey)) throw damaged(this.dir, `unknown key after ${this.place()}`);
      if (key.isSeal) this.seal(storedKey, value);
      else this.record(value);
    }
  }

  /** To be called after the last entry, with what was found at open. */
  end(sequence: number): void {
    if (this.sums.count > 0) {
      throw damaged(
        this.dir,
        `${this.sums.count} records up to ${this.place()} lie after the last seal ${this.sequence}`,
      );
    }
    if (this.sequence !== sequence) {
      throw damaged(
        this.dir,
        `the scan ended with seal ${this.sequence}, but the newest is ${sequence}`,
      );
    }
  }

  private record(value: Uint8Array): void {
    const { main, sub } = this.key;
    if (main < this.main || (main === this.main && sub <= this.sub)) {
      throw damaged(this.dir, `revision ${main}/${sub} stands after ${this.place()}`);
    }
    const fault = recordFault(value, recordSeed(main, sub));
    if (fault !== undefined) throw damaged(this.dir, `revision ${main}/${sub}: ${fault}`);
    this.main = main;
    this.sub = sub;
    this.sums.add(storedRecordCrc(value));
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
    if (typeof decoded === "string") throw damaged(this.dir, `seal ${sequence}: ${decoded}`);
    const seal = decoded.seal;
    if (seal.sequence !== this.sequence + 1) {
      throw damaged(
        this.dir,
        `seal ${this.sequence + 1} is missing: a batch was lost before seal ${seal.sequence}`,
      );
    }
    if (seal.previous !== this.sealCrc)
      throw damaged(this.dir, `seal ${sequence} does not continue the one before it`);
    if (main !== this.main || sub !== this.sub) {
      throw damaged(
        this.dir,
        `seal ${sequence} ends at revision ${main}/${sub}, but the records end at ${this.place()}`,
      );
    }
    if (seal.records !== this.sums.count) {
      throw damaged(
        this.dir,
        `batch ${sequence} has ${this.sums.count} records up to ${this.place()} instead of ${seal.records}`,
      );
    }
    if (seal.recordsSum !== this.sums.sum()) {
      throw damaged(
        this.dir,
        `batch ${sequence} up to ${this.place()} has other records than were sealed`,
      );
    }
    if (seal.position.consistentIndex < this.consistentIndex) {
      throw damaged(
        this.dir,
        `seal ${sequence} goes back to index ${seal.position.consistentIndex}`,
      );
    }
    this.sequence = sequence;
    this.sealCrc = decoded.crc;
    this.consistentIndex = seal.position.consistentIndex;
    this.sums.reset();
  }

  private place(): string {
    return this.main === 0 ? "the start" : `revision ${this.main}/${this.sub}`;
  }
}
