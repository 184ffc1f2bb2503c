/**
 * Hands the records of a scan to a visitor, each held against its own sum; seals are passed over.
 *
 * A call of the checksum for each record costs more than the sum itself, so the records of a slice are summed in one go. A sum followed
 * by itself always leaves the same state, `residue`; exclusive-oring what this differs by from the next record's seed into its first
 * four bytes is the same as starting anew from that seed. So the state behind the last record is `residue` again, unless a
 * record is bad: each is looked at alone then.
 */
import { crc32c } from "../lib/crc32c.ts";
import { revision } from "../lib/units.ts";
import type { RecordVisitor } from "./backend.ts";
import { damaged } from "./damage.ts";
import { RevisionKey } from "./layout.ts";
import { recordFault, recordHeaderBytes, recordSeed, storedRecordKind } from "./record.ts";

const stageBytes = 1 << 17;
const sumBytes = 4;
const residue = crc32c(Uint8Array.of(0, 0, 0, 0), 0);

export class RecordReader {
  private readonly dir: string;
  private readonly visit: RecordVisitor;
  private readonly key = new RevisionKey();
  private readonly stage = new Uint8Array(stageBytes);
  private filled = 0;
  /** The records in the stage. */
  private staged = 0;
  private readonly mains: number[] = [];
  private readonly subs: number[] = [];
  private readonly values: Uint8Array[] = [];

  constructor(dir: string, visit: RecordVisitor) {
    this.dir = dir;
    this.visit = visit;
  }

  entries(entries: readonly [string, Uint8Array][]): void {
    const { key } = this;
    for (const entry of entries) {
      if (!key.parse(entry[0])) throw damaged(this.dir, "a scan met an unknown key");
      if (!key.isSeal) this.add(key.main, key.sub, entry[1]);
    }
    this.flush();
  }

  record(main: number, sub: number, value: Uint8Array): void {
    const fault = recordFault(value, recordSeed(main, sub));
    if (fault !== undefined) throw damaged(this.dir, `revision ${main}/${sub}: ${fault}`);
    this.pass(main, sub, value);
  }

  private add(main: number, sub: number, value: Uint8Array): void {
    const { length } = value;
    if (this.filled + length > stageBytes) this.flush();
    if (length > stageBytes || length < recordHeaderBytes + sumBytes) {
      this.flush();
      this.record(main, sub, value);
      return;
    }
    const { stage, filled: at, staged } = this;
    const seedChange = recordSeed(main, sub) ^ residue;
    stage.set(value, at);
    stage[at] = (stage[at] as number) ^ seedChange;
    stage[at + 1] = (stage[at + 1] as number) ^ (seedChange >>> 8);
    stage[at + 2] = (stage[at + 2] as number) ^ (seedChange >>> 16);
    stage[at + 3] = (stage[at + 3] as number) ^ (seedChange >>> 24);
    this.mains[staged] = main;
    this.subs[staged] = sub;
    this.values[staged] = value;
    this.filled = at + length;
    this.staged = staged + 1;
  }

  /** Checks what is in the stage and visits it. */
  private flush(): void {
    const { mains, subs, values, staged } = this;
    if (staged === 0) return;
    const areGood = crc32c(this.stage.subarray(0, this.filled), residue) === residue;
    this.filled = 0;
    this.staged = 0;
    for (let at = 0; at < staged; at++) {
      const main = mains[at] as number;
      const sub = subs[at] as number;
      const value = values[at] as Uint8Array;
      // An unknown flag is named by what looks at one record.
      if (areGood && (value[0] as number) <= 1) this.pass(main, sub, value);
      else this.record(main, sub, value);
    }
    values.length = 0;
  }

  private pass(main: number, sub: number, value: Uint8Array): void {
    const kind = storedRecordKind(value);
    this.visit(revision(main), sub, kind, value, recordHeaderBytes, value.length - sumBytes);
  }
}
