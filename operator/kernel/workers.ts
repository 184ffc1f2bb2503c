/** Runs a reconciler over the keys of a work queue: several keys at a time, each key by one worker at a time. */
import { ApiError, NotLeadingError } from "./api-error.ts";
import { AssertionError } from "./assert.ts";
import type { Ports } from "./ports.ts";
import type { WorkQueue } from "./work-queue.ts";

/** Look again after this time even if nothing changes; undefined waits for a change. */
export type Outcome = { readonly requeueAfterMs: number } | undefined;

/**
 * Makes the world fit what is wanted for one key, as the world is now. Throws for failures: the key comes back with a growing wait.
 * `signal` aborts when the work must end; afterwards mutations are refused anyway.
 */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<Outcome>;

/** Trying again cannot help before the object changes, as with a spec that no one can fulfil. */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
}

export interface WorkerOptions {
  readonly queue: WorkQueue;
  readonly ports: Ports;
  readonly reconcile: Reconcile;
  readonly workerCount: number;
}

/** Resolves when `signal` has aborted and the work under way has ended. Rejects for a bug, when all workers have ended. */
export async function runWorkers(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const end = (): void => {
    stop.abort();
    options.queue.shutDown();
  };
  if (signal.aborted) end();
  signal.addEventListener("abort", end, { once: true });
  const workers = Array.from({ length: options.workerCount }, () =>
    work(options, stop.signal).catch((error: unknown) => {
      end();
      throw error;
    }),
  );
  const results = await Promise.allSettled(workers);
  signal.removeEventListener("abort", end);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

async function work(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const { queue, reconcile } = options;
  for (;;) {
    const key = await queue.take();
    if (key === undefined) return;
    try {
      const outcome = await reconcile(key, signal);
      queue.forget(key);
      if (outcome !== undefined) queue.addAfter(key, outcome.requeueAfterMs);
    } catch (error) {
      handleFailure(options, key, error);
    } finally {
      queue.done(key);
    }
  }
}

function handleFailure({ queue, ports }: WorkerOptions, key: string, error: unknown): void {
  if (error instanceof AssertionError) throw error;
  const fields = { key, error: error instanceof Error ? error.message : String(error) };
  if (error instanceof TerminalError) {
    queue.forget(key);
    ports.logger.error("reconcile failed for good, waits for a change", fields);
    return;
  }
  if (error instanceof NotLeadingError) {
    // The term ends in a moment, and the next leader looks at every key.
    ports.logger.info("reconcile stopped: not leading", fields);
    return;
  }
  const waitMs = queue.addAfterFailure(key);
  const isAnswer = error instanceof ApiError;
  const detail = isAnswer
    ? { kind: error.kind }
    : { stack: error instanceof Error ? error.stack : undefined };
  ports.logger.warn("reconcile failed, will be tried again", { ...fields, ...detail, waitMs });
}
