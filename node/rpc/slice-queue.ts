/**
 * Long answers are made in slices, so that the event loop is held for some milliseconds at most whatever many clients ask for. Jobs
 * take turns; one that fits into its first slice is answered in the turn it came in.
 */
import type { Clock, Timers } from "../lib/ports.ts";

export interface SlicedJob {
  /** Works for some milliseconds at most; false when the job is finished. */
  step(): boolean;
  /** The first step will be in a later turn: what belongs to this one must be copied. */
  defer(): void;
}

/** What slices may take of one turn. A slice itself takes as much at most. */
const turnMs = 5;

export class SliceQueue {
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly jobs: SlicedJob[] = [];
  private isScheduled = false;
  /** Time that first slices took in this turn; it counts from 0 again once the turn is over. */
  private spentMs = 0;
  private isCounting = false;

  private readonly turn = (): void => {
    this.isScheduled = false;
    const { jobs, clock } = this;
    const untilMs = clock.monotonicMs() + turnMs;
    do {
      const job = jobs.shift();
      if (job === undefined) return;
      if (job.step()) jobs.push(job);
    } while (jobs.length > 0 && clock.monotonicMs() < untilMs);
    this.schedule();
  };

  private readonly turnEnded = (): void => {
    this.isCounting = false;
    this.spentMs = 0;
  };

  constructor(ports: { readonly clock: Clock; readonly timers: Timers }) {
    this.clock = ports.clock;
    this.timers = ports.timers;
  }

  /** Takes the first step now if this turn has time for it. */
  start(job: SlicedJob): void {
    if (this.spentMs >= turnMs) {
      job.defer();
      this.add(job);
      return;
    }
    if (!this.isCounting) {
      this.isCounting = true;
      this.timers.endOfTurn(this.turnEnded);
    }
    const startMs = this.clock.monotonicMs();
    if (job.step()) this.add(job);
    this.spentMs += this.clock.monotonicMs() - startMs;
  }

  /** The next step is taken in a later turn. */
  add(job: SlicedJob): void {
    this.jobs.push(job);
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled || this.jobs.length === 0) return;
    this.isScheduled = true;
    this.timers.after(0, this.turn);
  }
}
