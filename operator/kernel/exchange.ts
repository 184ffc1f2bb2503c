/**
 * One request with everything around it: its time-out, the guard of mutations, retries of reads, the error of an answer. api-client.ts
 * says what is asked; this says how long and how often.
 */
import { ApiError, errorOfStatus } from "./api-error.ts";
import { backoffMs, isAborted, sleep } from "./backoff.ts";
import type { Ports } from "./ports.ts";
import type { Transport, TransportRequest, TransportResponse } from "./transport.ts";

/** What a mutation needs: leadership.ts implements it. */
export interface MutationGuard {
  /** Throws when nothing may be changed any more. */
  check(): void;
  /** Nothing sent now may arrive later than this many milliseconds from now. */
  remainingMs(): number;
}

export interface ExchangeOptions {
  readonly transport: Transport;
  readonly ports: Ports;
  /** For head and body of one try. */
  readonly timeoutMs: number;
  /** Tries of a read, the first one included. */
  readonly readTries: number;
  readonly userAgent: string;
  readonly guard?: MutationGuard | undefined;
}

export interface Ask {
  readonly method: TransportRequest["method"];
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
}

/** What a caller may say about one call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly readTries?: number | undefined;
}

/** Enough for a page of 500 objects at etcd's 1.5 MiB limit would be 750 MiB; real pages are far below this. */
const bodyBytesMax = 256 * 1024 * 1024;
const retryBackoff = { baseMs: 200, maxMs: 5_000 };
/** A server that asks for more than this is not waited for: the caller's own backoff takes over. */
const retryAfterMsMax = 10_000;

export class Exchange {
  readonly options: ExchangeOptions;

  constructor(options: ExchangeOptions) {
    this.options = options;
  }

  /**
   * A whole JSON answer. Reads are tried again after transient errors, waiting as long as Retry-After says; mutations never are: the
   * caller has to look first. Throws ApiError, and what the guard throws.
   */
  async json(ask: Ask, call: CallOptions = {}): Promise<unknown> {
    const tries = ask.method === "GET" ? (call.readTries ?? this.options.readTries) : 1;
    const outer = call.signal ?? new AbortController().signal;
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.once(ask, call, outer);
      } catch (error) {
        const isLast = failures >= tries || outer.aborted;
        if (isLast || !(error instanceof ApiError) || !error.isTransient) throw error;
        const { random, timers } = this.options.ports;
        const waitMs = error.retryAfterMs ?? backoffMs(retryBackoff, failures, random);
        if (waitMs > retryAfterMsMax) throw error;
        await sleep(timers, waitMs, outer);
        if (isAborted(outer)) throw error;
      }
    }
  }

  /** The chunks of an answer that does not end by itself. The time-out covers the head only; `signal` ends the rest. */
  async stream(ask: Ask, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const deadline = new Deadline(this.options.ports, this.options.timeoutMs, signal);
    try {
      const response = await this.send(ask, deadline.signal);
      if (response.status !== 200) throw await this.errorOf(response);
      deadline.lift();
      return response.chunks;
    } catch (error) {
      deadline.end();
      throw error;
    }
  }

  private async once(ask: Ask, call: CallOptions, outer: AbortSignal): Promise<unknown> {
    const isMutation = ask.method !== "GET";
    let timeoutMs = call.timeoutMs ?? this.options.timeoutMs;
    if (isMutation && this.options.guard !== undefined) {
      this.options.guard.check();
      timeoutMs = Math.min(timeoutMs, this.options.guard.remainingMs());
    }
    const deadline = new Deadline(this.options.ports, timeoutMs, outer);
    try {
      const response = await this.send(ask, deadline.signal);
      if (response.status < 200 || response.status > 299) throw await this.errorOf(response);
      return parse(await wholeBody(response));
    } finally {
      deadline.end();
    }
  }

  private send(ask: Ask, signal: AbortSignal): Promise<TransportResponse> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(ask.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const headers: Record<string, string> = {
      accept: "application/json",
      "user-agent": this.options.userAgent,
    };
    const body = ask.body === undefined ? undefined : JSON.stringify(ask.body);
    if (body !== undefined) {
      headers["content-type"] = ask.contentType ?? "application/json";
      headers["content-length"] = String(new TextEncoder().encode(body).length);
    }
    const { guard, transport } = this.options;
    const isGuarded = ask.method !== "GET" && guard !== undefined;
    return transport.send({
      method: ask.method,
      path: query.size === 0 ? ask.path : `${ask.path}?${query.toString()}`,
      headers,
      body,
      signal,
      beforeSend: isGuarded ? () => guard.check() : undefined,
    });
  }

  private async errorOf(response: TransportResponse): Promise<ApiError> {
    const retryAfter = Number(response.header("retry-after") ?? Number.NaN);
    const body = await wholeBody(response).catch(() => "");
    let json: unknown;
    try {
      json = JSON.parse(body);
    } catch {
      json = undefined;
    }
    return errorOfStatus(
      response.status,
      json,
      Number.isFinite(retryAfter) && retryAfter >= 0 ? retryAfter * 1000 : undefined,
    );
  }
}

/** A signal that aborts after a time, or with the caller's own. */
class Deadline {
  private readonly controller = new AbortController();
  private readonly timer;
  private readonly outer: AbortSignal;
  private readonly abort = (): void => this.controller.abort();

  constructor(ports: Ports, timeoutMs: number, outer: AbortSignal) {
    this.outer = outer;
    this.timer = ports.timers.after(timeoutMs, this.abort);
    if (outer.aborted) this.abort();
    else outer.addEventListener("abort", this.abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** No more time-out; the caller's signal still counts. */
  lift(): void {
    this.timer.cancel();
  }

  end(): void {
    this.timer.cancel();
    this.outer.removeEventListener("abort", this.abort);
  }
}

async function wholeBody(response: TransportResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.chunks) {
    length += chunk.length;
    if (length > bodyBytesMax) {
      throw new ApiError({ kind: "Unanswered", message: "the answer is too large" });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new ApiError({ kind: "Unanswered", message: "the answer is not JSON", cause });
  }
}
