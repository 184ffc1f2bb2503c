/**
 * Keeps a store equal to a collection of the API server, for as long as it runs and whatever happens in between:
 *
 *     list in pages ─▸ watch from the list's resourceVersion ─▸ ended in order, silent, broken: watch on from the last event
 *          ▴                                                 └▸ 410, ERROR event, versions running backwards: list again
 *          └───────── every failure waits, longer each time, with jitter ──────────┘
 *
 * client-node's informer stops at the first error, asks for no bookmarks and trusts a silent connection; this is why it is not used.
 */
import type { ApiClient } from "./api-client.ts";
import { ApiError } from "./api-error.ts";
import { Backoff, fraction, isAborted, sleep } from "./backoff.ts";
import { listAll, pageSize } from "./pager.ts";
import type { Ports } from "./ports.ts";
import {
  apiVersionOf,
  isOlderVersion,
  type KubernetesObject,
  keyOf,
  type ResourceType,
} from "./resource.ts";
import type { Store } from "./store.ts";
import type { WatchEvent } from "./watch-events.ts";

export interface ReflectorTimes {
  /**
   * A watch on which nothing comes for so long, not even a bookmark, is given up. API servers send a bookmark about every minute.
   * Default: 150 s.
   */
  readonly silenceMs: number;
  /** The server is asked to end each watch after this time, up to twice as much. Default: 300 s, client-go's. */
  readonly watchSeconds: number;
  /** When a watch ends and the last list is older than this, list again: catches what a broken watch cache would hide. Default: 1 h. */
  readonly relistMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
}

const defaultTimes: ReflectorTimes = {
  silenceMs: 150_000,
  watchSeconds: 300,
  relistMs: 3_600_000,
  backoffBaseMs: 400,
  backoffMaxMs: 30_000,
};

/** A watch that ends sooner counts as a failure, or a broken server would be asked in a loop. */
const shortWatchMs = 1_000;

export interface ReflectorOptions {
  readonly client: ApiClient;
  readonly ports: Ports;
  readonly resource: ResourceType;
  readonly store: Store;
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly pageSize?: number;
  /** The part of an object that is stored, where that is not all of it. Name, namespace, uid and resourceVersion must be in it. */
  readonly keep?: (object: KubernetesObject) => KubernetesObject;
  readonly times?: Partial<ReflectorTimes>;
}

export class Reflector {
  private readonly options: ReflectorOptions;
  private readonly times: ReflectorTimes;
  private readonly backoff: Backoff;
  private readonly firstList = Promise.withResolvers<null>();
  private isListed = false;
  /** Everything up to it is in the store. Undefined: list before watching. */
  private version: string | undefined;
  private listedAtMs = Number.NEGATIVE_INFINITY;
  /** When the loop last turned or a watch last spoke. */
  private activeAtMs: number;

  constructor(options: ReflectorOptions) {
    this.options = options;
    this.times = { ...defaultTimes, ...options.times };
    const { backoffBaseMs, backoffMaxMs } = this.times;
    this.backoff = new Backoff(
      { baseMs: backoffBaseMs, maxMs: backoffMaxMs },
      options.ports.random,
    );
    this.activeAtMs = options.ports.clock.monotonicMs();
  }

  /**
   * How long the loop has neither tried nor heard anything. Failures count as tries: the watchdog and the time-outs bound it to a few
   * minutes whatever the server does, so more is a bug.
   */
  get idleMs(): number {
    return this.options.ports.clock.monotonicMs() - this.activeAtMs;
  }

  /** Whether the store has been equal to the collection once. Before that, absence means nothing. */
  get hasSynced(): boolean {
    return this.isListed;
  }

  /** Resolves after the first list; never rejects. */
  async whenSynced(): Promise<void> {
    await this.firstList.promise;
  }

  /**
   * Whether the store holds this version or a later one: a controller that has written waits with its next look into the store until its
   * own write is in it.
   */
  hasReached(resourceVersion: string): boolean {
    return this.version !== undefined && !isOlderVersion(this.version, resourceVersion);
  }

  /** Runs until `signal` aborts. Rejects only for a bug, such as a handler that throws. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.activeAtMs = this.options.ports.clock.monotonicMs();
      try {
        if (this.version === undefined) await this.list(signal);
        else await this.watch(this.version, signal);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (!isAborted(signal)) await this.recover(error, signal);
      }
    }
  }

  private async list(signal: AbortSignal): Promise<void> {
    const { client, resource, namespace, labelSelector, fieldSelector } = this.options;
    const startedMs = this.options.ports.clock.monotonicMs();
    const limit = this.options.pageSize ?? pageSize;
    const query = { namespace, labelSelector, fieldSelector, limit };
    // The reflector waits and tries again by itself.
    const list = await listAll(client, resource, query, { signal, readTries: 1 });
    if (signal.aborted) return;
    this.options.store.replace(list.items.map((item) => this.kept(item)));
    this.version = list.resourceVersion;
    this.listedAtMs = startedMs;
    this.isListed = true;
    this.firstList.resolve(null);
  }

  private async watch(from: string, signal: AbortSignal): Promise<void> {
    const { client, ports, resource, namespace, labelSelector, fieldSelector } = this.options;
    const controller = new AbortController();
    const end = (): void => controller.abort();
    signal.addEventListener("abort", end, { once: true });
    const watchdog = new Watchdog(ports, this.times.silenceMs, end);
    const startedMs = ports.clock.monotonicMs();
    const livedMs = (): number => ports.clock.monotonicMs() - startedMs;
    try {
      const timeoutSeconds = Math.ceil(this.times.watchSeconds * (1 + fraction(ports.random)));
      const query = { namespace, labelSelector, fieldSelector, resourceVersion: from };
      const events = await client.watch(resource, { ...query, timeoutSeconds }, controller.signal);
      for await (const event of events) {
        if (signal.aborted) return;
        watchdog.feed();
        this.activeAtMs = ports.clock.monotonicMs();
        this.take(event);
        if (livedMs() >= shortWatchMs) this.backoff.reset();
      }
    } finally {
      watchdog.stop();
      signal.removeEventListener("abort", end);
      controller.abort();
    }
    if (livedMs() < shortWatchMs) {
      throw new ApiError({ kind: "Unanswered", message: "the watch ended at once" });
    }
    if (ports.clock.monotonicMs() - this.listedAtMs > this.times.relistMs) this.version = undefined;
  }

  private take(event: WatchEvent): void {
    if (event.type === "ERROR") {
      // Whatever the reason: what the server lost on this watch is unknown.
      this.version = undefined;
      throw event.error;
    }
    if (event.type === "BOOKMARK") {
      this.advance(event.resourceVersion);
      return;
    }
    this.advance(event.object.metadata.resourceVersion ?? "");
    const object = this.kept(event.object);
    if (event.type === "DELETED") this.options.store.remove(object);
    else this.options.store.upsert(object);
  }

  /** Versions only grow, unless the server's own store was set back: then everything has to be read again. */
  private advance(to: string): void {
    if (this.version !== undefined && isOlderVersion(to, this.version)) {
      const from = this.version;
      this.version = undefined;
      throw new ApiError({
        kind: "Expired",
        message: `the resourceVersion went back from ${from} to ${to}`,
      });
    }
    this.version = to;
  }

  private kept(object: KubernetesObject): KubernetesObject {
    const { resource, keep } = this.options;
    const whole =
      object.apiVersion !== undefined && object.kind !== undefined
        ? object
        : { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
    return keep === undefined ? whole : keep(whole);
  }

  private async recover(error: ApiError, signal: AbortSignal): Promise<void> {
    const { ports, resource, namespace } = this.options;
    // "Expired" above all; but whatever else the server refuses, it may be our version.
    if (!error.isTransient) this.version = undefined;
    const waitMs = Math.max(this.backoff.nextMs(), error.retryAfterMs ?? 0);
    ports.logger.warn("list and watch failed, will go on", {
      resource: keyOf({ namespace, name: resource.plural }),
      kind: error.kind,
      error: error.message,
      relist: this.version === undefined,
      waitMs: Math.round(waitMs),
    });
    await sleep(ports.timers, waitMs, signal);
  }
}

/** Calls `bark` when it is not fed in time. One timer at a time: it looks at the clock when it fires. */
class Watchdog {
  private readonly ports: Ports;
  private readonly silenceMs: number;
  private readonly bark: () => void;
  private fedAtMs: number;
  private timer;

  constructor(ports: Ports, silenceMs: number, bark: () => void) {
    this.ports = ports;
    this.silenceMs = silenceMs;
    this.bark = bark;
    this.fedAtMs = ports.clock.monotonicMs();
    this.timer = ports.timers.after(silenceMs, () => this.look());
  }

  feed(): void {
    this.fedAtMs = this.ports.clock.monotonicMs();
  }

  stop(): void {
    this.timer.cancel();
  }

  private look(): void {
    const leftMs = this.fedAtMs + this.silenceMs - this.ports.clock.monotonicMs();
    if (leftMs <= 0) this.bark();
    else this.timer = this.ports.timers.after(leftMs, () => this.look());
  }
}
