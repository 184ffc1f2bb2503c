/** The real clock, timers and luck of this process. The logger is the program's own and comes from its main file. */
import { randomFillSync } from "node:crypto";

import type { Clock, Random, Timers } from "./ports.ts";

export const processClock: Clock = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
};

/** setTimeout takes 31 bits of milliseconds and fires at once beyond them. */
const delayMsMax = 2 ** 31 - 1;

export const processTimers: Timers = {
  after(delayMs, run) {
    const handle = setTimeout(run, Math.min(Math.max(delayMs, 0), delayMsMax));
    return { cancel: () => clearTimeout(handle) };
  },
};

export const processRandom: Random = {
  uint32: () => randomFillSync(new Uint32Array(1))[0] ?? 0,
};
