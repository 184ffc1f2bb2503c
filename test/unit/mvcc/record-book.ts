/**
 * A backend for the tests of mvcc: records in an array, batches committed by hand. Like the real one it cannot read back
 * what is not committed, so a value cache that forgets too early is found out, nor remove it.
 */
import assert from "node:assert/strict";
import type {
  AppliedPosition,
  Backend,
  BucketName,
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

interface BucketEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** By bucket and hex of the key. */
type BookBuckets = Map<string, BucketEntry>;

class Batch {
  readonly records: BookRecord[] = [];
  readonly removals: BookRecord[] = [];
  readonly buckets: (readonly [string, BucketEntry | undefined])[] = [];
}

interface Flight {
  readonly batch: Batch;
  readonly position: AppliedPosition;
  readonly done: (error: Error | null) => void;
}

const bucketKey = (bucket: BucketName, key: Uint8Array): string =>
  `${bucket}/${Buffer.from(key).toString("hex")}`;

const change = (buckets: BookBuckets, key: string, entry: BucketEntry | undefined): void => {
  if (entry === undefined) buckets.delete(key);
  else buckets.set(key, entry);
};

export class RecordBook implements Backend {
  committed: AppliedPosition = {
    consistentIndex: logIndex(0),
    term: term(0),
    revision: revision(0),
  };
  /** Committed records. */
  records: BookRecord[] = [];
  reads = 0;
  removals = 0;
  private readonly committedBuckets: BookBuckets = new Map();
  private buckets: BookBuckets = new Map();
  private open = new Batch();
  private flying: Flight | undefined;

  get pendingOps(): number {
    return this.open.records.length + (this.flying?.batch.records.length ?? 0);
  }

  get pendingBytes(): number {
    return [...this.open.records, ...(this.flying?.batch.records ?? [])].reduce(
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
    const last =
      this.open.records.at(-1) ?? this.flying?.batch.records.at(-1) ?? this.records.at(-1);
    assert.ok(
      last === undefined || main > last.main || (main === last.main && sub > last.sub),
      "revisions must grow",
    );
    this.open.records.push({ main, sub, kind, keyValue: keyValue.slice(start, end) });
  }

  read(main: Revision, sub: number): Uint8Array {
    this.reads += 1;
    return (this.records[this.indexOf(main, sub)] as BookRecord).keyValue.slice();
  }

  remove(main: Revision, sub: number): void {
    const record = this.records[this.indexOf(main, sub)] as BookRecord;
    const removed = [...this.open.removals, ...(this.flying?.batch.removals ?? [])];
    assert.ok(!removed.includes(record), `record ${main}_${sub} is removed twice`);
    this.open.removals.push(record);
    this.removals += 1;
  }

  scan(visit: RecordVisitor): Promise<void> {
    visitPadded(this.records, visit);
    return Promise.resolve();
  }

  /** In two slices, so that the store may change in between. */
  async scanCommitted(upTo: Revision, visit: RecordVisitor): Promise<void> {
    const records = this.records.filter(({ main }) => main <= upTo);
    const half = records.length >>> 1;
    visitPadded(records.slice(0, half), visit);
    await Promise.resolve();
    visitPadded(records.slice(half), visit);
  }

  put(bucket: BucketName, key: Uint8Array, value: Uint8Array): void {
    this.change(bucketKey(bucket, key), { key: key.slice(), value: value.slice() });
  }

  delete(bucket: BucketName, key: Uint8Array): void {
    this.change(bucketKey(bucket, key), undefined);
  }

  get(bucket: BucketName, key: Uint8Array): Uint8Array | undefined {
    return this.buckets.get(bucketKey(bucket, key))?.value;
  }

  entries(bucket: BucketName): readonly BucketEntry[] {
    return [...this.buckets]
      .filter(([key]) => key.startsWith(`${bucket}/`))
      .map(([, entry]) => entry)
      .sort((a, b) => Buffer.compare(a.key, b.key));
  }

  commit(position: AppliedPosition, done: (error: Error | null) => void): void {
    assert.ok(this.flying === undefined, "one batch in flight");
    this.flying = { batch: this.open, position, done };
    this.open = new Batch();
  }

  /** The batch in flight reaches the disk. */
  land(): void {
    const { flying } = this;
    if (flying === undefined) return;
    const { batch } = flying;
    const removed = new Set(batch.removals);
    this.records = this.records.filter((record) => !removed.has(record)).concat(batch.records);
    for (const [key, entry] of batch.buckets) change(this.committedBuckets, key, entry);
    this.committed = flying.position;
    this.flying = undefined;
    flying.done(null);
  }

  /** The process ends: what is not on the disk is lost. */
  crash(): void {
    this.flying = undefined;
    this.open = new Batch();
    this.buckets = new Map(this.committedBuckets);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private change(key: string, entry: BucketEntry | undefined): void {
    change(this.buckets, key, entry);
    this.open.buckets.push([key, entry]);
  }

  private indexOf(main: Revision, sub: number): number {
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
    return low;
  }
}

/** Shows records within buffers that are overwritten afterwards, as the contract allows. */
function visitPadded(records: readonly BookRecord[], visit: RecordVisitor): void {
  for (const { main, sub, kind, keyValue } of records) {
    const padded = Uint8Array.of(
      9,
      ...keyValue.subarray(0, keyValue.length < 1000 ? keyValue.length : 0),
      9,
    );
    if (keyValue.length < 1000) visit(main, sub, kind, padded, 1, padded.length - 1);
    else visit(main, sub, kind, keyValue, 0, keyValue.length);
    padded.fill(0xee);
  }
}
