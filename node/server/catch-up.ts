/**
 * Ends the snapshot loop: a follower that was sent a snapshot must find the entries behind it when it has installed it, or it needs the next
 * one, for ever if writes outrun its link. etcd keeps its log for 30 s and then gives up. Here the leader keeps the log from the snapshot's
 * index on, then from what the follower has, for as long as the follower makes progress.
 *
 *     sending ──▶ installing ──▶ taking entries in ──▶ like any other follower, with its one snapshot remembered
 *     log kept:   behind the snapshot's index          behind what it has
 *
 * 1. Memory alone holds the kept entries: reading them back from the log's files would be a second way for entries to reach a follower, for the
 *    rare case only. The bound is 128 MiB: the 2 GiB of etcd's default quota take 19 s over 1 Gbit/s, so writers notice nothing below 7 MB/s.
 * 2. Past the bound the leader slows the writers, to half of what the follower takes in, so that it gains on them; what is kept stays below
 *    twice the bound in any case. That is the price of a follower that is slower than the writes; without it the cluster has one copy less.
 * 3. A follower that never needed a snapshot is waited for up to the bound too, but nobody is slowed for it.
 * 4. One that does not answer, or answers and does not move, is not waited for; nor is one that is sent the next snapshot without having moved
 *    since the one before, until it moves.
 *
 * Pure: it learns of time and of raft by `observe` only.
 */
import type { Logger } from "../lib/ports.ts";
import { idToHex, type LogIndex, type MemberId, type Term } from "../lib/units.ts";
import type { ProgressStatus, RaftStatus } from "../raft/status.ts";
import { LogBytes, type LogInMemory } from "./log-bytes.ts";
import type { SnapshotOutcome } from "./peer-transport.ts";
import { WriterBrake } from "./writer-brake.ts";

export interface CatchUpOptions {
  readonly log: LogInMemory;
  readonly logger: Logger;
  /** Entries that are kept for everybody. */
  readonly catchupEntries: number;
  readonly electionTimeoutMs: number;
  /** Entries in memory, in bytes, beyond which writers are slowed. */
  readonly catchUpBytesMax?: number;
  /** False: nobody is waited for. The loop is then possible; tests show it. */
  readonly isEnabled?: boolean;
}

export interface Observation {
  /** Monotonic. */
  readonly nowMs: number;
  readonly status: RaftStatus;
}

/** What the leader should do for those who lag. */
export interface CatchUpAdvice {
  /** Entries behind this index are to be kept; Infinity for none. */
  readonly holdFrom: number;
  readonly isThrottling: boolean;
}

const catchUpBytesMaxDefault = 128 * 1024 * 1024;
/** Silent for so many election timeouts, a follower is taken for dead. */
const silentElections = 3;
/** How long one that answers may stand still: as long as etcd waits. A link of 100 KB/s needs 10 s for one MsgApp. */
const standstillMs = 30_000;

interface Follower {
  /** Entries behind this are kept for it. */
  from: LogIndex;
  match: LogIndex;
  /** The writers may be slowed for it. */
  hasHadSnapshot: boolean;
  isSending: boolean;
  sendingSinceMs: number;
  /** `match` when the last sending began. */
  matchAtSending: number;
  answeredAtMs: number;
  movedAtMs: number;
  /** How long it may stand still. Installing takes in proportion to sending. */
  patienceMs: number;
  /** It is not waited for until it has moved. */
  isGivenUp: boolean;
}

export class CatchUp {
  private readonly options: CatchUpOptions;
  private readonly bytesMax: number;
  private readonly bytes: LogBytes;
  private readonly brake: WriterBrake;
  private readonly followers = new Map<MemberId, Follower>();
  private kept = Infinity;
  /** What is known of followers, and of the log, is of this leadership. */
  private term: Term | undefined;

  constructor(options: CatchUpOptions) {
    this.options = options;
    this.bytesMax = options.catchUpBytesMax ?? catchUpBytesMaxDefault;
    this.bytes = new LogBytes(options.log);
    this.brake = new WriterBrake(this.bytesMax);
  }

  /** Entries behind this index must stay in memory; Infinity when nobody is waited for. */
  get holdFrom(): number {
    return this.kept;
  }

  get isThrottling(): boolean {
    return this.brake.isOn;
  }

  /**
   * A snapshot of `index` or newer is about to be sent. If newer, the entries from `index` on are kept all the same: raft goes on from there
   * when it hears that the sending has ended.
   */
  begin(id: MemberId, index: LogIndex, nowMs: number): void {
    const follower = this.followers.get(id) ?? newFollower(0 as LogIndex, nowMs);
    this.followers.set(id, follower);
    follower.hasHadSnapshot = true;
    follower.isSending = true;
    follower.sendingSinceMs = nowMs;
    follower.answeredAtMs = nowMs;
    follower.isGivenUp = follower.match === follower.matchAtSending;
    follower.matchAtSending = follower.match;
    follower.from = index;
    const isWaitedFor = this.options.isEnabled !== false && !follower.isGivenUp;
    if (isWaitedFor && index < this.kept) this.kept = index;
  }

  end(id: MemberId, outcome: SnapshotOutcome, nowMs: number): void {
    const follower = this.followers.get(id);
    if (follower === undefined || !follower.isSending) return;
    const tookMs = nowMs - follower.sendingSinceMs;
    const { electionTimeoutMs } = this.options;
    follower.isSending = false;
    follower.movedAtMs = nowMs;
    // What is told as failed may have arrived all the same.
    follower.patienceMs =
      outcome === "finished"
        ? Math.max(standstillMs, tookMs)
        : Math.min(standstillMs, silentElections * electionTimeoutMs);
  }

  /** To be called once a tick, whoever leads. */
  observe({ nowMs, status }: Observation): CatchUpAdvice {
    const leads = status.role === "leader" && this.options.isEnabled !== false;
    if (!leads || status.term !== this.term) {
      this.followers.clear();
      this.bytes.reset();
      this.keep(undefined, nowMs);
      this.term = leads ? status.term : undefined;
    }
    if (!leads) return { holdFrom: this.kept, isThrottling: false };
    const there = new Set<MemberId>();
    for (const progress of status.progress) {
      if (progress.id === status.id) continue;
      there.add(progress.id);
      this.note(progress, nowMs);
    }
    for (const id of this.followers.keys()) if (!there.has(id)) this.followers.delete(id);
    this.keep(this.lowest(nowMs), nowMs);
    return { holdFrom: this.kept, isThrottling: this.brake.isOn };
  }

  /** Bytes that may be proposed now; Infinity while the writers are not slowed, 0 or less for none. */
  allowance(nowMs: number): number {
    return this.brake.allowance(nowMs);
  }

  /** So much was proposed. More than the allowance is made up for later. */
  proposed(bytes: number, nowMs: number): void {
    this.brake.proposed(bytes, nowMs);
  }

  /** What raft says of one follower. */
  private note(progress: ProgressStatus, nowMs: number): void {
    const { id, match } = progress;
    const follower = this.followers.get(id) ?? newFollower(match, nowMs);
    this.followers.set(id, follower);
    if (progress.isRecentActive) follower.answeredAtMs = nowMs;
    const { log, catchupEntries } = this.options;
    if (match > follower.match) {
      if (match > follower.from) {
        if (follower.hasHadSnapshot)
          this.brake.taken(id, this.bytes.between(follower.from + 1, match + 1), nowMs);
        follower.from = match;
      }
      follower.match = match;
      if (follower.hasHadSnapshot) follower.isGivenUp = false;
      follower.movedAtMs = nowMs;
      if (!follower.isSending) follower.patienceMs = standstillMs;
    }
    if (match >= log.lastIndex) follower.movedAtMs = nowMs;
    if (match + catchupEntries >= log.lastIndex) follower.isGivenUp = false;
  }

  /** The one that is furthest behind of those who are waited for. */
  private lowest(nowMs: number): [MemberId, Follower] | undefined {
    const { firstIndex } = this.options.log;
    const waitedFor = [...this.followers]
      .filter(([, follower]) => this.isAlive(follower, nowMs))
      .filter(([, { from, isGivenUp }]) => !isGivenUp && from + 1 >= firstIndex)
      .sort(([, a], [, b]) => a.from - b.from);
    return waitedFor.find(([, follower]) => {
      if (follower.hasHadSnapshot || this.bytes.behind(follower.from) <= this.bytesMax) return true;
      follower.isGivenUp = true;
      return false;
    });
  }

  private isAlive(follower: Follower, nowMs: number): boolean {
    const { electionTimeoutMs } = this.options;
    if (nowMs - follower.answeredAtMs >= silentElections * electionTimeoutMs) return false;
    return follower.isSending || nowMs - follower.movedAtMs < follower.patienceMs;
  }

  private keep(lowest: [MemberId, Follower] | undefined, nowMs: number): void {
    const { logger } = this.options;
    const wasOn = this.brake.isOn;
    if (lowest === undefined) {
      this.kept = Infinity;
      this.brake.release();
    } else {
      const [id, { from, match, hasHadSnapshot }] = lowest;
      this.kept = from;
      const bytes = this.bytes.behind(from);
      this.brake.set(hasHadSnapshot ? bytes : 0, { id, isMoving: match >= from }, nowMs);
      if (this.brake.isOn && !wasOn) {
        logger.warn("slowing down writes until a follower that needed a snapshot has caught up", {
          "remote-peer-id": idToHex(id),
          "held-from-index": from,
          "last-index": this.options.log.lastIndex,
          "held-bytes": bytes,
          "held-bytes-max": this.bytesMax,
        });
      }
    }
    if (wasOn && !this.brake.isOn) logger.info("writes are no longer slowed down");
  }
}

const newFollower = (match: LogIndex, nowMs: number): Follower => ({
  from: match,
  match,
  hasHadSnapshot: false,
  isSending: false,
  sendingSinceMs: nowMs,
  matchAtSending: -1,
  answeredAtMs: nowMs,
  movedAtMs: nowMs,
  patienceMs: standstillMs,
  isGivenUp: false,
});
