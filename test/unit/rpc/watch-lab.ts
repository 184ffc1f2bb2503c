/** The Watch service before a member in a simulated world, with streams whose clients read by hand. */
import assert from "node:assert/strict";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { int64Long, longToBigint, longToNumber } from "../../../node/proto/long.ts";
import { LeaderWatch } from "../../../node/rpc/leader-watch.ts";
import { WatchService } from "../../../node/rpc/watch.ts";
import { encodeDelete, encodePut } from "../apply/apply-lab.ts";
import { RecordedStream } from "./recorded-call.ts";
import { RpcLab } from "./rpc-lab.ts";

type CreateFields = etcdserverpb.WatchCreateRequest.$Properties;

export const progressIntervalMs = 10_000;
const requestBytesMax = 1000;

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

export interface CreateOptions {
  readonly end?: string;
  readonly id?: bigint;
  readonly start?: bigint | number;
  readonly fields?: Partial<CreateFields>;
}

/** A response in a few words: "1 created", "0@5 PUT a=1". */
function shown(message: Uint8Array): string {
  const response = etcdserverpb.WatchResponse.decode(message);
  const events = response.events.map(({ type, kv, prevKv }) => {
    const text = (value: Uint8Array | null | undefined): string =>
      Buffer.from(value ?? []).toString();
    const before = prevKv ? ` was ${text(prevKv.value)}` : "";
    const value = text(kv?.value);
    const shownValue = value.length > 20 ? `${value.length} bytes` : value;
    return type === 1
      ? `DELETE ${text(kv?.key)}@${longToNumber(kv?.modRevision)}${before}`
      : `PUT ${text(kv?.key)}@${longToNumber(kv?.modRevision)}=${shownValue}${before}`;
  });
  return [
    `${longToBigint(response.watchId)}@${longToNumber(response.header?.revision)}`,
    response.created ? "created" : "",
    response.canceled ? "canceled" : "",
    longToNumber(response.compactRevision) > 0
      ? `compacted ${longToNumber(response.compactRevision)}`
      : "",
    response.cancelReason,
    response.fragment ? "fragment" : "",
    ...events,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

export class WatchLab {
  readonly rpc: RpcLab;
  readonly service: WatchService;

  private constructor(rpc: RpcLab) {
    const { member, admission } = rpc;
    const leaderWatch = new LeaderWatch({
      timers: member.timers,
      electionTimeoutMs: 1000,
      hasLeader: () => member.hasLeader,
    });
    this.rpc = rpc;
    this.service = new WatchService({
      member,
      admission,
      leaderWatch,
      requestBytesMax,
      progressIntervalMs,
      random: { uint32: () => 0 },
    });
  }

  static async open(): Promise<WatchLab> {
    return new WatchLab(await RpcLab.open({ config: { requestBytesMax: 2_000_000 } }));
  }

  stream(): RecordedStream {
    const stream = new RecordedStream();
    this.service.open(stream);
    return stream;
  }

  async create(stream: RecordedStream, key: string, options: CreateOptions = {}): Promise<void> {
    const { end = "", id = 0n, start = 0, fields = {} } = options;
    await this.send(stream, {
      createRequest: {
        key: bytes(key),
        rangeEnd: bytes(end),
        watchId: int64Long(id),
        startRevision: int64Long(BigInt(start)),
        ...fields,
      },
    });
  }

  async cancel(stream: RecordedStream, id: bigint): Promise<void> {
    await this.send(stream, { cancelRequest: { watchId: int64Long(id) } });
  }

  async progress(stream: RecordedStream): Promise<void> {
    await this.send(stream, { progressRequest: {} });
  }

  async send(
    stream: RecordedStream,
    request: etcdserverpb.WatchRequest.$Properties,
  ): Promise<void> {
    stream.deliver(etcdserverpb.WatchRequest.encode(request).finish());
    await this.pass();
  }

  async put(key: string, value: string): Promise<void> {
    await this.rpc.reply("put", encodePut(key, value));
  }

  async delete(key: string, end = ""): Promise<void> {
    await this.rpc.reply("deleteRange", encodeDelete(key, end));
  }

  async compact(revision: number): Promise<void> {
    const request = { revision: int64Long(BigInt(revision)), physical: true };
    await this.rpc.reply("compact", etcdserverpb.CompactionRequest.encode(request).finish());
  }

  async pass(ms = 20): Promise<void> {
    await this.rpc.world.pass(ms);
  }
}

/** What the client got since the last call. */
export function take(stream: RecordedStream): string[] {
  assert.equal(typeof stream.end, "string", JSON.stringify(stream.end));
  return stream.sent.splice(0).map(shown);
}
