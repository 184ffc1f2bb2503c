/**
 * Proposals of this member: requests wait here for their turn's batch, and for the entry they became to be applied.
 * Request ids are etcd's (pkg/idutil): 16 bits of the member, 48 bits that start at the clock and count up.
 */
import type { ApplyResult } from "../apply/result.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { OutcomeTimes } from "../lib/histogram.ts";
import type { Clock } from "../lib/ports.ts";
import type { MemberId } from "../lib/units.ts";
import { encodeInternalRaft, internalRaftOverheadBytes } from "../proto/internal-raft-codec.ts";
import { Writer } from "../proto/wire.ts";
import type { Proposal } from "../raft/ready.ts";
import { entryType } from "../raft/types.ts";
import { batchBytesMax, batchEntriesMax, proposalSlabBytes, queuedBytesMax } from "./limits.ts";

/** Who waits for a proposal. Exactly one of the two is called, once. */
export interface Proposer {
  applied(result: ApplyResult): void;
  refused(error: EtcdErrorKind): void;
}

interface Waiting {
  readonly proposer: Proposer;
  readonly field: number;
  readonly deadlineMs: number;
}

export interface ProposalsOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly id: MemberId;
  /** Largest data of an entry (etcd's --max-request-bytes). */
  readonly requestBytesMax: number;
  /** What a proposal that came at `sinceMs` (monotonic) and waited too long is told; Timeout when not given. */
  readonly timeoutError?: (sinceMs: number) => EtcdErrorKind;
  /** Gets how long each request took, by its field. */
  readonly seconds?: OutcomeTimes;
}

const two32 = 2 ** 32;
const two48 = 2 ** 48;

export class Proposals {
  private readonly clock: Clock;
  private readonly timeoutMs: number;
  private readonly requestBytesMax: number;
  private readonly memberBits: number;
  private readonly timeoutError: (sinceMs: number) => EtcdErrorKind;
  private readonly seconds: OutcomeTimes | undefined;
  private nextSequence: number;
  /** Ordered by time, as all proposals wait equally long. */
  private readonly waiting = new Map<number, Waiting>();
  /** Not proposed yet. Invariant: the last ones of `waiting`, in the same order. */
  private queue: Proposal[] = [];
  private queuedBytes = 0;
  private slab = new Writer(proposalSlabBytes);

  constructor(options: ProposalsOptions) {
    this.clock = options.clock;
    this.requestBytesMax = options.requestBytesMax;
    this.timeoutMs = options.timeoutMs;
    this.seconds = options.seconds;
    this.timeoutError = options.timeoutError ?? (() => "Timeout");
    this.memberBits = Number(BigInt.asUintN(16, options.id));
    this.nextSequence = ((options.clock.unixMs() % 2 ** 40) * 256 + 1) % two48;
  }

  /** A number that no request or lease of any member has had, as far as clocks go. */
  newId(): bigint {
    const id = (BigInt(this.memberBits) << 48n) | BigInt(this.nextSequence);
    this.nextSequence = (this.nextSequence + 1) % two48;
    return id;
  }

  /** Proposals that ended with a timeout, or with this member. */
  failedCount = 0;

  get isEmpty(): boolean {
    return this.queue.length === 0;
  }

  /** Proposals that were accepted and not answered yet. */
  get pendingCount(): number {
    return this.waiting.size;
  }

  /**
   * Copies `message[start, end)`, the marshalled request that goes into `field` of InternalRaftRequest. Refuses with TooManyRequests what
   * would let the queue outgrow its bound, as it does in time without a leader.
   */
  add(field: number, message: Uint8Array, start: number, end: number, proposer: Proposer): void {
    if (this.queue.length > 0 && this.queuedBytes + (end - start) > queuedBytesMax) {
      proposer.refused("TooManyRequests");
      return;
    }
    const sequence = this.nextSequence;
    const idHigh = this.memberBits * 65536 + Math.floor(sequence / two32);
    const writer = this.slabWithRoom(end - start + internalRaftOverheadBytes);
    const from = writer.position;
    encodeInternalRaft(writer, idHigh, sequence % two32, field, message, start, end);
    if (writer.position - from > this.requestBytesMax) {
      writer.position = from;
      this.seconds?.observe(field, false, 0);
      proposer.refused("RequestTooLarge");
      return;
    }
    const data = writer.buffer.subarray(from, writer.position);
    this.nextSequence = (sequence + 1) % two48;
    this.queuedBytes += data.length;
    this.queue.push({ type: entryType.normal, data });
    const deadlineMs = this.clock.monotonicMs() + this.timeoutMs;
    this.waiting.set(sequence, { proposer, field, deadlineMs });
  }

  /** The next batch, in order of arrival: bounded, so that a turn stays short, and by what the caller says; at least one. */
  take(bytesMax = batchBytesMax): readonly Proposal[] {
    let bytes = 0;
    let count = 0;
    const end = Math.min(this.queue.length, batchEntriesMax);
    while (count < end && bytes < Math.min(bytesMax, batchBytesMax)) {
      bytes += (this.queue[count] as Proposal).data.length;
      count += 1;
    }
    this.queuedBytes -= bytes;
    if (count === this.queue.length) {
      const all = this.queue;
      this.queue = [];
      return all;
    }
    return this.queue.splice(0, count);
  }

  /** A batch that `take` gave out in this turn was not proposed: it is the first again. */
  putBack(batch: readonly Proposal[]): void {
    this.queue = [...batch, ...this.queue];
    for (const { data } of batch) this.queuedBytes += data.length;
  }

  /** The one who waits for the entry with this request id, if it is ours and still waits. `nowMs`: monotonic, if it is known. */
  resolve(idHigh: number, idLow: number, nowMs?: number): Proposer | undefined {
    if (idHigh >>> 16 !== this.memberBits) return undefined;
    const sequence = (idHigh & 0xffff) * two32 + idLow;
    const waiting = this.waiting.get(sequence);
    if (waiting === undefined) return undefined;
    this.waiting.delete(sequence);
    this.measure(waiting, true, nowMs);
    return waiting.proposer;
  }

  private measure({ field, deadlineMs }: Waiting, isSuccess: boolean, nowMs?: number): void {
    if (this.seconds === undefined) return;
    const sinceMs = deadlineMs - this.timeoutMs;
    const now = nowMs ?? this.clock.monotonicMs();
    this.seconds.observe(field, isSuccess, (now - sinceMs) / 1000);
  }

  /**
   * Refuses what waited too long. What was proposed may still be applied later: a timeout says nothing about that. What was not, for want
   * of a leader, never will be.
   */
  expire(): void {
    const now = this.clock.monotonicMs();
    const late: Waiting[] = [];
    for (const [sequence, waiting] of this.waiting) {
      if (waiting.deadlineMs > now) break;
      late.push(waiting);
      this.waiting.delete(sequence);
    }
    if (late.length === 0) return;
    this.failedCount += late.length;
    // The queue holds the last ones of those that wait.
    const dropped = this.queue.splice(0, Math.max(0, this.queue.length - this.waiting.size));
    for (const { data } of dropped) this.queuedBytes -= data.length;
    for (const waiting of late) {
      this.measure(waiting, false, now);
      waiting.proposer.refused(this.timeoutError(waiting.deadlineMs - this.timeoutMs));
    }
  }

  refuseAll(error: EtcdErrorKind): void {
    const all = [...this.waiting.values()];
    this.failedCount += all.length;
    this.waiting.clear();
    this.queue = [];
    this.queuedBytes = 0;
    for (const waiting of all) {
      this.measure(waiting, false);
      waiting.proposer.refused(error);
    }
  }

  /** Entries are views of a slab that lives as long as one of them: one allocation serves hundreds of proposals. */
  private slabWithRoom(bytes: number): Writer {
    if (this.slab.position + bytes > this.slab.buffer.length) {
      this.slab = new Writer(Math.max(proposalSlabBytes, bytes));
    }
    return this.slab;
  }
}
