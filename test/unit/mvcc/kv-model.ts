/** The store as simply as it can be said: an array of all records, read from front to back for every question. */
import { Writer } from "../../../node/proto/wire.ts";

export interface ModelRecord {
  readonly main: number;
  readonly key: Uint8Array;
  /** Undefined for a tombstone. */
  readonly put:
    | {
        readonly createRevision: number;
        readonly version: number;
        readonly value: Uint8Array;
        readonly lease: bigint;
      }
    | undefined;
}

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** mvccpb.KeyValue as Go marshals it, in hex. */
export function keyValueHex(record: ModelRecord, keysOnly = false): string {
  const writer = new Writer();
  writer.bytesField(1, record.key);
  if (record.put !== undefined) {
    writer.numberField(2, record.put.createRevision);
    writer.numberField(3, record.main);
    writer.numberField(4, record.put.version);
    if (!keysOnly && record.put.value.length > 0) writer.bytesField(5, record.put.value);
    if (!keysOnly) writer.bigintField(6, record.put.lease);
  }
  return hexOf(writer.finish());
}

const isInRange = (key: Uint8Array, start: Uint8Array, end: Uint8Array | undefined): boolean => {
  if (end === undefined || end.length === 0) return Buffer.compare(key, start) === 0;
  if (Buffer.compare(key, start) < 0) return false;
  return (end.length === 1 && end[0] === 0) || Buffer.compare(key, end) < 0;
};

export class KvModel {
  readonly records: ModelRecord[] = [];
  current = 1;
  private hasWritten = false;

  get newest(): number {
    return this.hasWritten ? this.current + 1 : this.current;
  }

  /** Records in force at `atMain`, in key order. */
  range(start: Uint8Array, end: Uint8Array | undefined, atMain: number): ModelRecord[] {
    const found = new Map<string, ModelRecord>();
    for (const record of this.records) {
      if (record.main > atMain || !isInRange(record.key, start, end)) continue;
      if (record.put === undefined) found.delete(hexOf(record.key));
      else found.set(hexOf(record.key), record);
    }
    return [...found.values()].sort((a, b) => Buffer.compare(a.key, b.key));
  }

  put(key: Uint8Array, value: Uint8Array, lease: bigint): void {
    const main = this.current + 1;
    const before = this.range(key, undefined, main)[0]?.put;
    const createRevision = before?.createRevision ?? main;
    this.records.push({
      main,
      key,
      put: { createRevision, version: (before?.version ?? 0) + 1, value, lease },
    });
    this.hasWritten = true;
  }

  /** The records that were in force. */
  deleteRange(start: Uint8Array, end: Uint8Array | undefined): ModelRecord[] {
    const doomed = this.range(start, end, this.current + 1);
    for (const { key } of doomed)
      this.records.push({ main: this.current + 1, key, put: undefined });
    if (doomed.length > 0) this.hasWritten = true;
    return doomed;
  }

  end(): number {
    this.current = this.newest;
    this.hasWritten = false;
    return this.current;
  }
}
