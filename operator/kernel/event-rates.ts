/**
 * How many writes of Events there may be. Each pair of an object and its part (a cluster, one of its members) has a burst of its own, so that much news of
 * one hides nothing of the others; the rate of all bounds every write, counts of series included.
 *
 * The defaults are for 200 clusters on one operator. At once: a word on each of them, as after a restart, which tells anew of all that are stuck. Lasting:
 * 10 a second, about what a lost machine makes that carried a member of each (a dozen steps each, within some four minutes). The API server keeps Events for
 * an hour: 36,000 at most, of about a kilobyte. Of 200 clusters that are made in the same minute not every step is told (2,200 in 22 s in the test of so many).
 * That a single object cannot take it all is the other rate's work: 25 at once cover a member's whole life,
 * and then it has one in 30 s, 120 an hour.
 */
import type { Clock } from "./ports.ts";
import { type Rate, TokenBucket } from "./token-bucket.ts";

export interface EventRateOptions {
  /** Of all writes together. Default: 200 at once, 10 a second. */
  readonly rate?: Rate | undefined;
  /** Of new Events about one object, or one part of it. Default: 25 at once, one in 30 s. */
  readonly objectRate?: Rate | undefined;
}

const defaultRate: Rate = { burst: 200, perSecond: 10 };
const defaultObjectRate: Rate = { burst: 25, perSecond: 1 / 30 };
/** Buckets kept at a time: those of 200 clusters with their members, Secrets and Services. */
const bucketsMax = 4096;

export class EventRates {
  private readonly clock: Clock;
  private readonly all: TokenBucket;
  private readonly objectRate: Rate;
  /** For counts, which can wait: this much is left to new Events, which cannot. */
  private readonly keptForNew: number;
  /** In the order of their last use. */
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(clock: Clock, { rate = defaultRate, objectRate }: EventRateOptions) {
    this.clock = clock;
    this.all = new TokenBucket(clock, rate);
    this.keptForNew = Math.floor(rate.burst / 2);
    this.objectRate = objectRate ?? defaultObjectRate;
  }

  get bucketCount(): number {
    return this.buckets.size;
  }

  /** For a new Event. When it is false nothing was taken, neither from the object's rate nor from that of all. */
  takeForNew(parties: string): boolean {
    const bucket = this.bucketOf(parties);
    return bucket.has(1) && this.all.take() && bucket.take();
  }

  /** For one more write of an Event that there is. */
  takeForCount(): boolean {
    return this.all.has(this.keptForNew + 1) && this.all.take();
  }

  /** How long until takeForCount can be true. */
  get countWaitMs(): number {
    return this.all.msUntil(this.keptForNew + 1);
  }

  /** The one that was not used for the longest time makes room: it is the fullest, or nearly so. */
  private bucketOf(parties: string): TokenBucket {
    const bucket = this.buckets.get(parties) ?? new TokenBucket(this.clock, this.objectRate);
    this.buckets.delete(parties);
    this.buckets.set(parties, bucket);
    for (const oldest of this.buckets.keys()) {
      if (this.buckets.size <= bucketsMax) break;
      this.buckets.delete(oldest);
    }
    return bucket;
  }
}
