/**
 * A whole state as the bbolt database that etcd would have of it (etcd storage/schema), in chunks, from front to back, without a file. The state is
 * read twice: first to learn how many pages there will be, which the metas at the front must say, then to write them.
 *
 *   | meta | meta | pages of the buckets, in the order of their names ... | pages of the root | seal |
 *
 * The sums of records and seals are checked on the way (record.ts, live-totals.ts).
 */
import { assert } from "../../lib/assert.ts";
import { fromText } from "../../lib/bytes.ts";
import type { BucketName } from "../backend.ts";
import { type BucketEntry, bucketNamesAll } from "../buckets.ts";
import { damaged } from "../damage.ts";
import { LiveTotals } from "../live-totals.ts";
import { recordFault, recordHeaderBytes, recordSeed, storedRecordKind } from "../record.ts";
import { compactedRevision } from "./compacted-revision.ts";
import { bucketElementFlag, firstPage, writeMetaPage } from "./format.ts";
import { metaEntries } from "./meta-entries.ts";
import { PageCounter, type Pages, PageWriter, pageSize } from "./pages.ts";
import { recordsBucket, revisionKey } from "./revision-key.ts";
import { sealedTxid, writeSealPage } from "./seal-page.ts";
import type { StateSource } from "./state-source.ts";
import { TreeWriter } from "./tree-writer.ts";

/** In key order, which is that of code units, as all are ASCII. */
const bucketOrder = [recordsBucket, ...bucketNamesAll].sort() as readonly (
  | BucketName
  | typeof recordsBucket
)[];
const sliceEntries = 500;

/** The database in chunks of about 64 KiB. Rejects with CorruptionError when the source is not what it was sealed as. */
export async function* encodeState(source: StateSource): AsyncGenerator<Uint8Array> {
  const counter = new PageCounter();
  const counting = writeTrees(source, counter, false);
  let step = await counting.next();
  while (step.done !== true) step = await counting.next();
  const root = step.value;
  const highWater = counter.next + 1;
  const writer = new PageWriter();
  for (let id = 0; id < firstPage; id++) {
    const meta = { pageSize, root, highWater, txid: sealedTxid - id };
    writer.raw((bytes, at) => writeMetaPage(bytes, at, id, meta));
  }
  const writing = writeTrees(source, writer, true);
  step = await writing.next();
  while (step.done !== true) {
    yield* writer.take();
    step = await writing.next();
  }
  const isSame =
    step.value === root && writer.next === counter.next && writer.tally.equals(counter.tally);
  if (!isSame) throw damaged(source.name, "a snapshot was read twice and was not the same");
  writer.flush();
  const { crc } = writer;
  writer.raw((bytes, at, id) => writeSealPage(bytes, at, id, crc));
  writer.flush();
  yield* writer.take();
}

/** Writes all buckets, and a tree of them; returns the page of its root. Pauses behind each slice. */
async function* writeTrees(
  source: StateSource,
  pages: Pages,
  isChecking: boolean,
): AsyncGenerator<void, number> {
  const root = new TreeWriter(pages);
  for (const name of bucketOrder) {
    const tree = new TreeWriter(pages);
    if (name === recordsBucket) yield* writeRecords(source, tree, isChecking);
    else yield* writeEntries(await entriesOf(source, name), tree);
    const bytes = tree.endBucket();
    const flags = bucketElementFlag;
    root.add({ flags, key: fromText(name), bytes, start: 0, end: bytes.length });
  }
  return root.end();
}

async function entriesOf(source: StateSource, name: BucketName): Promise<readonly BucketEntry[]> {
  const entries = await source.bucket(name);
  return name === "meta"
    ? metaEntries(entries, await source.bucket("cluster"), source.position)
    : entries;
}

function* writeEntries(entries: readonly BucketEntry[], tree: TreeWriter): Generator<void> {
  for (let at = 0; at < entries.length; at++) {
    const { key, value } = entries[at] as BucketEntry;
    tree.add({ flags: 0, key, bytes: value, start: 0, end: value.length });
    if ((at + 1) % sliceEntries === 0) yield;
  }
}

async function* writeRecords(
  source: StateSource,
  tree: TreeWriter,
  isChecking: boolean,
): AsyncGenerator<void> {
  const totals = new LiveTotals();
  let last = 0;
  for await (const slice of source.records()) {
    for (const { main, sub, value } of slice) {
      if (isChecking) {
        const fault = recordFault(value, recordSeed(main, sub));
        if (fault !== undefined) throw damaged(source.name, `revision ${main}/${sub}: ${fault}`);
        totals.add(main, sub);
      }
      tree.add({
        flags: 0,
        key: revisionKey(main, sub, storedRecordKind(value)),
        bytes: value,
        start: recordHeaderBytes,
        end: value.length - 4,
      });
      last = main;
    }
    yield;
  }
  if (!isChecking) return;
  const { live, position } = source;
  if (live !== undefined && !totals.equals(live)) {
    throw damaged(
      source.name,
      `its ${totals.count} records are not the ${live.count} that were sealed`,
    );
  }
  // Who receives the state has only these to tell its revision from, as etcd has.
  const told = Math.max(1, last, compactedRevision(await source.bucket("meta")) ?? 0);
  assert(
    told === Math.max(1, position.revision),
    "the revision of a state is neither its last record's nor that of its compaction",
    position.revision,
  );
}
