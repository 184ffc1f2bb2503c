/**
 * Records of the history as mvccpb.Event, in the bytes of WatchResponse's field `events`. A put's record is copied as it was stored; a
 * deletion's tells the key and the revision (etcd mvcc/watchable_store.go, kvsToEvents).
 */
import { tagOf, varintSize, Writer, wireType } from "../../proto/wire.ts";
import type { KvRecords } from "../kv-records.ts";

/** WatchResponse.events. */
const eventsField = 11;
const eventsTag = tagOf(eventsField, wireType.bytes);
const eventField = { type: 1, kv: 2, prevKv: 3 } as const;
const deleteType = 1;
/** KeyValue.mod_revision, which a tombstone's record does not hold. */
const modRevisionField = 3;

export class EventEncoder {
  readonly writer = new Writer(4096);
  private readonly records: KvRecords;

  constructor(records: KvRecords) {
    this.records = records;
  }

  /**
   * Appends the event of one record. `oldestPrevious` is the main revision below which nothing may be shown: a previous KeyValue in force
   * before it counts as compacted, as on etcd.
   */
  append(ordinal: number, prevKv: boolean, oldestPrevious: number): void {
    const { records, writer } = this;
    const { log } = records;
    const previous = prevKv ? this.previousOf(ordinal, oldestPrevious) : 0;
    const isDelete = log.isTombstone(ordinal);
    const main = log.main(ordinal);
    records.load(ordinal, true);
    const length = records.end - records.start;
    const kvSize = isDelete ? length + 1 + varintSize(main) : length;
    let size = 1 + varintSize(kvSize) + kvSize + (isDelete ? 2 : 0);
    const previousLength = previous === 0 ? 0 : log.recordLength(previous);
    if (previous !== 0) size += 1 + varintSize(previousLength) + previousLength;
    writer.varint(eventsTag);
    writer.varint(size);
    if (isDelete) writer.numberField(eventField.type, deleteType);
    writer.varint(tagOf(eventField.kv, wireType.bytes));
    writer.varint(kvSize);
    writer.raw(records.bytes, records.start, records.end);
    if (isDelete) writer.numberField(modRevisionField, main);
    if (previous === 0) return;
    records.load(previous, true);
    writer.bytesField(eventField.prevKv, records.bytes, records.start, records.end);
  }

  /** The key's KeyValue before the event's transaction; 0 when there was none, or it is compacted. */
  private previousOf(ordinal: number, oldestPrevious: number): number {
    const { log } = this.records;
    const main = log.main(ordinal);
    if (main - 1 < oldestPrevious) return 0;
    let previous = log.previous(ordinal);
    // A transaction may delete a key and put it again: what counts is what was there before it.
    while (previous !== 0 && log.has(previous) && log.main(previous) === main)
      previous = log.previous(previous);
    return previous === 0 || log.isTombstone(previous) ? 0 : previous;
  }
}
