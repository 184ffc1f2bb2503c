/** Waiting for what a cluster does in its own time. */
import { setTimeout as sleep } from "node:timers/promises";

const pollMs = 50;

/** What `look` finds, as soon as it finds something; throws when the time is over. A look that fails has found nothing. */
export async function until<Found>(
  what: string,
  look: () => Promise<Found | undefined> | Found | undefined,
  timeoutMs = 30_000,
): Promise<Found> {
  const deadlineMs = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause: lastError });
    }
    await sleep(pollMs);
  }
}
