/**
 * One watch, on a stream of its own. What ends for a time (a member restarts, leadership changes) is begun again on the next endpoint behind the
 * last event, so that every event comes once and in order (client/v3/watch.go); what is final is thrown.
 */
import type { etcdserverpb } from "../proto/generated/messages.js";
import { longToNumber } from "../proto/long.ts";
import type { Connection } from "./connection.ts";
import type { Duplex } from "./duplex.ts";
import type { Bytes } from "./kv-types.ts";
import { watchMethod } from "./methods.ts";
import { Backoff, isTransient } from "./retry.ts";
import {
  createRequest,
  endOf,
  responseOf,
  type WatchEvent,
  type WatchOptions,
  type WatchResponse,
  watchEvent,
} from "./watch-types.ts";

type Request = etcdserverpb.WatchRequest.$Properties;
type Response = etcdserverpb.WatchResponse.$Properties;
type Responses = AsyncGenerator<WatchResponse, undefined, undefined>;

/**
 * An iterable of responses, to be read once. While nobody reads, the server is held back. It ends when it is cancelled, or left; it throws
 * CompactedError, or the ClientError with which the server refused it.
 */
export class Watch implements AsyncIterable<WatchResponse> {
  /** Resolves when the server has the watch: what is written from now on is told. Rejects when it never will. */
  readonly created: Promise<void>;
  private readonly connection: Connection;
  private readonly key: Bytes;
  private readonly options: WatchOptions;
  private readonly ended = new AbortController();
  private readonly creation = Promise.withResolvers<undefined>();
  private readonly iterator: Responses;
  private stream: Duplex<Request, Response> | undefined;
  /** The first revision that was not told yet; 0 until that is known. */
  private next: number | bigint;
  private parts: WatchEvent[] = [];

  constructor(connection: Connection, key: Bytes, options: WatchOptions) {
    this.connection = connection;
    this.key = key;
    this.options = options;
    this.next = options.startRevision ?? 0;
    this.created = this.creation.promise;
    // Who does not wait for it is told when reading.
    this.created.catch(() => undefined);
    if (options.signal?.aborted === true) this.cancel();
    else options.signal?.addEventListener("abort", () => this.cancel());
    this.iterator = this.run();
    this.first = this.iterator.next();
    this.first.catch(() => undefined);
  }

  /** The watch begins before somebody reads. */
  private readonly first: ReturnType<Responses["next"]>;
  private isFirstTaken = false;

  [Symbol.asyncIterator](): AsyncIterator<WatchResponse, void, undefined> {
    return {
      next: () => {
        if (this.isFirstTaken) return this.iterator.next();
        this.isFirstTaken = true;
        return this.first;
      },
      return: async () => {
        this.cancel();
        await this.iterator.return(undefined);
        return { done: true, value: undefined };
      },
    };
  }

  /** Asks how far the watch is: answered by a response without events, once everything before has been told. */
  requestProgress(): void {
    this.stream?.send({ progressRequest: {} });
  }

  cancel(): void {
    this.ended.abort();
    this.stream?.cancel();
  }

  private isCancelled(): boolean {
    return this.ended.signal.aborted;
  }

  private async *run(): Responses {
    const { signal } = this.ended;
    const backoff = new Backoff();
    while (!this.isCancelled()) {
      try {
        yield* this.once(backoff);
      } catch (error) {
        if (this.isCancelled()) break;
        if (!isTransient(error)) {
          this.creation.reject(error);
          throw error;
        }
      }
      await backoff.wait(signal);
    }
    this.creation.reject(new Error("the watch was cancelled"));
  }

  /** One stream, until it ends. */
  private async *once(backoff: Backoff): Responses {
    const { endpoint, metadata } = this.options;
    const stream = this.connection.duplex(watchMethod, {
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(metadata === undefined ? {} : { metadata }),
    });
    this.stream = stream;
    this.parts = [];
    stream.send(createRequest(this.key, this.next, this.options));
    for await (const message of stream.responses()) {
      backoff.succeeded();
      const response = this.take(message);
      if (response !== undefined) yield response;
    }
  }

  private take(message: Response): WatchResponse | undefined {
    const end = endOf(message);
    if (end !== undefined) throw end;
    const revision = longToNumber(message.header?.revision);
    if (message.created === true) {
      // From here on a new stream would begin where this one did.
      if (this.next === 0) this.next = revision + 1;
      this.creation.resolve(undefined);
      return undefined;
    }
    this.parts.push(...(message.events ?? []).map(watchEvent));
    if (message.fragment === true) return undefined;
    const events = this.parts;
    this.parts = [];
    // A response with events tells the store's revision, which those events need not reach.
    const told = events.at(-1)?.kv.modRevision ?? revision;
    if (told >= this.next) this.next = told + 1;
    return responseOf(message, events);
  }
}
