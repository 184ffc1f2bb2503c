/**
 * Tells people what happened, as Events (events.k8s.io/v1). The same thing again within six minutes becomes one more count in the
 * series of the first Event, written at most once a minute. Events are words, not state: recording never waits, never throws, and what
 * exceeds the rates is dropped and counted.
 */
import type { ApiClient } from "./api-client.ts";
import { ApiError, isApiError } from "./api-error.ts";
import { backoffMs, sleep } from "./backoff.ts";
import { microTime } from "./micro-time.ts";
import type { Ports } from "./ports.ts";
import type { KubernetesObject, ResourceType } from "./resource.ts";
import { type Rate, TokenBucket } from "./token-bucket.ts";

export const eventResource: ResourceType = {
  group: "events.k8s.io",
  version: "v1",
  plural: "events",
  kind: "Event",
  isNamespaced: true,
};

export interface EventText {
  readonly type: "Normal" | "Warning";
  /** Why, in UpperCamelCase, for programs: at most 128 characters. */
  readonly reason: string;
  /** What was done or tried, in UpperCamelCase: at most 128 characters. */
  readonly action: string;
  /** For people; cut at 1024 characters. */
  readonly note: string;
}

export interface RecorderOptions {
  readonly client: ApiClient;
  readonly ports: Ports;
  /** Qualified name of the program, such as "etcd-ts.dev/operator". */
  readonly controller: string;
  /** Which one of several: the pod's name. */
  readonly instance: string;
  /** For all objects together. Default: 50 at once, 2 a second. */
  readonly rate?: Rate;
  /** For one object. Default: 25 at once, one in 30 s. */
  readonly objectRate?: Rate;
}

const defaultRate: Rate = { burst: 50, perSecond: 2 };
const defaultObjectRate: Rate = { burst: 25, perSecond: 1 / 30 };
const noteLengthMax = 1024;
/** A series without news for so long is over (the API's own rule). */
const seriesIdleMs = 6 * 60_000;
/** Between two writes of one series. */
const seriesFlushMs = 60_000;
/** Series kept at a time; the oldest one makes room. */
const seriesMax = 1024;
/** Waiting to be sent; more are dropped. */
const outboxMax = 256;
const sendTries = 4;
const sendBackoff = { baseMs: 500, maxMs: 10_000 };

interface Series {
  readonly event: KubernetesObject;
  count: number;
  lastUnixMs: number;
  lastMs: number;
  /** Count that the server knows, or is being told. */
  flushedCount: number;
  flushedMs: number;
  isQueued: boolean;
}

export class EventRecorder {
  private readonly options: RecorderOptions;
  private readonly bucket: TokenBucket;
  private readonly objectBuckets = new Map<string, TokenBucket>();
  /** In order of their last news. */
  private readonly series = new Map<string, Series>();
  private readonly outbox: Series[] = [];
  private wake: () => void = () => undefined;
  private dropped = 0;

  constructor(options: RecorderOptions) {
    this.options = options;
    this.bucket = new TokenBucket(options.ports.clock, options.rate ?? defaultRate);
  }

  /** Events that were not sent because of a rate, a full outbox, or a server that did not take them. */
  get droppedCount(): number {
    return this.dropped;
  }

  /** Returns at once; `run` sends. `regarding` needs apiVersion, kind and, to be found by kubectl describe, its uid. */
  record(regarding: KubernetesObject, text: EventText): void {
    const key = seriesKey(regarding, text);
    const { clock } = this.options.ports;
    const known = this.series.get(key);
    if (known !== undefined && clock.monotonicMs() - known.lastMs < seriesIdleMs) {
      known.count += 1;
      known.lastUnixMs = clock.unixMs();
      known.lastMs = clock.monotonicMs();
      this.series.delete(key);
      this.series.set(key, known);
      this.wake();
      return;
    }
    if (!this.mayRecord(regarding)) {
      this.drop("rate");
      return;
    }
    const started = this.newSeries(regarding, text);
    this.series.delete(key);
    this.series.set(key, started);
    this.enqueue(started);
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

  /** Puts series whose counts are due into the outbox and forgets those that are over. How long until the next one is due. */
  private enqueueDue(): number {
    const nowMs = this.options.ports.clock.monotonicMs();
    let waitMs = seriesFlushMs;
    for (const [key, series] of this.series) {
      const isOver = nowMs - series.lastMs >= seriesIdleMs;
      if (isOver) this.series.delete(key);
      if (series.count === series.flushedCount || series.isQueued) continue;
      const dueInMs = series.flushedMs + seriesFlushMs - nowMs;
      if (dueInMs <= 0 || isOver) this.enqueue(series);
      else waitMs = Math.min(waitMs, dueInMs);
    }
    while (this.series.size > seriesMax) {
      const [oldest] = this.series.keys();
      if (oldest !== undefined) this.series.delete(oldest);
    }
    for (const [key, bucket] of this.objectBuckets) {
      if (bucket.isFull) this.objectBuckets.delete(key);
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

  private mayRecord(regarding: KubernetesObject): boolean {
    const { clock } = this.options.ports;
    const key = regarding.metadata.uid ?? objectKey(regarding);
    let bucket = this.objectBuckets.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket(clock, this.options.objectRate ?? defaultObjectRate);
      this.objectBuckets.set(key, bucket);
    }
    return bucket.take() && this.bucket.take();
  }

  private drop(why: string): void {
    this.dropped += 1;
    this.options.ports.logger.debug("event dropped", { why, dropped: this.dropped });
  }

  private newSeries(regarding: KubernetesObject, text: EventText): Series {
    const { clock, random } = this.options.ports;
    const unixMs = clock.unixMs();
    const { name, namespace, uid, resourceVersion } = regarding.metadata;
    // The suffix is drawn once: creating the same Event again after a lost answer finds it there.
    const suffix = `${unixMs.toString(16)}${random.uint32().toString(16).padStart(8, "0")}`;
    // Cut so that the whole stays a DNS name.
    const prefix = name.slice(0, 200).replace(/[^a-z0-9]+$/, "");
    const event: KubernetesObject = {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: `${prefix}.${suffix}`, namespace: namespace ?? "default" },
      eventTime: microTime(unixMs),
      reportingController: this.options.controller,
      reportingInstance: this.options.instance,
      regarding: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        name,
        namespace,
        uid,
        resourceVersion,
      },
      ...text,
      note: text.note.slice(0, noteLengthMax),
    };
    const lastMs = clock.monotonicMs();
    const times = { lastUnixMs: unixMs, lastMs, flushedMs: Number.NEGATIVE_INFINITY };
    return { event, count: 1, flushedCount: 0, isQueued: false, ...times };
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

function objectKey(object: KubernetesObject): string {
  const { name, namespace } = object.metadata;
  return JSON.stringify([object.kind, namespace, name]);
}

/** The note is no part of it: it may hold a number that differs each time. */
function seriesKey(regarding: KubernetesObject, text: EventText): string {
  const { type, reason, action } = text;
  return JSON.stringify([objectKey(regarding), regarding.metadata.uid, type, reason, action]);
}
