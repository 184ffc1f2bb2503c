/**
 * Tells of unary calls that took long (etcd's --warning-unary-request-duration, v3rpc/interceptor.go). Time is that of the server's coarse clock, so a call that
 * is a tick longer than the threshold may go untold, and asking costs a call one comparison. What the request says is not told: its bytes are gone by then, and
 * "apply request took too long" has it.
 */
import { goDurationText } from "../lib/go-units.ts";
import type { Clock, Logger } from "../lib/ports.ts";
import type { Call } from "./call.ts";

/** A message's prefix on the wire. */
const prefixBytes = 5;

export class SlowCalls {
  readonly thresholdMs: number;
  private readonly clock: Clock;
  private readonly logger: Logger;

  /** `thresholdMs`: Infinity tells of none. */
  constructor(thresholdMs: number, ports: { readonly clock: Clock; readonly logger: Logger }) {
    this.thresholdMs = thresholdMs;
    this.clock = ports.clock;
    this.logger = ports.logger;
  }

  /** `call` was answered with so many bytes. Streaming calls, and what is no call of ours, are passed over. */
  answered(call: Call, responseBytes: number): void {
    const { route } = call.head;
    if (route === null || call.stream !== null || !call.isDelivered) return;
    const { ageMs } = call;
    this.logger.warn("request stats", {
      "start time": new Date(this.clock.unixMs() - ageMs).toISOString(),
      "time spent": goDurationText(ageMs),
      remote: call.remoteAddress,
      "response type": route.path,
      "request count": -1,
      "request size": Math.max(0, call.bodyBytes - prefixBytes),
      "response count": -1,
      "response size": responseBytes,
      "request content": "",
    });
  }
}
