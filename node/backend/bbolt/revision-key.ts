/**
 * The keys of etcd's bucket `key`: one for each record of the revision space (etcd storage/mvcc/revision.go).
 *
 *   | main u64 BE | "_" | sub u64 BE |             a put
 *   | main u64 BE | "_" | sub u64 BE | "t" |       a tombstone
 */
import { type RecordKind, recordKind } from "../backend.ts";
import { subMax } from "../layout.ts";
import { readU64BigEndian, viewOf, writeU64BigEndian } from "./format.ts";

/** Etcd's name for the revision space. */
export const recordsBucket = "key";
const putKeyBytes = 17;
const underscore = 0x5f;
const tombstoneMark = 0x74;

export function revisionKey(main: number, sub: number, kind: RecordKind): Uint8Array {
  const isTombstone = kind === recordKind.tombstone;
  const key = new Uint8Array(isTombstone ? putKeyBytes + 1 : putKeyBytes);
  const view = viewOf(key);
  writeU64BigEndian(view, 0, main);
  key[8] = underscore;
  writeU64BigEndian(view, 9, sub);
  if (isTombstone) key[putKeyBytes] = tombstoneMark;
  return key;
}

/** Takes keys apart, one at a time, without an object for each. */
export class RevisionKeyReader {
  main = 0;
  sub = 0;
  kind: RecordKind = recordKind.put;

  /** What is wrong with the key in bytes[start, end), of which `view` is; undefined when the fields tell it. */
  read(bytes: Uint8Array, view: DataView, start: number, end: number): string | undefined {
    const length = end - start;
    const isTombstone = length === putKeyBytes + 1 && bytes[end - 1] === tombstoneMark;
    if ((length !== putKeyBytes && !isTombstone) || bytes[start + 8] !== underscore)
      return "a key that is no revision";
    this.main = readU64BigEndian(view, start);
    this.sub = readU64BigEndian(view, start + 9);
    this.kind = isTombstone ? recordKind.tombstone : recordKind.put;
    if (!(this.main > 0 && this.sub <= subMax)) return "a revision out of range";
    return undefined;
  }
}
