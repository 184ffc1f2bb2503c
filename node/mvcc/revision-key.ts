/**
 * The key of a record as etcd stores it in its `key` bucket (server/storage/mvcc/revision.go). Our backend has keys of its own; hashes, sizes and
 * the meta bucket speak etcd's.
 *
 *   │ main u64 BE │ "_" │ sub u64 BE │ "t" for a tombstone │
 */

export const revisionKeyBytes = 17;
/** A tombstone's has a mark behind it. */
export const tombstoneKeyBytes = 18;

const separator = 0x5f;
const tombstoneMark = 0x74;

function writeUint64(target: Uint8Array, at: number, value: number): void {
  let high = Math.floor(value / 2 ** 32);
  let low = value >>> 0;
  for (let index = 3; index >= 0; index--) {
    target[at + index] = high & 0xff;
    target[at + 4 + index] = low & 0xff;
    high >>>= 8;
    low >>>= 8;
  }
}

/** Writes it at the start of `target` and returns its length. */
export function writeRevisionKey(
  target: Uint8Array,
  main: number,
  sub: number,
  isTombstone: boolean,
): number {
  writeUint64(target, 0, main);
  target[8] = separator;
  writeUint64(target, 9, sub);
  if (!isTombstone) return revisionKeyBytes;
  target[17] = tombstoneMark;
  return tombstoneKeyBytes;
}
