/** A lessor with a clock that a test sets, and a lease bucket in memory. */
import type { BucketEntry } from "../../../node/backend/buckets.ts";
import { type Lease, maxTtlSeconds } from "../../../node/lease/lease.ts";
import { Lessor } from "../../../node/lease/lessor.ts";

export { maxTtlSeconds };

class HandClock {
  nowMs = 1000;

  monotonicMs(): number {
    return this.nowMs;
  }

  /** The wall clock jumps as it likes. */
  unixMs(): number {
    return 1_700_000_000_000 - this.nowMs * 1000;
  }
}

class MemoryBucket {
  readonly records = new Map<string, Uint8Array>();

  put(_bucket: string, key: Uint8Array, value: Uint8Array): void {
    this.records.set(Buffer.from(key).toString("hex"), value);
  }

  delete(_bucket: string, key: Uint8Array): void {
    this.records.delete(Buffer.from(key).toString("hex"));
  }

  entries(): BucketEntry[] {
    return [...this.records].map(([key, value]) => ({ key: Buffer.from(key, "hex"), value }));
  }
}

export class LessorLab {
  readonly clock = new HandClock();
  readonly bucket = new MemoryBucket();
  lessor: Lessor;
  private readonly checkpointIntervalMs: number | undefined;

  constructor(options: { readonly checkpointIntervalMs?: number } = {}) {
    this.checkpointIntervalMs = options.checkpointIntervalMs;
    this.lessor = this.newLessor();
  }

  /** As after a restart: from what the bucket holds. */
  newLessor(): Lessor {
    const { bucket: backend, clock, checkpointIntervalMs } = this;
    return new Lessor({ backend, clock, minTtlSeconds: 2, checkpointIntervalMs });
  }

  static primary(): LessorLab {
    const lab = new LessorLab();
    lab.lessor.promote(0);
    return lab;
  }

  grant(id: bigint, ttlSeconds: number): Lease {
    const lease = this.lessor.grant(id, ttlSeconds);
    if (typeof lease === "string") throw new Error(lease);
    return lease;
  }

  pass(seconds: number): void {
    this.clock.nowMs += seconds * 1000;
  }

  left(id: bigint): number {
    const lease = this.lessor.get(id);
    return lease === undefined ? NaN : this.lessor.remainingMs(lease) / 1000;
  }

  expired(max = 1000, retryMs = 3000): bigint[] {
    return this.lessor.takeExpired(max, retryMs);
  }
}
