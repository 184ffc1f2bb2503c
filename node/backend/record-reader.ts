/** Hands the records of a scan to a visitor, each held against its own sum; seals are passed over. */
import { revision } from "../lib/units.ts";
import type { RecordVisitor } from "./backend.ts";
import { damaged } from "./damage.ts";
import { RevisionKey } from "./layout.ts";
import { recordFault, recordHeaderBytes, recordSeed, storedRecordKind } from "./record.ts";

export class RecordReader {
  private readonly dir: string;
  private readonly visit: RecordVisitor;
  private readonly key = new RevisionKey();

  constructor(dir: string, visit: RecordVisitor) {
    this.dir = dir;
    this.visit = visit;
  }

  entries(entries: readonly [string, Uint8Array][]): void {
    for (const entry of entries) {
      if (!this.key.parse(entry[0])) throw damaged(this.dir, "a scan met an unknown key");
      if (!this.key.isSeal) this.record(this.key.main, this.key.sub, entry[1]);
    }
  }

  record(main: number, sub: number, value: Uint8Array): void {
    const fault = recordFault(value, recordSeed(main, sub));
    if (fault !== undefined) throw damaged(this.dir, `revision ${main}/${sub}: ${fault}`);
    const kind = storedRecordKind(value);
    this.visit(revision(main), sub, kind, value, recordHeaderBytes, value.length - 4);
  }
}
