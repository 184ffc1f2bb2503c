/**
 * Notices that this leader sends its heartbeats late (etcd's TimeoutDetector, pkg/contention): a follower that hears nothing campaigns, and the cause is
 * here. Here that is most often an event loop that stood still.
 */
import { goDurationText } from "../lib/go-units.ts";
import type { Clock, Logger } from "../lib/ports.ts";
import { idToHex, type MemberId } from "../lib/units.ts";

export interface HeartbeatWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The time between two heartbeats. */
  readonly heartbeatMs: number;
}

export class HeartbeatWatch {
  /** Heartbeats that left late (etcd_server_heartbeat_send_failures_total). */
  lateCount = 0;
  private readonly options: HeartbeatWatchOptions;
  private readonly sentMs = new Map<MemberId, number>();

  constructor(options: HeartbeatWatchOptions) {
    this.options = options;
  }

  /** A new term of leading begins: what lay before it was nobody's lateness. */
  reset(): void {
    this.sentMs.clear();
  }

  /** A heartbeat leaves. */
  sent(to: MemberId): void {
    const { clock, logger, heartbeatMs } = this.options;
    const nowMs = clock.monotonicMs();
    const lateMs = nowMs - (this.sentMs.get(to) ?? nowMs) - 2 * heartbeatMs;
    this.sentMs.set(to, nowMs);
    if (lateMs <= 0) return;
    this.lateCount += 1;
    logger.warn(
      "leader failed to send out heartbeat on time; took too long, leader is overloaded likely from slow disk",
      {
        to: idToHex(to),
        "heartbeat-interval": goDurationText(heartbeatMs),
        "expected-duration": goDurationText(2 * heartbeatMs),
        "exceeded-duration": goDurationText(lateMs),
      },
    );
  }
}
