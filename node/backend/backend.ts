/**
 * The backend: the applied state on disk. It lags behind the log and catches up from it: `consistentIndex` moves in the same
 * batch as the data it covers (DESIGN section 2).
 *
 * Two kinds of data live here. The *revision space* is append-only and ordered by revision: one record for each put or
 * tombstone. *Buckets* are small ordered maps (etcd's `meta`, `lease`, `auth`, `members` and so on), held whole in memory.
 *
 * Writes gather in one open batch. `commit` seals it and writes it with `sync: true`, one batch in flight; a new batch opens at once.
 */
import type { LogIndex, Revision, Term } from "../lib/units.ts";
import type { StateSnapshot } from "./backend-snapshot.ts";

export type BucketName =
  | "meta"
  | "lease"
  | "alarm"
  | "cluster"
  | "members"
  | "members_removed"
  | "auth"
  | "authUsers"
  | "authRoles";

/** What a record of the revision space says about its key. */
export const recordKind = { put: 0, tombstone: 1 } as const;
export type RecordKind = (typeof recordKind)[keyof typeof recordKind];

/** The applied position that a sealed batch stands for. All zero for a backend that never committed. */
export interface AppliedPosition {
  readonly consistentIndex: LogIndex;
  readonly term: Term;
  /** Current revision of the key space at that index. */
  readonly revision: Revision;
}

/** Called by `scan` for each record in revision order. `keyValue[start, end)` is valid during the call only. */
export type RecordVisitor = (
  main: Revision,
  sub: number,
  kind: RecordKind,
  keyValue: Uint8Array,
  start: number,
  end: number,
) => void;

export interface Backend {
  /** Position of the last commit that completed, or that was found at open. */
  readonly committed: AppliedPosition;
  /** Operations and bytes in the open batch and in the one in flight: what a commit is due for. */
  readonly pendingOps: number;
  readonly pendingBytes: number;
  readonly isCommitting: boolean;

  /**
   * Adds a record to the open batch; copies `keyValue[start, end)` (a marshalled mvccpb.KeyValue).
   * Invariant: (main, sub) grows with every call.
   */
  append(
    main: Revision,
    sub: number,
    kind: RecordKind,
    keyValue: Uint8Array,
    start: number,
    end: number,
  ): void;
  /**
   * The KeyValue bytes of a committed record. Records of the open batch and of the one in flight cannot be read back here:
   * mvcc keeps them in its value cache until their commit completed. A missing record or a bad sum throws CorruptionError.
   */
  read(main: Revision, sub: number): Uint8Array;
  /** Visits every record in order, in slices that leave the event loop room. Used at open, before any append. */
  scan(visit: RecordVisitor): Promise<void>;
  /**
   * Visits the committed records with main revision up to `upTo`, in order, in slices, while writes go on: it sees exactly what was
   * committed when it was called. Rejects with CorruptionError for a record with a bad sum, with an Error when the backend closes.
   */
  scanCommitted(upTo: Revision, visit: RecordVisitor): Promise<void>;
  /**
   * Compaction takes a committed record away, with the open batch. Up to the highest main revision ever removed, the records are from
   * then on held against totals in the newest seal instead of against the seal of their own batch.
   * Precondition: the record is there and committed, and is removed once.
   */
  remove(main: Revision, sub: number): void;

  /** Buckets see their own uncommitted writes. `get` and `entries` return bytes that must not be changed. */
  put(bucket: BucketName, key: Uint8Array, value: Uint8Array): void;
  delete(bucket: BucketName, key: Uint8Array): void;
  get(bucket: BucketName, key: Uint8Array): Uint8Array | undefined;
  entries(bucket: BucketName): readonly { readonly key: Uint8Array; readonly value: Uint8Array }[];

  /**
   * Seals the open batch at `position` and writes it synced. Precondition: none in flight, and the batch holds the effects of
   * exactly the entries up to `position.consistentIndex`. `done` gets an error when the disk failed: fatal, never retried.
   */
  commit(position: AppliedPosition, done: (error: Error | null) => void): void;
  /** Waits for the batch in flight, then closes; an open batch that was not committed is dropped. */
  close(): Promise<void>;
}

/** What both backends offer beside their data. */
export interface BackendDisk {
  /** Differs between any two sealed states, over restarts too: what was derived from a backend says with it from which state. */
  readonly identity: string;
  /** Nothing of it is open any more. */
  readonly isClosed: boolean;
  /** The newest committed state, to be read while writes go on. `release` it. */
  openSnapshot(): StateSnapshot;
  /** Bytes of all files. */
  sizeOnDisk(): Promise<number>;
  /** Gives back the room of what was removed, which otherwise happens by and by; reads and commits go on meanwhile. */
  compactDisk(): Promise<void>;
}
