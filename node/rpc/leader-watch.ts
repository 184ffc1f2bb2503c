/**
 * Ends streams whose client demands a leader once there has been none for three election timeouts (etcd interceptor.go, monitorLeader).
 * Such streams are costly to open anew, therefore one is more patient with them than with new calls.
 */
import type { Timer, Timers } from "../lib/ports.ts";

/** Samples without a leader, one each election timeout, after which streams end. */
const samplesMax = 3;

export interface LeaderWatchOptions {
  readonly timers: Timers;
  readonly electionTimeoutMs: number;
  readonly hasLeader: () => boolean;
}

export class LeaderWatch {
  private readonly options: LeaderWatchOptions;
  private readonly enders = new Set<() => void>();
  private timer: Timer | undefined;
  private samplesWithout = 0;

  constructor(options: LeaderWatchOptions) {
    this.options = options;
  }

  /** `lost` runs at most once, when the leader has been gone for too long. Returns how to forget it. */
  add(lost: () => void): () => void {
    const ender = (): void => lost();
    this.enders.add(ender);
    this.timer ??= this.options.timers.every(this.options.electionTimeoutMs, () => this.sample());
    return () => {
      this.enders.delete(ender);
      if (this.enders.size === 0) this.rest();
    };
  }

  private sample(): void {
    if (this.options.hasLeader()) {
      this.samplesWithout = 0;
      return;
    }
    this.samplesWithout += 1;
    if (this.samplesWithout < samplesMax) return;
    const enders = [...this.enders];
    this.enders.clear();
    this.rest();
    for (const end of enders) end();
  }

  private rest(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.samplesWithout = 0;
  }
}
