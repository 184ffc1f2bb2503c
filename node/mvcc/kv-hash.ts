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
import { KeyValueView } from "../proto/key-value.ts";
import { decodeRecord } from "./key-value.ts";
import type { KvRecords } from "./kv-records.ts";
import { tombstoneKeyBytes, writeRevisionKey } from "./revision-key.ts";
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

/** Finds which records are in force at a revision, whatever is written later. A pin must keep them. */
class InForce {
  private readonly records: KvRecords;
  private readonly lastOrdinal: number;
  private readonly fields = new KeyValueView();

  constructor(records: KvRecords, at: number) {
    this.records = records;
    this.lastOrdinal = records.log.ordinalAt(at);
  }

  has(main: number, sub: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { records, fields } = this;
    decodeRecord(bytes, start, end, fields);
    const place = records.find(bytes, fields.keyStart, fields.keyEnd);
    if (place === 0) return false;
    const ordinal = records.log.liveAt(records.arena.head(place), this.lastOrdinal);
    return ordinal !== 0 && records.log.main(ordinal) === main && records.log.sub(ordinal) === sub;
  }
}

/**
 * HashKV at main revision `at`, which is `compactRevision` or above. Preconditions: all records up to `at` are committed, and a pin at the
 * compact revision is held until the promise settles. Rejects as `Backend.scanCommitted` does.
 */
export async function hashRecords(
  records: KvRecords,
  at: number,
  compactRevision: number,
): Promise<number> {
  const atRevision = new InForce(records, at);
  const atCompaction = new InForce(records, compactRevision);
  const sum = sumOf("key");
  /** The hash if no key exists at the revision: it has the records that compaction left too. */
  const sumOfAll = sumOf("key");
  const found = { isAlive: false, differs: false };
  const key = new Uint8Array(tombstoneKeyBytes);
  await records.backend.scanCommitted(revision(at), (main, sub, kind, bytes, start, end) => {
    const isTombstone = kind === recordKind.tombstone;
    const write = (target: StagedSum): void => {
      target.add(key, 0, writeRevisionKey(key, main, sub, isTombstone));
      target.add(bytes, start, end);
    };
    const isInForce = (when: InForce): boolean =>
      !isTombstone && when.has(main, sub, bytes, start, end);
    if (main <= compactRevision) {
      if (isInForce(atRevision)) {
        found.isAlive = true;
        write(sum);
      } else if (!found.isAlive && isInForce(atCompaction)) {
        found.differs = true;
        write(sumOfAll);
      }
      return;
    }
    if (found.differs && !found.isAlive && isInForce(atRevision)) found.isAlive = true;
    write(sum);
    if (found.differs && !found.isAlive) write(sumOfAll);
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
  const key = new Uint8Array(tombstoneKeyBytes);
  const buckets = bucketsInOrder.map((name) => ({
    name,
    entries: name === "key" ? [] : records.backend.entries(name),
  }));
  for (const { name, entries } of buckets) {
    const nameBytes = text(name);
    sum.add(nameBytes, 0, nameBytes.length);
    if (name === "key")
      await records.backend.scanCommitted(at, (main, sub, kind, bytes, start, end) => {
        sum.add(key, 0, writeRevisionKey(key, main, sub, kind === recordKind.tombstone));
        sum.add(bytes, start, end);
      });
    for (const entry of entries) {
      if (name === "meta" && ignoredMeta.has(Buffer.from(entry.key).toString("latin1"))) continue;
      sum.add(entry.key, 0, entry.key.length);
      sum.add(entry.value, 0, entry.value.length);
    }
  }
  return sum.value();
}
