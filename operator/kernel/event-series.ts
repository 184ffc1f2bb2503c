/**
 * The series of Events: the same again within six minutes is one more count of the first Event, which is written at most once a minute. Knows when a count
 * is due; the recorder writes it.
 */
import type { Clock } from "./ports.ts";
import type { KubernetesObject } from "./resource.ts";

/** A series without news for so long is over (the API's own rule; client-go tools/events, finishTime). */
const seriesIdleMs = 6 * 60_000;
/** Between two writes of one series. */
const seriesFlushMs = 60_000;
/** Series kept at a time (as in client-go tools/record, maxLruCacheEntries): what the default rate begins within six minutes. */
const seriesMax = 4096;

export interface Series {
  readonly event: KubernetesObject;
  count: number;
  lastUnixMs: number;
  lastMs: number;
  /** Count that the server knows. */
  flushedCount: number;
  /** Of the last try; -Infinity before the first. */
  flushedMs: number;
  /** It waits to be sent: nothing else need see to it. */
  isQueued: boolean;
}

export class SeriesBook {
  private readonly clock: Clock;
  /** In the order of their last news. */
  private readonly series = new Map<string, Series>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.series.size;
  }

  /** Counts it to the series that goes on. False when there is none. */
  isCounted(key: string): boolean {
    const known = this.series.get(key);
    const nowMs = this.clock.monotonicMs();
    if (known === undefined || nowMs - known.lastMs >= seriesIdleMs) return false;
    known.count += 1;
    known.lastUnixMs = this.clock.unixMs();
    known.lastMs = nowMs;
    this.series.delete(key);
    this.series.set(key, known);
    return true;
  }

  /** The one without news for the longest time makes room; a count of it that is not written is lost. */
  begin(key: string, event: KubernetesObject): Series {
    const started: Series = {
      event,
      count: 1,
      lastUnixMs: this.clock.unixMs(),
      lastMs: this.clock.monotonicMs(),
      flushedCount: 0,
      flushedMs: Number.NEGATIVE_INFINITY,
      isQueued: false,
    };
    this.series.delete(key);
    this.series.set(key, started);
    for (const oldest of this.series.keys()) {
      if (this.series.size <= seriesMax) break;
      this.series.delete(oldest);
    }
    return started;
  }

  /** What is to be written now, and how long until the next one is due, a minute at most. Forgets series that are over and were tried to be written since. */
  due(): { readonly due: readonly Series[]; readonly waitMs: number } {
    const nowMs = this.clock.monotonicMs();
    const due: Series[] = [];
    let waitMs = seriesFlushMs;
    for (const [key, series] of this.series) {
      const isOver = nowMs - series.lastMs >= seriesIdleMs;
      if (isOver && (series.flushedMs >= series.lastMs || series.isQueued)) {
        this.series.delete(key);
        continue;
      }
      if (series.count === series.flushedCount || series.isQueued) continue;
      const dueInMs = series.flushedMs + seriesFlushMs - nowMs;
      if (dueInMs <= 0) due.push(series);
      else waitMs = Math.min(waitMs, dueInMs);
    }
    return { due, waitMs };
  }
}
