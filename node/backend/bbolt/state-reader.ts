/**
 * Reads the state that a bbolt database holds, etcd's from 3.4 to 3.7 or one that state-writer.ts made, and hands it over in order: the buckets,
 * then the records by revision. What etcd would not find in its own files is refused, what ours has no use for is passed over and named.
 */
import { toText } from "../../lib/bytes.ts";
import { logIndex, revision, term } from "../../lib/units.ts";
import type { AppliedPosition, BucketName, RecordKind } from "../backend.ts";
import { type BucketEntry, bucketNamesAll } from "../buckets.ts";
import { compactedRevision } from "./compacted-revision.ts";
import type { BucketRoot, Database } from "./database.ts";
import { faulty } from "./database-fault.ts";
import { readU64BigEndian, viewOf } from "./format.ts";
import { isOfEtcdOnly, metaName, storageVersionFault } from "./meta-entries.ts";
import type { Page } from "./page.ts";
import { RevisionKeyReader, recordsBucket } from "./revision-key.ts";

/** What a database holds, in its order. The bytes are valid during the call only. */
export interface StateSink {
  bucketEntry(bucket: BucketName, key: Uint8Array, value: Uint8Array): void;
  /** `bytes[start, end)` is a marshalled mvccpb.KeyValue. */
  record(
    main: number,
    sub: number,
    kind: RecordKind,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void;
  /** Called behind each page. The reading goes on when what it returns is done. */
  pageDone(): Promise<void> | undefined;
}

export interface ReadState {
  readonly position: AppliedPosition;
  /** Names of the buckets that were passed over. */
  readonly ignored: readonly string[];
}

/** Rejects with DatabaseFault, and with what the source or the sink rejects with. */
export async function readState(database: Database, sink: StateSink): Promise<ReadState> {
  const buckets = await database.buckets();
  const rootOf = (name: string): BucketRoot =>
    buckets.get(name) ?? faulty(`it has no bucket ${name}: it is no state of etcd`);
  const records = rootOf(recordsBucket);
  const meta = await readMeta(database, rootOf("meta"));
  for (const { key, value } of meta.ours) sink.bucketEntry("meta", key, value);
  for (const name of bucketNamesAll) {
    const root = buckets.get(name);
    if (name === "meta" || root === undefined) continue;
    for await (const page of database.leaves(root)) {
      for (const { key, value } of entriesOf(page, name)) sink.bucketEntry(name, key, value);
      await sink.pageDone();
    }
  }
  const reader = new RecordPages();
  for await (const page of database.leaves(records)) {
    reader.read(page, sink);
    await sink.pageDone();
  }
  const known = new Set<string>([recordsBucket, ...bucketNamesAll]);
  return {
    // Etcd finds its revision so when it starts (storage/mvcc/kvstore.go, restore).
    position: { ...meta.applied, revision: revision(Math.max(1, reader.main, meta.compacted)) },
    ignored: [...buckets.keys()].filter((name) => !known.has(name)),
  };
}

interface MetaRead {
  readonly applied: Pick<AppliedPosition, "consistentIndex" | "term">;
  readonly compacted: number;
  /** The entries that go into our own bucket. */
  readonly ours: readonly BucketEntry[];
}

async function readMeta(database: Database, root: BucketRoot): Promise<MetaRead> {
  const entries: BucketEntry[] = [];
  for await (const page of database.leaves(root)) entries.push(...entriesOf(page, "meta"));
  const byName = new Map(entries.map(({ key, value }) => [toText(key), value]));
  const index = number(byName, metaName.consistentIndex);
  if (index === 0) faulty("it does not say up to which entry it was applied");
  const version = byName.get(metaName.storageVersion);
  const fault = version === undefined ? undefined : storageVersionFault(toText(version));
  if (fault !== undefined) faulty(`it has ${fault}`);
  const compacted = compactedRevision(entries) ?? faulty("a compaction at what is no revision");
  return {
    // Etcd has no term in its file before 3.5.
    applied: { consistentIndex: logIndex(index), term: term(number(byName, metaName.term)) },
    compacted,
    ours: entries.filter(({ key }) => !isOfEtcdOnly(toText(key))),
  };
}

/** 0 when it is not there. */
function number(meta: ReadonlyMap<string, Uint8Array>, name: string): number {
  const value = meta.get(name);
  if (value === undefined) return 0;
  const read = value.length === 8 ? readU64BigEndian(viewOf(value), 0) : Number.NaN;
  return Number.isNaN(read) ? faulty(`a ${name} that is no number below 2^53`) : read;
}

function* entriesOf(page: Page, bucket: string): Generator<BucketEntry> {
  for (let index = 0; index < page.count; index++) {
    page.select(index);
    if (page.isBucket) page.fault(`has a bucket within the bucket ${bucket}`);
    yield { key: page.key(), value: page.value() };
  }
}

/** Takes the records from the pages of their bucket, one page after the other. */
class RecordPages {
  /** Of the last record. */
  main = 0;
  private sub = -1;
  private readonly key = new RevisionKeyReader();

  read(page: Page, sink: StateSink): void {
    const { key } = this;
    const { bytes, view, count } = page;
    for (let index = 0; index < count; index++) {
      page.select(index);
      if (page.isBucket) page.fault("has a bucket among the records");
      const fault = key.read(bytes, view, page.keyStart, page.keyEnd);
      if (fault !== undefined) page.fault(`has ${fault}`);
      const { main, sub, kind } = key;
      // The order of the keys is checked; what is left is a put and a tombstone of one revision.
      if (main === this.main && sub === this.sub) page.fault(`has revision ${main}/${sub} twice`);
      this.main = main;
      this.sub = sub;
      sink.record(main, sub, kind, bytes, page.keyEnd, page.valueEnd);
    }
  }
}
