/** A simulated world with one process in it, which is its clock and its timers: for tests of single parts and of one member. */
import type { Clock, Timer, Timers } from "../../node/lib/ports.ts";
import { World } from "../sim/world.ts";
import type { SeededRandom } from "./seeded-random.ts";

const epochMs = 1_700_000_000_000;

export class LabWorld extends World implements Clock, Timers {
  readonly random: SeededRandom = this.randomFor("lab");

  monotonicMs(): number {
    return this.nowMs;
  }

  unixMs(): number {
    return epochMs + Math.floor(this.nowMs);
  }

  /** What runs may settle promises. */
  override at(atMs: number, run: () => void): Timer {
    return super.at(atMs, () => {
      this.promised();
      run();
    });
  }

  override after(delayMs: number, run: () => void): Timer {
    return this.at(this.nowMs + delayMs, run);
  }

  every(periodMs: number, run: () => void): Timer {
    let isCancelled = false;
    const again = (): void => {
      if (isCancelled) return;
      run();
      this.after(periodMs, again);
    };
    this.after(periodMs, again);
    return {
      cancel: () => {
        isCancelled = true;
      },
    };
  }

  endOfTurn(run: () => void): void {
    this.soonAfter(() => {
      this.promised();
      run();
    });
  }
}
