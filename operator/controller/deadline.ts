/** A time limit for several calls together: a worker must not be held for long by a server that is slow or gone. */
import type { Timers } from "../kernel/ports.ts";

/** Runs `run` with a signal that aborts after `limitMs`, or with `outer`. Nothing of it is left behind when the promise settles. */
export async function withinLimit<Value>(
  timers: Timers,
  limitMs: number,
  outer: AbortSignal,
  run: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = timers.after(limitMs, abort);
  if (outer.aborted) abort();
  outer.addEventListener("abort", abort, { once: true });
  try {
    return await run(controller.signal);
  } finally {
    timer.cancel();
    outer.removeEventListener("abort", abort);
  }
}
