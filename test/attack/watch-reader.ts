/** A client's watch of all keys from some key on, over gRPC, that reads as fast or as slowly as it is told, and knows what it has missed. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { etcdserverpb } from "../../node/proto/generated/messages.js";
import { longToNumber } from "../../node/proto/long.ts";

type Request = etcdserverpb.WatchRequest.$Properties;
type Response = etcdserverpb.WatchResponse;

export class WatchReader {
  /** Revisions of the events, in the order in which they came. */
  readonly revisions: number[] = [];
  /** Before each response that it reads; endless where it reads none for now. */
  pauseMs: number;
  /** Resolves when the watch is there; rejects when the stream ends before. */
  readonly created: Promise<void>;
  private readonly client: Client;
  private readonly stream: ClientDuplexStream<Request, Response>;
  private readonly ended = new AbortController();
  private wake = new AbortController();

  constructor(address: string, key: string, pauseMs = 0) {
    this.pauseMs = pauseMs;
    this.client = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
    this.stream = this.client.makeBidiStreamRequest(
      "/etcdserverpb.Watch/Watch",
      (request: Request) => Buffer.from(etcdserverpb.WatchRequest.encode(request).finish()),
      (bytes: Buffer) => etcdserverpb.WatchResponse.decode(bytes),
    );
    this.stream.write({ createRequest: { key: Buffer.from(key), rangeEnd: Uint8Array.of(0) } });
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.created = promise;
    this.read(() => resolve(undefined)).catch(reject);
  }

  /** Reads at another pace from now on. */
  setPause(pauseMs: number): void {
    this.pauseMs = pauseMs;
    this.wake.abort();
    this.wake = new AbortController();
  }

  /** Waits until so many events came, at most a minute. */
  async until(count: number): Promise<void> {
    const endMs = performance.now() + 60_000;
    while (this.revisions.length < count && performance.now() < endMs) await sleep(10);
  }

  close(): void {
    this.ended.abort();
    this.wake.abort();
    this.stream.cancel();
    this.client.close();
  }

  private async read(created: () => void): Promise<void> {
    // Cancelled by us: that ends the reading.
    this.stream.on("error", () => undefined);
    for await (const item of this.stream) {
      const response = item as Response;
      if (response.created) created();
      for (const { kv } of response.events) this.revisions.push(longToNumber(kv?.modRevision));
      if (this.ended.signal.aborted) return;
      if (this.pauseMs > 0 && !response.created)
        await sleep(this.pauseMs, undefined, { signal: this.wake.signal }).catch(() => undefined);
    }
  }
}
