/**
 * A transport from one process to the fake API without sockets, in virtual time: nothing depends on the machine, and a process that is
 * stalled hears of nothing before it runs again. What was sent arrives even if the process ends.
 */
import { ApiError } from "../../operator/kernel/api-error.ts";
import type {
  Transport,
  TransportRequest,
  TransportResponse,
} from "../../operator/kernel/transport.ts";
import type { FakeApi } from "./fake-api.ts";
import type { Sink } from "./fake-api-watch.ts";
import type { ProcessView, VirtualTime } from "./virtual-time.ts";

export interface Network {
  /** Refuses connections while true. Requests under way are not touched. */
  isDown: boolean;
  /** One way, drawn anew for each request and each answer. */
  latencyMs: () => number;
}

export class DirectTransport implements Transport {
  private readonly api: FakeApi;
  private readonly time: VirtualTime;
  private readonly process: ProcessView;
  private readonly network: Network;

  constructor(api: FakeApi, time: VirtualTime, process: ProcessView, network: Network) {
    this.api = api;
    this.time = time;
    this.process = process;
    this.network = network;
  }

  send(request: TransportRequest): Promise<TransportResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<TransportResponse>();
    if (request.signal.aborted || this.network.isDown) {
      this.process.timers.after(0, () => reject(notSent()));
      return promise;
    }
    // The connection stands after a way there and back; only then is the guard asked.
    this.process.timers.after(this.network.latencyMs(), () => {
      try {
        request.beforeSend?.();
      } catch (error) {
        reject(error);
        return;
      }
      this.exchange(request, resolve, reject);
    });
    return promise;
  }

  private exchange(
    request: TransportRequest,
    resolve: (response: TransportResponse) => void,
    reject: (error: Error) => void,
  ): void {
    const body = new Chunks();
    let leave = (): void => undefined;
    const abort = (): void => {
      reject(unanswered());
      body.fail(unanswered());
      leave();
    };
    request.signal.addEventListener("abort", abort, { once: true });
    // Answers arrive in order, each after the latency, and in this process's own time.
    let arrivesAtMs = 0;
    const inbox: (() => void)[] = [];
    const deliver = (run: () => void): void => {
      const nowMs = this.time.monotonicMs();
      arrivesAtMs = Math.max(arrivesAtMs, nowMs + this.network.latencyMs());
      // Timers of a process that is stalled twice may change their order; bytes of a connection never do.
      inbox.push(run);
      const next = (): void => inbox.shift()?.();
      this.time.after(arrivesAtMs - nowMs, () => this.process.timers.after(0, next));
    };
    const sink: Sink = {
      head: (status, headers) =>
        deliver(() => resolve({ status, header: (name) => headers[name], chunks: body })),
      chunk: (text) => deliver(() => body.push(new TextEncoder().encode(text))),
      end: () => deliver(() => body.end()),
      break: () =>
        deliver(() => {
          reject(unanswered());
          body.fail(unanswered());
        }),
    };
    this.time.after(this.network.latencyMs(), () => {
      leave = this.api.serve(
        {
          method: request.method,
          path: request.path,
          contentType: request.headers["content-type"] ?? "",
          userAgent: request.headers["user-agent"] ?? "",
          body: request.body ?? "",
        },
        sink,
      );
      if (request.signal.aborted) leave();
    });
    if (request.signal.aborted) abort();
  }
}

function notSent(): ApiError {
  return new ApiError({ kind: "NotSent", message: "connection refused" });
}

function unanswered(): ApiError {
  return new ApiError({ kind: "Unanswered", message: "connection lost" });
}

/** A body that comes in pieces. */
class Chunks implements AsyncIterable<Uint8Array> {
  private readonly kept: Uint8Array[] = [];
  private state: "open" | "ended" | Error = "open";
  private wake: () => void = () => undefined;

  push(chunk: Uint8Array): void {
    this.kept.push(chunk);
    this.wake();
  }

  end(): void {
    if (this.state === "open") this.state = "ended";
    this.wake();
  }

  fail(error: Error): void {
    if (this.state === "open") this.state = error;
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.state instanceof Error) throw this.state;
      const chunk = this.kept.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.state === "ended") return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
