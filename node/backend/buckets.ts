/**
 * The buckets, held whole in memory, with the count and the order-independent sum that go into each seal.
 * Knows the stored form of an entry; writing it anywhere is the backend's work.
 *
 *   stored key: see layout.ts      stored value: | value ... | crc32c u32 BE over stored key and value |
 */
import { cloneBytes, compareBytes, latin1 } from "../lib/bytes.ts";
import { crc32c } from "../lib/crc32c.ts";
import type { BucketName } from "./backend.ts";
import { bucketKey } from "./layout.ts";

/** Part of the format: never renumbered. */
const bucketIds: Readonly<Record<BucketName, number>> = {
  meta: 1,
  lease: 2,
  alarm: 3,
  cluster: 4,
  members: 5,
  members_removed: 6,
  auth: 7,
  authUsers: 8,
  authRoles: 9,
};
export const bucketNamesAll = Object.keys(bucketIds) as readonly BucketName[];
const bucketNames: ReadonlyMap<number, BucketName> = new Map(
  bucketNamesAll.map((name) => [bucketIds[name], name]),
);

export interface BucketEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface HeldEntry extends BucketEntry {
  readonly crc: number;
}

interface Bucket {
  /** By the key's bytes as a Latin-1 string. */
  readonly byKey: Map<string, HeldEntry>;
  /** All entries in key order; undefined after a change until somebody asks. */
  sorted: readonly BucketEntry[] | undefined;
}

/** What goes to the store for one `put`. */
export interface StoredEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export class Buckets {
  /** Live entries in all buckets. */
  count = 0;
  /** Their sums added, mod 2^32. */
  sum = 0;
  private readonly buckets = new Map<BucketName, Bucket>();

  /** Copies key and value; returns the stored form. */
  put(name: BucketName, key: Uint8Array, value: Uint8Array): StoredEntry {
    const storedKey = bucketKey(bucketIds[name], key);
    const crc = crc32c(value, crc32c(storedKey));
    const storedValue = new Uint8Array(value.length + 4);
    storedValue.set(value);
    new DataView(storedValue.buffer).setUint32(value.length, crc);
    this.hold(name, {
      key: storedKey.subarray(2),
      value: storedValue.subarray(0, value.length),
      crc,
    });
    return { key: storedKey, value: storedValue };
  }

  /** Returns the stored key, or undefined when there is no such entry. */
  delete(name: BucketName, key: Uint8Array): Uint8Array | undefined {
    const bucket = this.buckets.get(name);
    const text = latin1(key);
    const held = bucket?.byKey.get(text);
    if (bucket === undefined || held === undefined) return undefined;
    bucket.byKey.delete(text);
    bucket.sorted = undefined;
    this.count--;
    this.sum = (this.sum - held.crc) >>> 0;
    return bucketKey(bucketIds[name], key);
  }

  get(name: BucketName, key: Uint8Array): Uint8Array | undefined {
    return this.buckets.get(name)?.byKey.get(latin1(key))?.value;
  }

  entries(name: BucketName): readonly BucketEntry[] {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) return [];
    bucket.sorted ??= [...bucket.byKey.values()].sort((a, b) => compareBytes(a.key, b.key));
    return bucket.sorted;
  }

  /** Takes over an entry as it was stored, at open. Returns what is wrong with it, or undefined. */
  load(storedKey: Uint8Array, storedValue: Uint8Array): string | undefined {
    const name = bucketNames.get(storedKey[1] ?? 0);
    if (storedKey.length < 2 || name === undefined) return "unknown bucket";
    const valueBytes = storedValue.length - 4;
    if (valueBytes < 0) return "value too short";
    const value = storedValue.subarray(0, valueBytes);
    const crc = crc32c(value, crc32c(storedKey));
    const view = new DataView(storedValue.buffer, storedValue.byteOffset, storedValue.byteLength);
    if (view.getUint32(valueBytes) !== crc) return "bad checksum";
    this.hold(name, { key: cloneBytes(storedKey, 2), value: cloneBytes(value), crc });
    return undefined;
  }

  private hold(name: BucketName, entry: HeldEntry): void {
    let bucket = this.buckets.get(name);
    if (bucket === undefined) {
      bucket = { byKey: new Map(), sorted: undefined };
      this.buckets.set(name, bucket);
    }
    const text = latin1(entry.key);
    const old = bucket.byKey.get(text);
    if (old === undefined) this.count++;
    bucket.byKey.set(text, entry);
    bucket.sorted = undefined;
    this.sum = (this.sum - (old?.crc ?? 0) + entry.crc) >>> 0;
  }
}
