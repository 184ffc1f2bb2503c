/**
 * What etcd keeps and hashes, straight from its rules and as simply as they can be said: generations of revisions for each key
 * (key_index.go), a compaction that is over at once, HashKV by going through all records (hash.go). No key twice in one transaction.
 */
import { crc32c } from "../../../node/lib/crc32c.ts";

export interface RuledRecord {
  readonly main: number;
  readonly sub: number;
  readonly isTombstone: boolean;
  readonly key: Uint8Array;
  /** The marshalled KeyValue. */
  readonly bytes: Uint8Array;
}

type Generation = readonly RuledRecord[];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export function recordKey({
  main,
  sub,
  isTombstone,
}: Pick<RuledRecord, "main" | "sub" | "isTombstone">): Buffer {
  const key = Buffer.alloc(isTombstone ? 18 : 17);
  key.writeBigUInt64BE(BigInt(main), 0);
  key.write("_", 8);
  key.writeBigUInt64BE(BigInt(sub), 9);
  if (isTombstone) key.write("t", 17);
  return key;
}

/** A key's records as generations; the last one is empty when the key is deleted. */
function generationsOf(records: readonly RuledRecord[]): Map<string, Generation[]> {
  const keys = new Map<string, RuledRecord[][]>();
  for (const record of records) {
    const generations = keys.get(hex(record.key)) ?? [[]];
    keys.set(hex(record.key), generations);
    generations.at(-1)?.push(record);
    if (record.isTombstone) generations.push([]);
  }
  return keys;
}

/** The generation that includes `at` or comes after it, and its newest record at or before `at`. */
function newestAt(
  generations: readonly Generation[],
  at: number,
): [number, RuledRecord | undefined] {
  let index = 0;
  while (index < generations.length - 1) {
    if ((generations[index]?.at(-1)?.main ?? 0) >= at) break;
    index += 1;
  }
  return [index, generations[index]?.filter(({ main }) => main <= at).at(-1)];
}

/** The records that a finished compaction at `at` leaves. */
export function afterCompaction(records: readonly RuledRecord[], at: number): RuledRecord[] {
  const kept = new Set<RuledRecord>();
  for (const generations of generationsOf(records).values()) {
    const [, newest] = newestAt(generations, at);
    if (newest !== undefined) kept.add(newest);
  }
  return records.filter((record) => record.main > at || kept.has(record));
}

/** `compactRevision` is -1 for never; `records` are what that compaction has left. */
export function hashByRev(
  records: readonly RuledRecord[],
  at: number,
  compactRevision: number,
): number {
  const keep = new Set<RuledRecord>();
  for (const generations of generationsOf(records).values()) {
    const [index, newest] = newestAt(generations, at);
    if (newest === undefined) continue;
    const isFinalTombstone =
      newest === generations[index]?.at(-1) && index !== generations.length - 1;
    if (!isFinalTombstone) keep.add(newest);
  }
  let sum = crc32c(Buffer.from("key"));
  for (const record of records) {
    const { main, isTombstone } = record;
    if (main > at) continue;
    if (main <= compactRevision && keep.size > 0 && !keep.has(record)) continue;
    if (main === compactRevision && isTombstone) continue;
    sum = crc32c(record.bytes, crc32c(recordKey(record), sum));
  }
  return sum;
}
