/**
 * The MsgApp that a leader has sent to one follower and that are not yet acknowledged: a window bounded in messages and in bytes
 * (etcd raft/tracker/inflights.go). It knows of each message the last index and the size; what is in it is raft's matter.
 */
import { assert } from "../../lib/assert.ts";
import type { LogIndex } from "../../lib/units.ts";

/** A ring. Invariants: indexes ascend from the oldest to the newest; `count <= countMax`. */
export class Inflights {
  private readonly countMax: number;
  private readonly bytesMax: number;
  /** Slots modulo `countMax`. Grown by use, so that a follower that is never far behind costs little. */
  private readonly lastIndexes: LogIndex[] = [];
  private readonly sizes: number[] = [];
  private start = 0;
  private used = 0;
  private bytes = 0;

  /** `countMax` messages at least 1; `bytesMax` may be Infinity. The message that reaches `bytesMax` still fits. */
  constructor(countMax: number, bytesMax: number) {
    assert(countMax >= 1, "a window must have room for a message", countMax);
    this.countMax = countMax;
    this.bytesMax = bytesMax;
  }

  /** Messages on their way. */
  get count(): number {
    return this.used;
  }

  /** No further message may be added. */
  get isFull(): boolean {
    return this.used === this.countMax || this.bytes >= this.bytesMax;
  }

  /** A message whose last entry is `lastIndex`, with `bytes` of entries, was sent. Messages are added in the order of their indexes. */
  add(lastIndex: LogIndex, bytes: number): void {
    assert(!this.isFull, "a message was sent beyond the inflight window", lastIndex);
    const slot = this.slot(this.used);
    this.lastIndexes[slot] = lastIndex;
    this.sizes[slot] = bytes;
    this.used += 1;
    this.bytes += bytes;
  }

  /** The follower holds everything up to `index`: messages that end there or before are done. */
  freeTo(index: LogIndex): void {
    while (this.used > 0) {
      const lastIndex = this.lastIndexes[this.start];
      if (lastIndex === undefined || lastIndex > index) return;
      this.bytes -= this.sizes[this.start] ?? 0;
      this.start = this.slot(1);
      this.used -= 1;
    }
    // From the first slot again: the ring grows only as far as the window was ever used.
    this.start = 0;
  }

  /** Forgets all messages: what became of them no longer matters. */
  reset(): void {
    this.start = 0;
    this.used = 0;
    this.bytes = 0;
  }

  /** An independent copy. */
  clone(): Inflights {
    const copy = new Inflights(this.countMax, this.bytesMax);
    for (let at = 0; at < this.used; at++) {
      const slot = this.slot(at);
      copy.add(this.lastIndexes[slot] ?? (0 as LogIndex), this.sizes[slot] ?? 0);
    }
    return copy;
  }

  private slot(offset: number): number {
    const slot = this.start + offset;
    return slot >= this.countMax ? slot - this.countMax : slot;
  }
}
