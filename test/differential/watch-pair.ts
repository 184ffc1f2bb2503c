/** A Watch stream to each of the two servers, opened together, asked the same, and waited for together. */
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { Message } from "./operations.ts";
import type { WatchClient } from "./watch-client.ts";
import { recordDifferences, WatchRecord } from "./watch-record.ts";

const waitMs = 30_000;

interface Side {
  readonly record: WatchRecord;
  readonly stream: ClientDuplexStream<Message, Buffer>;
  status: string | undefined;
  changed: () => void;
}

/** Answered with a refusal at once. */
const ping = { create_request: { key: Buffer.from("ping"), start_revision: "-1" } };

export class WatchPair {
  readonly sides: readonly [Side, Side];
  /** Requests that are refused like a ping, and pings. */
  private pings = 0;

  constructor(etcd: WatchClient, ours: WatchClient) {
    this.sides = [openSide(etcd), openSide(ours)];
  }

  /** Sends a request to both, and resolves when they have answered all that they do not answer later. */
  async ask(request: Message): Promise<void> {
    for (const { stream } of this.sides) stream.write(request);
    const { start_revision } = (request["create_request"] ?? {}) as { start_revision?: string };
    if (start_revision?.startsWith("-") === true) this.pings += 1;
    // The second answer comes behind everything that was ready when the first one went: etcd takes answers and events from two queues.
    await this.ping();
    await this.ping();
  }

  async ping(): Promise<void> {
    for (const { stream } of this.sides) stream.write(ping);
    this.pings += 1;
    await this.until(`answer to ping ${this.pings}`, ({ pongs }) => pongs.length >= this.pings);
  }

  /** Rejects when it does not happen to both sides in time. */
  async until(what: string, isSo: (record: WatchRecord) => boolean): Promise<void> {
    await Promise.all(
      this.sides.map(async (side, at) => {
        const deadline = performance.now() + waitMs;
        while (!isSo(side.record)) {
          const name = at === 0 ? "etcd" : "ours";
          if (side.status !== undefined)
            throw new Error(`${name}: the stream ended with ${side.status}, before the ${what}`);
          if (performance.now() > deadline) throw new Error(`${name}: no ${what}`);
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, 1000);
            side.changed = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
      }),
    );
  }

  differences(): string[] {
    const [etcd, ours] = this.sides;
    return recordDifferences(etcd.record, ours.record);
  }

  close(): void {
    for (const { stream } of this.sides) stream.cancel();
  }
}

function openSide(client: WatchClient): Side {
  const record = new WatchRecord();
  const stream = client.open(
    (response) => {
      record.take(response);
      side.changed();
    },
    (status) => {
      side.status = status;
      side.changed();
    },
  );
  const side: Side = { record, stream, status: undefined, changed: () => undefined };
  return side;
}
