/**
 * What all connections of a server keep in memory for their peers: bytes of requests that no handler has taken, and of answers that no
 * window or socket takes. Counts only; who refuses what at which bound stands in limits.ts.
 */
import {
  assemblyBytesMax,
  assemblyBytesTotalMax,
  connectionShareBytes,
  queuedReplyBytesTotalMax,
} from "./limits.ts";

export interface MemoryLimits {
  readonly assemblyBytesTotalMax: number;
  readonly queuedReplyBytesTotalMax: number;
  /** A connection that keeps no more than this is not refused for what others keep. */
  readonly connectionShareBytes: number;
}

const usualLimits: MemoryLimits = {
  assemblyBytesTotalMax,
  queuedReplyBytesTotalMax,
  connectionShareBytes,
};

export class MemoryBudget {
  assemblyBytes = 0;
  queuedReplyBytes = 0;
  private readonly limits: MemoryLimits;

  constructor(limits: MemoryLimits = usualLimits) {
    this.limits = limits;
  }

  /** `own`: what the connection that asks keeps already. */
  hasRoomToAssemble(own: number): boolean {
    const { assemblyBytesTotalMax: most, connectionShareBytes: share } = this.limits;
    return this.assemblyBytes <= most || own <= share;
  }

  hasRoomForReplies(own: number): boolean {
    const { queuedReplyBytesTotalMax: most, connectionShareBytes: share } = this.limits;
    return this.queuedReplyBytes <= most || own <= share;
  }

  /** Connections that keep more than their share must go, those with most first, until this is false. */
  get isExceeded(): boolean {
    const { assemblyBytesTotalMax: requests, queuedReplyBytesTotalMax: replies } = this.limits;
    return this.assemblyBytes > requests || this.queuedReplyBytes > replies;
  }

  isHoard(own: number): boolean {
    return own > this.limits.connectionShareBytes;
  }
}

/** The share of one connection in what waits for handlers. */
export class AssemblyMeter {
  bytes = 0;
  private readonly budget: MemoryBudget;

  constructor(budget: MemoryBudget) {
    this.budget = budget;
  }

  /** False: that was too much, and the call whose bytes they are must fail; they are counted all the same. */
  add(count: number): boolean {
    this.bytes += count;
    this.budget.assemblyBytes += count;
    return this.bytes <= assemblyBytesMax && this.budget.hasRoomToAssemble(this.bytes);
  }

  release(count: number): void {
    this.bytes -= count;
    this.budget.assemblyBytes -= count;
  }
}
