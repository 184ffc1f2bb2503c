/**
 * A leader's view of one follower or learner: what it holds, what to send next, and whether to send at all
 * (etcd raft/tracker/progress.go). Raft decides what goes into a message; this keeps the account.
 *
 *     probe      what the follower holds is unknown: one MsgApp, then wait for its answer or a heartbeat's
 *     replicate  it follows: MsgApp are sent ahead of the answers, as far as the inflight window goes
 *     snapshot   the entries it needs are compacted: nothing is sent until the snapshot has arrived or failed
 *
 *     probe ── accepted ──▶ replicate ── rejected, unreachable ──▶ probe
 *     probe, replicate ── entries compacted ──▶ snapshot ── reported, failed ──▶ probe
 *     snapshot ── an answer that reconnects it to the log ──▶ replicate
 */
import { assert } from "../../lib/assert.ts";
import type { LogIndex } from "../../lib/units.ts";
import type { ProgressState } from "../status.ts";
import type { Inflights } from "./inflights.ts";

const zero = 0 as LogIndex;

const plus = (index: LogIndex, count: number): LogIndex => (index + count) as LogIndex;
const larger = (a: LogIndex, b: LogIndex): LogIndex => (a > b ? a : b);
const smaller = (a: LogIndex, b: LogIndex): LogIndex => (a < b ? a : b);

/**
 * Invariants: 1. `match < next`. 2. In state snapshot `next = pendingSnapshot + 1`, until an answer moves `match` beyond it.
 * 3. Entries between `match` and `next` are on their way, or lost.
 */
export class Progress {
  /** The follower's durable log equals the leader's up to here. */
  match: LogIndex;
  /** The next entry to send. */
  next: LogIndex;
  state: ProgressState = "probe";
  /** Index of the snapshot that it is being sent; 0 outside of state snapshot. */
  pendingSnapshot: LogIndex = zero;
  /** It answered since the last check of the quorum. */
  isRecentActive = false;
  /** No MsgApp goes until it answers: a probe is on its way, or the window is full. */
  isFlowPaused = false;
  isLearner: boolean;
  /** The highest commit index on its way to it. Goes back when messages must be taken as lost. */
  sentCommit: LogIndex = zero;
  readonly inflights: Inflights;

  constructor(fields: {
    readonly match: LogIndex;
    readonly next: LogIndex;
    readonly isLearner: boolean;
    readonly inflights: Inflights;
  }) {
    assert(fields.match < fields.next, "match must be below next", fields.match);
    this.match = fields.match;
    this.next = fields.next;
    this.isLearner = fields.isLearner;
    this.inflights = fields.inflights;
  }

  /** It must be found out what the follower holds. After a snapshot that arrived, from behind the snapshot. */
  becomeProbe(): void {
    const pending = this.state === "snapshot" ? this.pendingSnapshot : zero;
    this.resetTo("probe");
    this.next = larger(plus(this.match, 1), plus(pending, 1));
    this.regressSentCommit();
  }

  /** The follower's log is known to end as the leader's does at `match`. */
  becomeReplicate(): void {
    this.resetTo("replicate");
    this.next = plus(this.match, 1);
  }

  /** The follower is being sent a snapshot of the state at `index`. */
  becomeSnapshot(index: LogIndex): void {
    this.resetTo("snapshot");
    this.pendingSnapshot = index;
    this.next = plus(index, 1);
    this.sentCommit = index;
  }

  /** A MsgApp with `count` entries (perhaps none) of `bytes` together was sent, beginning at `next`. */
  sentEntries(count: number, bytes: number): void {
    assert(this.state !== "snapshot", "a MsgApp was sent to a follower that waits for a snapshot");
    if (this.state === "probe") {
      // Empty probes are not throttled, as in etcd: there is at most one for an answer anyway.
      if (count > 0) this.isFlowPaused = true;
      return;
    }
    if (count > 0) {
      this.next = plus(this.next, count);
      this.inflights.add(plus(this.next, -1), bytes);
    }
    // A full window makes of this message a probe; the next one waits for an answer.
    this.isFlowPaused = this.inflights.isFull;
  }

  /** The follower acknowledged everything up to `index`. False if that was known. */
  maybeUpdate(index: LogIndex): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = larger(this.next, plus(index, 1));
    this.isFlowPaused = false;
    return true;
  }

  /**
   * The follower has refused a MsgApp that followed the entry at `rejected`; the logs may agree at `matchHint` or before.
   * False if the refusal is old; otherwise `next` has gone back.
   */
  maybeDecrementTo(rejected: LogIndex, matchHint: LogIndex): boolean {
    if (this.state === "replicate") {
      if (rejected <= this.match) return false;
      this.next = plus(this.match, 1);
      this.regressSentCommit();
      return true;
    }
    // One probe is on its way at a time, and it followed the entry before `next`.
    if (plus(this.next, -1) !== rejected) return false;
    this.next = larger(smaller(rejected, plus(matchHint, 1)), plus(this.match, 1));
    this.regressSentCommit();
    this.isFlowPaused = false;
    return true;
  }

  /** No entries are sent to it now. */
  get isPaused(): boolean {
    return this.state === "snapshot" || this.isFlowPaused;
  }

  /**
   * An empty MsgApp with this commit index would tell it something: it moves its commit index to `next - 1` at most, and a message that
   * moves it there is not yet on its way.
   */
  canBumpCommit(commit: LogIndex): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** A message with this commit index was sent. */
  recordSentCommit(commit: LogIndex): void {
    this.sentCommit = commit;
  }

  /** An independent copy. */
  clone(): Progress {
    const { match, next, isLearner } = this;
    const copy = new Progress({ match, next, isLearner, inflights: this.inflights.clone() });
    copy.state = this.state;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.isRecentActive = this.isRecentActive;
    copy.isFlowPaused = this.isFlowPaused;
    copy.sentCommit = this.sentCommit;
    return copy;
  }

  private resetTo(state: ProgressState): void {
    this.state = state;
    this.isFlowPaused = false;
    this.pendingSnapshot = zero;
    this.inflights.reset();
  }

  /** Messages beyond `next - 1` have probably not arrived, nor have the commit indexes in them. */
  private regressSentCommit(): void {
    this.sentCommit = smaller(this.sentCommit, plus(this.next, -1));
  }
}
