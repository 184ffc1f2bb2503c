/** A client made of frames, over a socket, clock and timers that the test moves by hand. */
import { clientPreface } from "../../../node/grpc/accept.ts";
import {
  frameFlag,
  frameHeaderBytes,
  frameType,
  readUint24,
  readUint31,
  readUint32,
  writeFrameHeader,
} from "../../../node/grpc/frame.ts";
import type { HeaderField } from "../../../node/grpc/header-field.ts";
import { HpackDecoder } from "../../../node/grpc/hpack-decoder.ts";
import { GrpcServer, type GrpcServerOptions } from "../../../node/grpc/server.ts";
import type { ByteSocket, Clock, Timer, Timers } from "../../../node/lib/ports.ts";
import { type TestField, TestHpackEncoder } from "./hpack-encoder.ts";

class FakeTimers implements Timers {
  nowMs = 1_000;
  readonly clock: Clock = { monotonicMs: () => this.nowMs, unixMs: () => 0 };
  private readonly queue: (() => void)[] = [];
  private repeating: { periodMs: number; run: () => void; nextMs: number }[] = [];

  after(): Timer {
    throw new Error("one-shot timers are not used");
  }

  every(periodMs: number, run: () => void): Timer {
    const entry = { periodMs, run, nextMs: this.nowMs + periodMs };
    this.repeating.push(entry);
    return { cancel: () => (this.repeating = this.repeating.filter((other) => other !== entry)) };
  }

  get repeatingCount(): number {
    return this.repeating.length;
  }

  endOfTurn(run: () => void): void {
    this.queue.push(run);
  }

  endTurn(): void {
    for (let at = 0; at < this.queue.length; at++) this.queue[at]?.();
    this.queue.length = 0;
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const next = this.repeating.reduce((least, entry) => Math.min(least, entry.nextMs), Infinity);
      if (next > endMs) break;
      this.nowMs = next;
      for (const entry of this.repeating.filter(({ nextMs }) => nextMs === next)) {
        entry.nextMs += entry.periodMs;
        entry.run();
      }
      this.endTurn();
    }
    this.nowMs = endMs;
  }
}

class FakeSocket implements ByteSocket {
  readonly remoteAddress = "10.0.0.1:4000";
  readonly writes: Buffer[] = [];
  /** What `write` answers. */
  takesAll = true;
  isPaused = false;
  isEnded = false;
  isDestroyed = false;
  detached: Buffer | undefined;
  private dataHandler: (chunk: Uint8Array) => void = () => {};
  private closeHandler: () => void = () => {};
  private drainHandler: () => void = () => {};

  onData(handler: (chunk: Uint8Array) => void): void {
    this.dataHandler = handler;
  }
  onClose(handler: () => void): void {
    this.closeHandler = handler;
  }
  onDrain(handler: () => void): void {
    this.drainHandler = handler;
  }
  write(bytes: Uint8Array): boolean {
    this.writes.push(Buffer.from(bytes));
    return this.takesAll;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  end(): void {
    this.isEnded = true;
  }
  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.closeHandler();
  }
  detach(unread: Uint8Array): undefined {
    this.detached = Buffer.from(unread);
  }

  /** As the platform does: the chunk is overwritten afterwards. */
  receive(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes);
    this.dataHandler(chunk);
    chunk.fill(0xee);
  }
  drain(): void {
    this.takesAll = true;
    this.drainHandler();
  }
  close(): void {
    this.isDestroyed = true;
    this.closeHandler();
  }
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Iterable<number>,
): Buffer {
  const bytes = payload instanceof Uint8Array ? payload : Buffer.from([...payload]);
  const whole = Buffer.alloc(frameHeaderBytes + bytes.length);
  whole.set(bytes, writeFrameHeader(whole, 0, bytes.length, type, flags, streamId));
  return whole;
}

export function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

export function message(body: Iterable<number> | string, flag = 0): Buffer {
  const bytes =
    body instanceof Uint8Array ? body : Buffer.from(typeof body === "string" ? body : [...body]);
  return Buffer.concat([Buffer.from([flag, ...uint32(bytes.length)]), bytes]);
}

export function setting(id: number, value: number): Buffer {
  return frame(frameType.settings, 0, 0, [0, id, ...uint32(value)]);
}

export const headFields = (path: string, more: readonly TestField[] = []): TestField[] => [
  { name: ":method", value: "POST" },
  { name: ":scheme", value: "http" },
  { name: ":path", value: path },
  { name: ":authority", value: "etcd:2379" },
  { name: "content-type", value: "application/grpc" },
  { name: "te", value: "trailers" },
  ...more,
];

export interface Answer {
  readonly headers: Readonly<Record<string, string>>;
  readonly data: Buffer;
  readonly trailers: Readonly<Record<string, string>>;
  readonly hasEnded: boolean;
  readonly resetCode: number | undefined;
}

export const echoPath = "/test.Svc/Echo";

export class FakeClient {
  readonly timers: FakeTimers;
  readonly socket = new FakeSocket();
  readonly server: GrpcServer;
  readonly encoder = new TestHpackEncoder();
  private readonly decoder = new HpackDecoder(4096);
  /** Decoded header blocks by frame: the decoder may see each block once only. */
  private readonly blocks = new Map<number, Record<string, string>>();
  private readonly parsed: Frame[] = [];
  private parsedWrites = 0;

  /** `beside`: a client of the same server, on a connection of its own. */
  constructor(options: Partial<GrpcServerOptions> = {}, beside?: FakeClient) {
    const quiet = { debug() {}, info() {}, warn() {}, error() {} };
    this.timers = beside?.timers ?? new FakeTimers();
    this.server =
      beside?.server ??
      new GrpcServer({
        clock: this.timers.clock,
        timers: this.timers,
        logger: quiet,
        receiveMessageBytesMax: 2_000_000,
        maxConcurrentStreams: 1_000,
        ...options,
      });
  }

  /** Adds a method that answers with its request at once. */
  withEcho(): this {
    this.server.addUnary(echoPath, (call, bytes, start, end) => call.reply(bytes, start, end));
    return this;
  }

  serve(): this {
    this.server.serve(this.socket);
    return this;
  }

  connect(...first: Buffer[]): this {
    this.serve();
    const settings = first.length > 0 ? first : [frame(frameType.settings, 0, 0, [])];
    this.send(clientPreface, ...settings);
    return this;
  }

  /** One chunk, and the end of the turn. */
  send(...parts: Uint8Array[]): void {
    this.socket.receive(Buffer.concat(parts));
    this.timers.endTurn();
  }

  headers(
    streamId: number,
    fields: readonly TestField[],
    flags = frameFlag.endHeaders as number,
  ): Buffer {
    return frame(frameType.headers, flags, streamId, this.encoder.block(fields));
  }

  request(
    streamId: number,
    path: string,
    body: Iterable<number> | string,
    more: readonly TestField[] = [],
  ): Buffer {
    const head = this.headers(streamId, headFields(path, more));
    return Buffer.concat([
      head,
      frame(frameType.data, frameFlag.endStream, streamId, message(body)),
    ]);
  }

  get output(): Buffer {
    return Buffer.concat(this.socket.writes);
  }

  /** All frames of the server so far. */
  get frames(): readonly Frame[] {
    const { output } = this;
    if (this.parsedWrites === output.length) return this.parsed;
    let at = this.parsedWrites;
    while (at < output.length) {
      const end = at + frameHeaderBytes + readUint24(output, at);
      const payload = output.subarray(at + frameHeaderBytes, end);
      const type = output[at + 3] as number;
      const next = {
        type,
        flags: output[at + 4] as number,
        streamId: readUint31(output, at + 5),
        payload,
      };
      if (type === frameType.headers) this.decodeBlock(this.parsed.length, payload);
      this.parsed.push(next);
      at = end;
    }
    this.parsedWrites = at;
    return this.parsed;
  }

  private decodeBlock(index: number, payload: Buffer): void {
    const fields: Record<string, string> = {};
    const add = (field: HeaderField) => {
      fields[field.name.text] = field.value;
    };
    this.decoder.decode(payload, 0, payload.length, { add });
    this.blocks.set(index, fields);
  }

  framesOf(type: number): readonly Frame[] {
    return this.frames.filter((one) => one.type === type);
  }

  answer(streamId: number): Answer {
    let headers: Record<string, string> | undefined;
    let trailers: Record<string, string> = {};
    const data: Buffer[] = [];
    let hasEnded = false;
    let resetCode: number | undefined;
    this.frames.forEach((one, index) => {
      if (one.streamId !== streamId) return;
      if (one.type === frameType.headers && headers === undefined)
        headers = this.blocks.get(index) ?? {};
      else if (one.type === frameType.headers) trailers = this.blocks.get(index) ?? {};
      if (one.type === frameType.data) data.push(one.payload);
      if (one.type === frameType.rstStream) resetCode = readUint32(one.payload, 0);
      const mayEnd = one.type === frameType.headers || one.type === frameType.data;
      if (mayEnd && (one.flags & frameFlag.endStream) !== 0) hasEnded = true;
    });
    return { headers: headers ?? {}, data: Buffer.concat(data), trailers, hasEnded, resetCode };
  }

  /** Code of the last GOAWAY, or undefined. */
  get goAwayCode(): number | undefined {
    const last = this.framesOf(frameType.goAway).at(-1);
    return last === undefined ? undefined : readUint32(last.payload, 4);
  }
}
