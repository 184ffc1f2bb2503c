/**
 * Keepalive of one connection, by grpc-go's rules: clients that ping too often are sent away, clients that are silent for long are
 * asked whether they are there. Decides only; the connection writes and closes.
 */
import { ConnectionError } from "./connection-error.ts";
import { errorCode } from "./frame.ts";
import {
  keepaliveIdleMinTimeMs,
  keepaliveIntervalMs,
  keepaliveMinTimeMs,
  keepaliveMinTimeUnsetMs,
  keepaliveTimeoutMs,
  pingStrikesMax,
} from "./limits.ts";

/** All in milliseconds; what is left out is etcd's default. */
export interface KeepaliveOptions {
  /** Between two PINGs of a client with calls under way; 0: grpc-go's default, five minutes. */
  readonly keepaliveMinTimeMs?: number | undefined;
  /** Silence after which we send a PING. When this or the next is 0, both are grpc-go's defaults, as in etcd. */
  readonly keepaliveIntervalMs?: number | undefined;
  /** How long we wait for any sign after our PING. */
  readonly keepaliveTimeoutMs?: number | undefined;
}

export interface KeepaliveTimes {
  readonly minTimeMs: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export function keepaliveTimes(options: KeepaliveOptions): KeepaliveTimes {
  const minTimeMs = options.keepaliveMinTimeMs ?? keepaliveMinTimeMs;
  const intervalMs = options.keepaliveIntervalMs ?? keepaliveIntervalMs;
  const timeoutMs = options.keepaliveTimeoutMs ?? keepaliveTimeoutMs;
  const isUnset = intervalMs === 0 || timeoutMs === 0;
  return {
    minTimeMs: minTimeMs === 0 ? keepaliveMinTimeUnsetMs : minTimeMs,
    intervalMs: isUnset ? keepaliveIntervalMs : intervalMs,
    timeoutMs: isUnset ? keepaliveTimeoutMs : timeoutMs,
  };
}

export class Keepalive {
  /** When bytes came last; kept by the connection. */
  lastReadMs: number;
  private readonly times: KeepaliveTimes;
  private lastPingMs = -Infinity;
  private strikes = 0;
  /** When we asked; -1: nothing is asked. */
  private askedMs = -1;

  constructor(times: KeepaliveTimes, nowMs: number) {
    this.times = times;
    this.lastReadMs = nowMs;
  }

  /**
   * The client sent a PING; `hasAnswered`: HEADERS or DATA went to it since its last one, which makes every PING fair (grpc-go's clients
   * measure the bandwidth with them). @throws ConnectionError ENHANCE_YOUR_CALM
   */
  onPing(nowMs: number, hasStreams: boolean, hasAnswered: boolean): void {
    const sinceMs = nowMs - this.lastPingMs;
    this.lastPingMs = nowMs;
    if (hasAnswered) {
      this.strikes = 0;
    } else if (sinceMs < (hasStreams ? this.times.minTimeMs : keepaliveIdleMinTimeMs)) {
      this.strikes++;
      if (this.strikes > pingStrikesMax)
        throw new ConnectionError(errorCode.enhanceYourCalm, "too_many_pings");
    }
  }

  /** "ask": a PING is to be sent now. "gone": nothing has come since, within the time. */
  tick(nowMs: number): "ask" | "gone" | "fine" {
    if (nowMs - this.lastReadMs < this.times.intervalMs) {
      this.askedMs = -1;
    } else if (this.askedMs < 0) {
      this.askedMs = nowMs;
      return "ask";
    } else if (nowMs - this.askedMs >= this.times.timeoutMs) {
      return "gone";
    }
    return "fine";
  }
}
