/**
 * Waiting for a cluster: ask again until it is so, tell from time to time what is waited for, give up with the last
 * thing that was seen.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { say } from "./log.ts";

export interface WaitOptions {
  /** Default two minutes. */
  readonly timeoutMs?: number;
  /** From one look to the next; default 200 ms. */
  readonly everyMs?: number;
}

/**
 * Calls `probe` until it returns undefined ("nothing is missing any more"). A string says what is still missing. An
 * error of the probe ends the waiting. Throws after the time-out, with what was missing last.
 */
export async function until(
  what: string,
  probe: () => Promise<string | undefined>,
  { timeoutMs = 120_000, everyMs = 200 }: WaitOptions = {},
): Promise<void> {
  const beganMs = performance.now();
  let toldMs = beganMs;
  for (;;) {
    const missing = await probe();
    if (missing === undefined) return;
    const nowMs = performance.now();
    if (nowMs - beganMs > timeoutMs)
      throw new Error(`waited ${Math.round(timeoutMs / 1000)} s for ${what}: ${missing}`);
    if (nowMs - toldMs > 10_000) {
      toldMs = nowMs;
      say(`... waiting for ${what}: ${missing.trim().split("\n").at(-1)}`);
    }
    await sleep(everyMs);
  }
}
