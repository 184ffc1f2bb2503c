/** What a member remembers of its leaders: whether there is a new one, and which requests an election may have cost (etcd's updateLeadership). */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Clock } from "../lib/ports.ts";
import type { MemberId } from "../lib/units.ts";

const nobody = 0n as MemberId;

export interface LeadershipOptions {
  readonly id: MemberId;
  readonly clock: Clock;
  readonly electionTimeoutMs: number;
}

export class Leadership {
  /** Leaders seen since the start. */
  changes = 0;
  private readonly options: LeadershipOptions;
  private lead = nobody;
  /** When this member was last elected, on the monotonic clock. */
  private electedMs = -Infinity;

  constructor(options: LeadershipOptions) {
    this.options = options;
  }

  /** Takes note of the leader as raft has it now; true when it is a new one. */
  note(lead: MemberId): boolean {
    if (lead === this.lead) return false;
    this.lead = lead;
    if (lead === nobody) return false;
    this.changes += 1;
    if (lead === this.options.id) this.electedMs = this.options.clock.monotonicMs();
    return true;
  }

  /** What waited since before this member's election was perhaps lost with the leader before (etcd's parseProposeCtxErr). */
  timeoutError(sinceMs: number): EtcdErrorKind {
    const lostMs = this.electedMs - 2 * this.options.electionTimeoutMs;
    return sinceMs > lostMs && sinceMs < this.electedMs ? "TimeoutDueToLeaderFail" : "Timeout";
  }
}
