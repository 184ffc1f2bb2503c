/**
 * Where in the order of the keys a job goes on that is done in slices: a copy of a key, not a place in the tree, so that
 * whatever happens to the tree between two slices does no harm.
 */
import { cloneBytes } from "../lib/bytes.ts";
import { copyBytes } from "./copy-bytes.ts";
import type { KvRecords } from "./kv-records.ts";

export class KeyBookmark {
  /** The work goes on with the first key at or after `bytes[0, length)`. */
  bytes: Uint8Array;
  length: number;

  /** Stands before the first key at or after `key`, which is copied. */
  constructor(key: Uint8Array) {
    this.bytes = cloneBytes(key, 0, key.length);
    this.length = key.length;
  }

  /** Stands directly behind the key at `place`: no key sorts between a key and the same with a zero byte after it. */
  moveBehind({ arena }: KvRecords, place: number): void {
    const start = arena.keyStart(place);
    const keyLength = arena.keyLength(place);
    if (this.bytes.length <= keyLength) this.bytes = new Uint8Array(keyLength * 2 + 16);
    copyBytes(arena.slab(place), start, start + keyLength, this.bytes, 0);
    this.bytes[keyLength] = 0;
    this.length = keyLength + 1;
  }

  copy(): KeyBookmark {
    return new KeyBookmark(this.bytes.subarray(0, this.length));
  }
}
