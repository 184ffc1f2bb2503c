/**
 * Tells people what happened, as Events (events.k8s.io/v1). The same thing again becomes one more count of the first Event (event-series.ts). Events are
 * words, not state: recording never waits, never throws, and what exceeds the rates (event-rates.ts) is dropped and counted.
 */
import type { ApiClient } from "./api-client.ts";
import { ApiError, isApiError } from "./api-error.ts";
import { backoffMs, sleep } from "./backoff.ts";
import { type EventSource, type EventText, eventOf, partiesKeyOf, seriesKeyOf } from "./event.ts";
import { type EventRateOptions, EventRates } from "./event-rates.ts";
import { type Series, SeriesBook } from "./event-series.ts";
import { microTime } from "./micro-time.ts";
import type { ObjectReference } from "./object-reference.ts";
import type { Ports } from "./ports.ts";
import type { KubernetesObject, ResourceType } from "./resource.ts";

export const eventResource: ResourceType = {
  group: "events.k8s.io",
  version: "v1",
  plural: "events",
  kind: "Event",
  isNamespaced: true,
};

export interface RecorderOptions extends EventSource, EventRateOptions {
  readonly client: ApiClient;
  readonly ports: Ports;
}

/** Waiting to be sent; more are dropped. */
const outboxMax = 256;
const sendTries = 4;
const sendBackoff = { baseMs: 500, maxMs: 10_000 };

export class EventRecorder {
  private readonly options: RecorderOptions;
  private readonly rates: EventRates;
  private readonly book: SeriesBook;
  private readonly outbox: Series[] = [];
  private wake: () => void = () => undefined;
  private dropped = 0;

  constructor(options: RecorderOptions) {
    const { clock } = options.ports;
    this.options = options;
    this.rates = new EventRates(clock, options);
    this.book = new SeriesBook(clock);
  }

  /** Events that were not sent because of a rate, a full outbox, or a server that did not take them. */
  get droppedCount(): number {
    return this.dropped;
  }

  /** What is kept in memory, which is bounded. */
  get kept(): { readonly series: number; readonly buckets: number } {
    return { series: this.book.size, buckets: this.rates.bucketCount };
  }

  /**
   * Returns at once; `run` sends. `regarding` needs apiVersion, kind and, to be found by kubectl describe, its uid. `related` is the part of it that this is
   * about: events of equal texts about two parts are two, and each part has a rate of its own.
   */
  record(regarding: KubernetesObject, text: EventText, related?: ObjectReference): void {
    const happening = { regarding, related, text };
    const key = seriesKeyOf(happening);
    if (this.book.isCounted(key)) {
      this.wake();
      return;
    }
    if (!this.rates.takeForNew(partiesKeyOf(happening))) {
      this.drop("rate");
      return;
    }
    const { options } = this;
    this.enqueue(this.book.begin(key, eventOf(happening, options, options.ports)));
  }

  /** Sends until `signal` aborts; what is still unsent then is lost. */
  async run(signal: AbortSignal): Promise<void> {
    const { timers } = this.options.ports;
    while (!signal.aborted) {
      const next = this.outbox.shift();
      if (next !== undefined) {
        next.isQueued = false;
        await this.send(next, signal);
        continue;
      }
      const woken = new AbortController();
      this.wake = () => woken.abort();
      const wake = this.wake;
      signal.addEventListener("abort", wake, { once: true });
      const waitMs = this.enqueueDue();
      if (this.outbox.length === 0) await sleep(timers, waitMs, woken.signal);
      signal.removeEventListener("abort", wake);
    }
  }

  /** Sends what waits now and is not being sent by `run`: for programs that end. Takes no longer than the tries of what waits. */
  async flush(): Promise<void> {
    const { signal } = new AbortController();
    for (let next = this.outbox.shift(); next !== undefined; next = this.outbox.shift()) {
      next.isQueued = false;
      await this.send(next, signal);
    }
  }

  /** Puts series whose counts are due into the outbox, as far as the rate lets. How long until there may be more to do. */
  private enqueueDue(): number {
    const { due, waitMs } = this.book.due();
    for (const series of due) {
      // Nothing is lost by waiting: the count goes on.
      if (this.outbox.length >= outboxMax) break;
      if (!this.rates.takeForCount()) return Math.min(waitMs, this.rates.countWaitMs);
      this.enqueue(series);
    }
    return waitMs;
  }

  private enqueue(series: Series): void {
    if (this.outbox.length >= outboxMax) {
      this.drop("outbox");
      return;
    }
    series.isQueued = true;
    this.outbox.push(series);
    this.wake();
  }

  private drop(why: string): void {
    this.dropped += 1;
    this.options.ports.logger.debug("event dropped", { why, dropped: this.dropped });
  }

  private async send(series: Series, signal: AbortSignal): Promise<void> {
    const { ports } = this.options;
    for (let failures = 1; ; failures += 1) {
      try {
        await this.write(series, signal);
        return;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (signal.aborted) return;
        if (!error.isTransient || failures >= sendTries) {
          ports.logger.warn("event not sent", { kind: error.kind, error: error.message });
          this.drop("refused");
          return;
        }
        const waitMs = error.retryAfterMs ?? backoffMs(sendBackoff, failures, ports.random);
        await sleep(ports.timers, waitMs, signal);
      }
    }
  }

  private async write(series: Series, signal: AbortSignal): Promise<void> {
    const { client, ports } = this.options;
    const { count } = series;
    series.flushedMs = ports.clock.monotonicMs();
    if (series.flushedCount === 0) {
      try {
        await client.create(eventResource, series.event, { signal });
      } catch (error) {
        if (!isApiError(error, "AlreadyExists")) throw error;
      }
      series.flushedCount = 1;
      return;
    }
    const lastObservedTime = microTime(series.lastUnixMs);
    const body = { series: { count, lastObservedTime } };
    try {
      await client.patch(eventResource, series.event.metadata, body, { type: "merge", signal });
    } catch (error) {
      if (!isApiError(error, "NotFound")) throw error;
      // The server keeps Events for an hour. The same name is free again, and the count goes on.
      await client.create(eventResource, { ...series.event, ...body }, { signal });
    }
    series.flushedCount = count;
  }
}
