/**
 * The hashes that members compare (etcd's server/storage/mvcc/hash.go, key_index.go keep). HashKV at a revision is a CRC32C over the records
 * up to it, in order, as etcd stores them. Of the records at or before the compact revision it counts only those in force at the
 * revision asked for, so that members that have compacted and members that still are come to the same.
 *
 * Etcd's rule has one exception, which is kept: when no key exists at the revision, all records that compaction left are counted,
 * except tombstones at the compact revision itself, which are never counted.
 *
 * Etcd keeps the hashes of its last ten compactions until it restarts, and answers with them at exactly these revisions; such an answer
 * has the compact revision of before (hash-keeper.ts).
 */
import type { BucketName } from "../backend/backend.ts";
import { recordKind } from "../backend/backend.ts";
import type { Revision } from "../lib/units.ts";
import { revision } from "../lib/units.ts";
import type { KvRecords } from "./kv-records.ts";
import type { RevisionLog } from "./revision-log.ts";
import { StagedSum } from "./staged-sum.ts";

export type HashKvOutcome =
  | {
      readonly kind: "ok";
      readonly hash: number;
      /** As etcd answers: -1 when there was never a compaction. */
      readonly compactRevision: number;
      /** The revision the hash is of. */
      readonly hashRevision: number;
      /** Current revision when the hash was asked for. */
      readonly revision: Revision;
    }
  | { readonly kind: "compacted" }
  | { readonly kind: "futureRevision" };

const text = (name: string): Uint8Array => new TextEncoder().encode(name);

function sumOf(name: string): StagedSum {
  const sum = new StagedSum();
  const bytes = text(name);
  sum.add(bytes, 0, bytes.length);
  return sum;
}

/** Goes through the revision log beside a scan of the backend: which entry is the record at hand. */
class LogWalk {
  private readonly log: RevisionLog;
  private ordinal = 0;

  constructor(log: RevisionLog) {
    this.log = log;
  }

  /** Ordinal of a record, 0 when the log does not have it. To be asked for records in order; some may be left out. */
  find(main: number, sub: number): number {
    const { log } = this;
    for (;;) {
      const next = log.next(this.ordinal);
      if (next === 0) return 0;
      const nextMain = log.main(next);
      const order = nextMain === main ? log.sub(next) - sub : nextMain - main;
      if (order > 0) return 0;
      this.ordinal = next;
      if (order === 0) return next;
    }
  }
}

/** Tells which records are in force at a revision, whatever is written later. A pin must keep them. */
class InForce {
  private readonly records: KvRecords;
  private readonly lastOrdinal: number;

  constructor(records: KvRecords, at: number) {
    this.records = records;
    this.lastOrdinal = records.log.ordinalAt(at);
  }

  /** Of a put; 0 for a record that is not in the log any more. */
  has(ordinal: number): boolean {
    const { records, lastOrdinal } = this;
    if (ordinal === 0 || ordinal > lastOrdinal) return false;
    const head = records.arena.head(records.log.place(ordinal));
    return head === ordinal || records.log.liveAt(head, lastOrdinal) === ordinal;
  }
}

/**
 * HashKV at main revision `at`, which is `compactRevision` or above. Preconditions: all records up to `at` are committed, and a pin at the
 * compact revision is held until the promise settles. Rejects as `Backend.scanCommitted` does.
 *
 * The hash that a compaction at `at` takes differs in one thing: it keeps tombstones at that revision, and so etcd's exception does not
 * hold when there is one (key_index.go: compact and keep).
 */
export async function hashRecords(
  records: KvRecords,
  at: number,
  compactRevision: number,
  use: "asked" | "compaction" = "asked",
): Promise<number> {
  const atRevision = new InForce(records, at);
  const atCompaction = new InForce(records, compactRevision);
  const walk = new LogWalk(records.log);
  const sum = sumOf("key");
  /** The hash if no key exists at the revision: it has the records that compaction left too. */
  const sumOfAll = sumOf("key");
  const found = { isAlive: false, differs: false };
  await records.backend.scanCommitted(revision(at), (main, sub, kind, bytes, start, end) => {
    const isTombstone = kind === recordKind.tombstone;
    if (main <= compactRevision) {
      const ordinal = isTombstone ? 0 : walk.find(main, sub);
      if (atRevision.has(ordinal)) {
        found.isAlive = true;
        sum.addRecord(main, sub, isTombstone, bytes, start, end);
      } else if (!found.isAlive && atCompaction.has(ordinal)) {
        found.differs = true;
        sumOfAll.addRecord(main, sub, isTombstone, bytes, start, end);
      }
      return;
    }
    sum.addRecord(main, sub, isTombstone, bytes, start, end);
    if (!found.differs || found.isAlive) return;
    found.isAlive = isTombstone
      ? use === "compaction" && main === at
      : atRevision.has(walk.find(main, sub));
    if (!found.isAlive) sumOfAll.addRecord(main, sub, isTombstone, bytes, start, end);
  });
  return (found.differs && !found.isAlive ? sumOfAll : sum).value();
}

/** In the order of their names, as bbolt has them. */
const bucketsInOrder: readonly (BucketName | "key")[] = [
  "alarm",
  "auth",
  "authRoles",
  "authUsers",
  "cluster",
  "key",
  "lease",
  "members",
  "members_removed",
  "meta",
];

/** Keys of `meta` that differ between equal members (schema.DefaultIgnores). */
const ignoredMeta: ReadonlySet<string> = new Set(["consistent_index", "term", "storageVersion"]);

/**
 * Maintenance.Hash: the sum of all buckets with their names. It equals etcd's as far as the buckets hold what etcd's hold. What is committed
 * up to `at` counts of the records, what is set of the buckets.
 */
export async function hashBuckets(records: KvRecords, at: Revision): Promise<number> {
  const sum = new StagedSum();
  const buckets = bucketsInOrder.map((name) => ({
    name,
    entries: name === "key" ? [] : records.backend.entries(name),
  }));
  for (const { name, entries } of buckets) {
    const nameBytes = text(name);
    sum.add(nameBytes, 0, nameBytes.length);
    if (name === "key")
      await records.backend.scanCommitted(at, (main, sub, kind, bytes, start, end) => {
        sum.addRecord(main, sub, kind === recordKind.tombstone, bytes, start, end);
      });
    for (const entry of entries) {
      if (name === "meta" && ignoredMeta.has(Buffer.from(entry.key).toString("latin1"))) continue;
      sum.add(entry.key, 0, entry.key.length);
      sum.add(entry.value, 0, entry.value.length);
    }
  }
  return sum.value();
}
