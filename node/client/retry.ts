/** When a call that was cut off is begun again, as etcd's clients do it (client/v3/client.go, isHaltErr). */
import { status } from "@grpc/grpc-js";
import { ClientError } from "./client-error.ts";

const firstDelayMs = 20;
const delayMsMax = 500;

/** The server, or another one, will be there again: the call may be begun anew. */
export const isTransient = (error: unknown): boolean =>
  error instanceof ClientError &&
  (error.code === status.UNAVAILABLE || error.code === status.INTERNAL);

/** Waits longer from time to time, until something has succeeded. */
export class Backoff {
  private delayMs = firstDelayMs;

  succeeded(): void {
    this.delayMs = firstDelayMs;
  }

  /** Resolves at once when the signal is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    const delayMs = this.delayMs;
    this.delayMs = Math.min(delayMs * 2, delayMsMax);
    await sleep(delayMs, signal);
  }
}

/** Resolves after the time, or when the signal is aborted. */
export function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal.addEventListener("abort", end);
  });
}
