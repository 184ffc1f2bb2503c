/** One consistent state of a backend, as the writer of a database reads it: from LevelDB (level-snapshot.ts) or from memory (memory-snapshot.ts). */
import type { AppliedPosition, BucketName } from "../backend.ts";
import type { BucketEntry } from "../buckets.ts";
import type { LiveSums } from "../live-totals.ts";

export interface StoredRecord {
  readonly main: number;
  readonly sub: number;
  /** As record.ts stores it, with its sum. */
  readonly value: Uint8Array;
}

export interface StateSource {
  /** Names the backend in errors. */
  readonly name: string;
  readonly position: AppliedPosition;
  bucket(name: BucketName): Promise<readonly BucketEntry[]>;
  /** All records by revision, in slices of bounded time, with room for other work between them. May be asked for again, for the same. */
  records(): AsyncIterable<readonly StoredRecord[]>;
  /** What the records must add up to, where the backend has a seal that says so. */
  readonly live: LiveSums | undefined;
}
