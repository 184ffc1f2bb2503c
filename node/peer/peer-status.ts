/**
 * Whether another member is connected (etcd rafthttp/peer_status.go): anything that worked makes it active, anything that failed makes it
 * inactive. Owns the log lines about that, one per change, and the counters of it.
 */
import type { Clock, Logger } from "../lib/ports.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import type { PeerCounters } from "./peer-stats.ts";

export interface PeerStatusOptions {
  readonly peerId: MemberId;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: PeerCounters;
}

/** What was tried on which channel, for the log: "failed to <action> <member> on <source> (<reason>)". */
export interface Failure {
  readonly source: string;
  readonly action: "dial" | "read" | "write" | "heartbeat";
  readonly reason: string;
}

export class PeerStatus {
  private readonly options: PeerStatusOptions;
  private sinceMs: number | undefined;

  constructor(options: PeerStatusOptions) {
    this.options = options;
  }

  get isActive(): boolean {
    return this.sinceMs !== undefined;
  }

  /** On the monotonic clock. */
  get activeSinceMs(): number | undefined {
    return this.sinceMs;
  }

  activate(): void {
    if (this.sinceMs !== undefined) return;
    const { peerId, clock, logger, counters } = this.options;
    this.sinceMs = clock.monotonicMs();
    counters.isActive = true;
    logger.info("peer became active", { "peer-id": idToHex(peerId) });
  }

  deactivate({ source, action, reason }: Failure): void {
    if (this.sinceMs === undefined) return;
    const { peerId, logger } = this.options;
    const id = idToHex(peerId);
    logger.warn("peer became inactive (message send to peer failed)", {
      "peer-id": id,
      error: `failed to ${action} ${id} on ${source} (${reason})`,
    });
    this.options.counters.disconnects += 1;
    this.forget();
  }

  /** The member is no peer any more. */
  forget(): void {
    this.sinceMs = undefined;
    this.options.counters.isActive = false;
  }
}
