/**
 * How long the calls of one method take, from the beginning of their handler to their end: etcd's grpc_server_handling_seconds, which it has
 * with --metrics extensive alone. A method that is not measured has no such object, and its calls read no clock.
 */
import { Histogram } from "../lib/histogram.ts";
import type { Clock } from "../lib/ports.ts";

/** Prometheus' default ones (client_golang, DefBuckets). */
const boundsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Where a call keeps the time at which it began. */
export interface TimedCall {
  /** Monotonic milliseconds; 0 when it is not measured. */
  beganMs: number;
}

export class HandlingTime {
  readonly seconds = new Histogram(boundsSeconds);
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  began(call: TimedCall): void {
    call.beganMs = this.clock.monotonicMs();
  }

  ended(call: TimedCall): void {
    this.seconds.observe((this.clock.monotonicMs() - call.beganMs) / 1000);
  }
}
