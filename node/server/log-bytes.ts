/** How much memory the entries behind an index take, kept up by looking at each entry twice: when it comes in and when it leaves the window. */
import type { LogIndex } from "../lib/units.ts";
import type { Entry } from "../raft/types.ts";

/** The stable part of the log in memory, as far as it is looked at here. */
export interface LogInMemory {
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** Entries in [low, high), all of them there. */
  slice(low: LogIndex, high: LogIndex): readonly Entry[];
}

/** What an entry takes beside its data: the object, its place in the list, its share of a slab. */
export const entryOverheadBytes = 100;

export class LogBytes {
  private readonly log: LogInMemory;
  /** The window is [low, high). */
  private low = 0;
  private high = 0;
  private bytes = 0;

  constructor(log: LogInMemory) {
    this.log = log;
  }

  /** The log may have become another one. */
  reset(): void {
    this.low = 0;
    this.high = 0;
  }

  /** Bytes of the entries behind `index`, of those that are there. */
  behind(index: LogIndex): number {
    const { log } = this;
    const low = Math.max(index + 1, log.firstIndex);
    const high = log.lastIndex + 1;
    if (this.low < log.firstIndex || low >= this.high || high < this.high) {
      this.bytes = this.between(low, high);
    } else {
      if (low < this.low) this.bytes += this.between(low, this.low);
      else this.bytes -= this.between(this.low, low);
      this.bytes += this.between(this.high, high);
    }
    this.low = low;
    this.high = high;
    return this.bytes;
  }

  /** Bytes of the entries in [low, high), of those that are there. */
  between(low: number, high: number): number {
    const { log } = this;
    const from = Math.max(low, log.firstIndex);
    const to = Math.min(high, log.lastIndex + 1);
    if (from >= to) return 0;
    let bytes = 0;
    for (const { data } of log.slice(from as LogIndex, to as LogIndex))
      bytes += data.length + entryOverheadBytes;
    return bytes;
  }
}
