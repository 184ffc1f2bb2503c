/**
 * A backend for the tests of mvcc: records in an array, batches committed by hand. Like the real one it cannot read back
 * what is not committed, so a value cache that forgets too early is found out.
 */
import assert from "node:assert/strict";
import type {
  AppliedPosition,
  Backend,
  RecordKind,
  RecordVisitor,
} from "../../../node/backend/backend.ts";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { logIndex, type Revision, revision, term } from "../../../node/lib/units.ts";

export interface BookRecord {
  readonly main: Revision;
  readonly sub: number;
  readonly kind: RecordKind;
  readonly keyValue: Uint8Array;
}

const nowhere = (): never => {
  throw new Error("mvcc does not use buckets");
};

export class RecordBook implements Backend {
  committed: AppliedPosition = {
    consistentIndex: logIndex(0),
    term: term(0),
    revision: revision(0),
  };
  /** Committed records. */
  readonly records: BookRecord[] = [];
  reads = 0;
  readonly put = nowhere;
  readonly delete = nowhere;
  readonly get = nowhere;
  readonly entries = nowhere;
  private open: BookRecord[] = [];
  private flying:
    | {
        readonly batch: BookRecord[];
        readonly position: AppliedPosition;
        readonly done: (error: Error | null) => void;
      }
    | undefined;

  get pendingOps(): number {
    return this.open.length + (this.flying?.batch.length ?? 0);
  }

  get pendingBytes(): number {
    return [...this.open, ...(this.flying?.batch ?? [])].reduce(
      (sum, record) => sum + record.keyValue.length,
      0,
    );
  }

  get isCommitting(): boolean {
    return this.flying !== undefined;
  }

  append(
    main: Revision,
    sub: number,
    kind: RecordKind,
    keyValue: Uint8Array,
    start: number,
    end: number,
  ): void {
    const last = this.open.at(-1) ?? this.flying?.batch.at(-1) ?? this.records.at(-1);
    assert.ok(
      last === undefined || main > last.main || (main === last.main && sub > last.sub),
      "revisions must grow",
    );
    this.open.push({ main, sub, kind, keyValue: keyValue.slice(start, end) });
  }

  read(main: Revision, sub: number): Uint8Array {
    this.reads += 1;
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const record = this.records[middle] as BookRecord;
      if (record.main < main || (record.main === main && record.sub < sub)) low = middle + 1;
      else high = middle;
    }
    const found = this.records[low];
    if (found?.main !== main || found.sub !== sub)
      throw new CorruptionError(`record ${main}_${sub} is not committed`);
    return found.keyValue.slice();
  }

  scan(visit: RecordVisitor): Promise<void> {
    for (const { main, sub, kind, keyValue } of this.records) {
      const padded = Uint8Array.of(
        9,
        ...keyValue.subarray(0, keyValue.length < 1000 ? keyValue.length : 0),
        9,
      );
      if (keyValue.length < 1000) visit(main, sub, kind, padded, 1, padded.length - 1);
      else visit(main, sub, kind, keyValue, 0, keyValue.length);
      padded.fill(0xee);
    }
    return Promise.resolve();
  }

  commit(position: AppliedPosition, done: (error: Error | null) => void): void {
    assert.ok(this.flying === undefined, "one batch in flight");
    this.flying = { batch: this.open, position, done };
    this.open = [];
  }

  /** The batch in flight reaches the disk. */
  land(): void {
    const { flying } = this;
    if (flying === undefined) return;
    this.records.push(...flying.batch);
    this.committed = flying.position;
    this.flying = undefined;
    flying.done(null);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
