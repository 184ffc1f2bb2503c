/**
 * A whole backend on its way from one member to another: one consistent state at one log index, read while writes go on, and received
 * beside the live backend of the other member, which it replaces when it is whole. On the way it is a bbolt database, the file in which etcd has
 * its own backend (bbolt/), so that either side may be etcd.
 *
 *     openSnapshot ──▶ chunks ══ network ══▶ SnapshotReceiver.write ──▶ finish (checked, durable) ──▶ BackendHome.install
 *
 * Nothing of the size of the state is held in memory, on either side. The sender needs no room on disk and reads the state twice, the first time
 * before the first chunk; the receiver needs room for the database and for the backend that `finish` makes of it.
 */
import type { LogIndex } from "../lib/units.ts";
import type { AppliedPosition, Backend, BackendDisk, BucketName } from "./backend.ts";
import type { BucketEntry } from "./buckets.ts";

export interface BackendSnapshot {
  /** The applied position that the state is of; whole entries, durable on the sender. */
  readonly position: AppliedPosition;
  /**
   * The database from front to back in pieces of some ten kilobytes, each to be asked for when the one before is on its way. The first one comes
   * when all was read once, some seconds for each gigabyte. Rejects with CorruptionError.
   */
  chunks(): AsyncIterable<Uint8Array>;
  /** Lets the state go; also in the middle of `chunks`. Twice is fine. */
  release(): void;
}

/** A snapshot as its own member sees it. */
export interface StateSnapshot extends BackendSnapshot {
  /** The entries of a bucket in this state, in key order. Rejects with CorruptionError. */
  bucket(name: BucketName): Promise<readonly BucketEntry[]>;
}

/** What it rejects with, it has cleaned up after: nothing of what came is left. One call at a time, but for `abort`. */
export interface SnapshotReceiver {
  /** Takes the next chunk, of any size; resolves when another may come. Rejects with DiskError. */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Everything was received: makes a backend of it, which takes some seconds for each gigabyte, and returns its position. After that a crash does
   * not lose it. Rejects with CorruptionError for what is no state of etcd, or not whole; with DiskError.
   */
  finish(): Promise<AppliedPosition>;
  /** Gives it up and removes what was written, also in the middle of another call, which then rejects; no effect after the end. */
  abort(): Promise<void>;
}

/** A backend that can be handed to another member. */
export type MemberBackend = Backend & BackendDisk;

/** Where a member's backend lies on disk. At most one is open; receivers write beside it. */
export interface BackendHome {
  /** Opens or creates the live backend. Throws BackendDamage and others as LevelBackend.open does. */
  open(): Promise<MemberBackend>;
  receive(): Promise<SnapshotReceiver>;
  /** The received states that are whole, by index, ascending. */
  received(): Promise<readonly LogIndex[]>;
  /** Whether that of `index` is there; known after `open` or `received`. A snapshot whose state is not here must not be accepted. */
  hasReceived(index: LogIndex): boolean;
  /**
   * Puts the received state of `index` in the place of the live backend, which must be closed, and opens it. A crash at any moment leaves
   * either the old or the new one whole; install again then. Received states of lower indexes are removed; raft may still decide for a
   * higher one.
   */
  install(index: LogIndex): Promise<MemberBackend>;
  /** Removes received states that were not installed, those up to `upTo`; all without it. */
  discardReceived(upTo?: LogIndex): Promise<void>;
}
