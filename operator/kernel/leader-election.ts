/**
 * Leader election by Lease, as client-go's leaderelection does it: campaign, lead with renewals, and give the lease back only when the
 * work has ended. A term that is lost is not taken up again: the program ends, and its successor starts from nothing.
 */
import type { ApiClient } from "./api-client.ts";
import { ApiError } from "./api-error.ts";
import { assert } from "./assert.ts";
import { fraction, isAborted, sleep } from "./backoff.ts";
import { Leadership } from "./leadership.ts";
import { LeaseLock, type LockResult } from "./lease-lock.ts";
import type { Ports } from "./ports.ts";
import type { ObjectRef } from "./resource.ts";

export interface ElectionTimes {
  /** How long the others wait after the last sign of life. Whole seconds. */
  readonly leaseDurationMs: number;
  /** How long after its last renewal a leader still changes something. */
  readonly renewDeadlineMs: number;
  /** Between two attempts, and the time-out of one is twice this. */
  readonly retryPeriodMs: number;
}

/** client-go's and controller-runtime's. */
const defaultElectionTimes: ElectionTimes = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
};

export interface ElectionOptions {
  /** Without guard. */
  readonly client: ApiClient;
  readonly ports: Ports;
  readonly lease: ObjectRef;
  /** Of this process and no other ever: pod name and a random part. */
  readonly identity: string;
  readonly times?: ElectionTimes;
}

/** What runs during a term. `signal` aborts when it has to end; it has ended when its promise settles. */
export type Work = (leadership: Leadership, signal: AbortSignal) => Promise<void>;

/** Jitter of client-go: candidates that started together drift apart. */
const jitterFactor = 0.2;

export class LeaderElection {
  private readonly options: ElectionOptions;
  private readonly times: ElectionTimes;
  private readonly lock: LeaseLock;
  private lastHolder: string | undefined;

  constructor(options: ElectionOptions) {
    this.options = options;
    this.times = options.times ?? defaultElectionTimes;
    const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = this.times;
    assert(leaseDurationMs % 1000 === 0, "the Lease counts in whole seconds", leaseDurationMs);
    assert(
      renewDeadlineMs < leaseDurationMs,
      "the renew deadline must be below the lease duration",
    );
    assert(
      retryPeriodMs * (2 + jitterFactor) < renewDeadlineMs,
      "the renew deadline must leave room for a second attempt",
    );
    this.lock = new LeaseLock({ ...options, clock: options.ports.clock, leaseDurationMs });
  }

  /**
   * Waits for leadership, then runs `work` under it. "stopped": `signal` aborted, or the work ended by itself; the lease is given back.
   * "lost": the term ended before; the caller ends the process. Rejects with what the work rejected with.
   */
  async run(work: Work, signal: AbortSignal): Promise<"stopped" | "lost"> {
    const leadership = await this.campaign(signal);
    if (leadership === undefined) return "stopped";
    const { logger } = this.options.ports;
    logger.info("leading", { identity: this.options.identity, term: leadership.term });
    const stop = new AbortController();
    const end = (): void => stop.abort();
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    const workEnded = new AbortController();
    const working = work(leadership, stop.signal).finally(() => workEnded.abort());
    working.catch(() => undefined);
    await this.renewWhile(leadership, workEnded.signal);
    const isLost = !leadership.isLeading();
    leadership.end();
    end();
    signal.removeEventListener("abort", end);
    if (isLost) logger.error("leadership lost", { term: leadership.term });
    try {
      await working;
    } finally {
      // After the work, never before: a successor must not start beside it.
      if (!isLost) await this.release();
    }
    return isLost ? "lost" : "stopped";
  }

  private async campaign(signal: AbortSignal): Promise<Leadership | undefined> {
    while (!signal.aborted) {
      const result = await this.attempt(signal);
      if (result?.isHeld === true) {
        const leadership = new Leadership(this.options.ports.clock, this.times, result);
        // The answer may have taken longer than the term.
        if (leadership.isLeading()) return leadership;
      }
      await this.pause(signal);
    }
    return undefined;
  }

  /** Renews until the work has ended or the term has. */
  private async renewWhile(leadership: Leadership, workEnded: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = (): void => over.abort();
    workEnded.addEventListener("abort", end, { once: true });
    if (workEnded.aborted) end();
    while (!over.signal.aborted && leadership.isLeading()) {
      await this.pause(over.signal);
      if (isAborted(over.signal) || !leadership.isLeading()) break;
      // Not ended with the work: a renewal on its way would make the release fail.
      const result = await this.attempt(new AbortController().signal);
      if (result?.isHeld === true) leadership.renewed(result.sentAt);
      // Somebody else holds it although our term is not over: clocks or people interfered. Stop at once.
      else if (result !== undefined && result.holder !== this.options.identity) leadership.end();
    }
    workEnded.removeEventListener("abort", end);
  }

  /** Undefined when the attempt failed without a clear answer. */
  private async attempt(signal: AbortSignal): Promise<LockResult | undefined> {
    const timeoutMs = this.times.retryPeriodMs * 2;
    const { logger } = this.options.ports;
    try {
      const result = await this.lock.acquireOrRenew({ signal, timeoutMs, readTries: 1 });
      const holder = result.isHeld ? this.options.identity : result.holder;
      if (holder !== this.lastHolder) logger.info("lease holder changed", { holder });
      this.lastHolder = holder;
      return result;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!signal.aborted) {
        logger.warn("lease attempt failed", { kind: error.kind, error: error.message });
      }
      return undefined;
    }
  }

  private pause(signal: AbortSignal): Promise<void> {
    const { timers, random } = this.options.ports;
    const factor = 1 + jitterFactor * fraction(random);
    return sleep(timers, this.times.retryPeriodMs * factor, signal);
  }

  private async release(): Promise<void> {
    try {
      await this.lock.release({ timeoutMs: this.times.retryPeriodMs * 2 });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The next one waits until the lease expires.
      const { logger } = this.options.ports;
      logger.warn("the lease could not be given back", { kind: error.kind, error: error.message });
    }
  }
}
