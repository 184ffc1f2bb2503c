/** What a client sends on one connection: settings, calls and control frames, with faults at every layer. */
import { gzipSync } from "node:zlib";

import { clientPreface } from "../../node/grpc/accept.ts";
import { frameFlag, frameType, settingId, writeFrameHeader } from "../../node/grpc/frame.ts";
import { HpackInput, requestFields } from "./hpack-input.ts";
import { mutateBytes } from "./mutate.ts";
import { messageBytes } from "./proto-input.ts";
import type { FuzzRandom } from "./random.ts";

export interface Method {
  readonly path: string;
  readonly request: string;
  /** It takes several messages. */
  readonly isStream?: boolean;
}

export interface InputOptions {
  readonly methods: readonly Method[];
  /** One frame, header field, protobuf field in so many is wrong; Infinity for none. */
  readonly faults: { readonly frames: number; readonly headers: number; readonly fields: number };
}

const frameHeaderBytes = 9;
/** Compressing costs more than everything else here, so a few bodies serve all runs. */
const zipped = [
  Buffer.from("0a03666f6f1203626172", "hex"),
  Buffer.alloc(0),
  Buffer.alloc(4_000, 0x61),
  Buffer.alloc(1_000_000),
].map((body) => gzipSync(body));

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const whole = Buffer.alloc(frameHeaderBytes + payload.length);
  writeFrameHeader(whole, 0, payload.length, type, flags, streamId);
  whole.set(payload, frameHeaderBytes);
  return whole;
}

/** Builds the bytes of one connection. */
export class Http2Input {
  private readonly random: FuzzRandom;
  private readonly options: InputOptions;
  private readonly hpack: HpackInput;
  private readonly parts: Buffer[] = [];
  private nextStreamId = 1;

  constructor(random: FuzzRandom, options: InputOptions) {
    this.random = random;
    this.options = options;
    this.hpack = new HpackInput(random, options.faults.headers);
  }

  connection(): Buffer {
    const { random } = this;
    this.parts.push(Buffer.from(clientPreface), this.settings());
    let open: Buffer[][] = [];
    for (let count = random.between(1, 4); count > 0; count--) open.push(this.call());
    // Calls of one connection are interleaved; header blocks are made in the order they are sent.
    while (open.length > 0) {
      const call = random.oneIn(3) ? random.pick(open) : (open[0] as Buffer[]);
      const next = call.shift();
      if (next === undefined) open = open.filter((other) => other !== call);
      else if (call === open[0] || next[3] !== frameType.headers) this.add(next);
      else call.unshift(next);
      if (random.oneIn(6)) this.add(this.control());
    }
    return Buffer.concat(this.parts);
  }

  private add(one: Buffer): void {
    const { faults } = this.options;
    const isFault = faults.frames !== Infinity && this.random.oneIn(faults.frames);
    this.parts.push(isFault ? this.faulty(one) : one);
  }

  private settings(): Buffer {
    const { random } = this;
    const ids = Object.values(settingId);
    const payload: number[] = [];
    for (let count = random.below(3); count > 0; count--) {
      const value = random.pick([0, 1, 100, 4_096, 16_384, 65_535, 2 ** 31 - 1]);
      const id = random.pick(ids);
      if (isAllowed(id, value))
        payload.push(0, id, value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
    }
    return frame(frameType.settings, 0, 0, Buffer.from(payload));
  }

  /** The frames of one call. */
  private call(): Buffer[] {
    const { random, options } = this;
    const method = random.pick(options.methods);
    const streamId = this.nextStreamId;
    this.nextStreamId += random.oneIn(10) ? 4 : 2;
    const path = random.oneIn(25) ? random.pick(["/", "", "/x", `${method.path}/`]) : method.path;
    const isZipped = random.oneIn(15);
    const fields = requestFields(path, random, 25);
    if (isZipped) fields.push(["grpc-encoding", "gzip"]);
    const frames = this.headFrames(streamId, Buffer.from(this.hpack.block(fields)));
    const body = this.body(method, isZipped);
    frames.push(...this.dataFrames(streamId, body));
    if (random.oneIn(20))
      frames.push(frame(frameType.rstStream, 0, streamId, Buffer.from([0, 0, 0, 8])));
    return frames;
  }

  private headFrames(streamId: number, block: Buffer): Buffer[] {
    const { random } = this;
    if (!random.oneIn(8)) {
      const [flags, payload] = this.dressed(block);
      return [frame(frameType.headers, frameFlag.endHeaders | flags, streamId, payload)];
    }
    const frames: Buffer[] = [];
    const cuts = random.between(1, 3);
    let at = 0;
    for (let cut = 0; cut < cuts; cut++) {
      const to = random.between(at, block.length);
      frames.push(
        frame(
          cut === 0 ? frameType.headers : frameType.continuation,
          0,
          streamId,
          block.subarray(at, to),
        ),
      );
      at = to;
    }
    frames.push(frame(frameType.continuation, frameFlag.endHeaders, streamId, block.subarray(at)));
    // Nothing may come between them.
    return [Buffer.concat(frames)];
  }

  /** HEADERS with padding and priority around the block. */
  private dressed(block: Buffer): [number, Buffer] {
    const { random } = this;
    let flags = 0;
    let payload = block;
    if (random.oneIn(8)) {
      flags |= frameFlag.priority;
      payload = Buffer.concat([Buffer.from([0, 0, 0, 0, 15]), payload]);
    }
    if (random.oneIn(8)) {
      flags |= frameFlag.padded;
      const padding = random.below(20);
      payload = Buffer.concat([Buffer.of(padding), payload, Buffer.alloc(padding)]);
    }
    return [flags, payload];
  }

  private body(method: Method, isZipped: boolean): Buffer {
    const { random, options } = this;
    const messages: Buffer[] = [];
    const count =
      method.isStream === true ? random.between(0, 4) : random.oneIn(12) ? random.below(3) : 1;
    for (let at = 0; at < count; at++) {
      let message: Uint8Array = messageBytes(method.request, random, {
        oneIn: options.faults.fields,
      });
      if (random.oneIn(15)) message = mutateBytes(message, random);
      const isPacked = isZipped && !random.oneIn(4);
      if (isPacked)
        message = random.oneIn(4) ? mutateBytes(random.pick(zipped), random) : random.pick(zipped);
      messages.push(this.prefixed(message, isPacked ? 1 : 0));
    }
    return Buffer.concat(messages);
  }

  /** The five bytes in front of a message. */
  private prefixed(message: Uint8Array, flag: number): Buffer {
    const { random } = this;
    let length = message.length;
    let written = flag;
    if (random.oneIn(25)) {
      if (random.oneIn(2)) written = random.pick([0, 1, 2, 255]);
      else length = random.pick([0, 1, length + 1, length - 1, 8_192, 8_193, 2 ** 31, 2 ** 32 - 1]);
    }
    const prefix = Buffer.alloc(5);
    prefix[0] = written;
    prefix.writeUInt32BE(Math.max(0, length), 1);
    return Buffer.concat([prefix, message]);
  }

  private dataFrames(streamId: number, body: Buffer): Buffer[] {
    const { random } = this;
    const frames: Buffer[] = [];
    let at = 0;
    while (at < body.length) {
      const count = random.oneIn(3) ? random.between(0, 12) : 16_000;
      frames.push(this.dataFrame(streamId, body.subarray(at, at + count)));
      at += count;
    }
    const last = frames.at(-1);
    if (random.oneIn(12)) return frames;
    if (last !== undefined && !random.oneIn(4)) last[4] = (last[4] as number) | frameFlag.endStream;
    else if (random.oneIn(8)) frames.push(this.trailers(streamId));
    else frames.push(frame(frameType.data, frameFlag.endStream, streamId, Buffer.alloc(0)));
    return frames;
  }

  private dataFrame(streamId: number, part: Buffer): Buffer {
    const { random } = this;
    if (!random.oneIn(8)) return frame(frameType.data, 0, streamId, part);
    const padding = random.below(30);
    return frame(
      frameType.data,
      frameFlag.padded,
      streamId,
      Buffer.concat([Buffer.of(padding), part, Buffer.alloc(padding)]),
    );
  }

  private trailers(streamId: number): Buffer {
    const block = Buffer.from([0x00, 0x01, 0x78, 0x01, 0x79]);
    return frame(frameType.headers, frameFlag.endStream | frameFlag.endHeaders, streamId, block);
  }

  private control(): Buffer {
    const { random } = this;
    const streamId = 1 + 2 * random.below(4);
    switch (random.below(7)) {
      case 0:
        return frame(frameType.ping, random.pick([0, frameFlag.ack]), 0, random.bytes(8));
      case 1:
        return this.settings();
      case 2:
        return frame(frameType.settings, frameFlag.ack, 0, Buffer.alloc(0));
      case 3:
        return frame(frameType.windowUpdate, 0, 0, uint32(random.between(1, 100_000)));
      case 4:
        return frame(frameType.windowUpdate, 0, streamId, uint32(random.between(1, 100_000)));
      case 5:
        return frame(frameType.priority, 0, streamId, Buffer.from([0, 0, 0, 0, 1]));
      default:
        return frame(
          random.between(10, 255),
          random.below(256),
          random.below(9),
          random.bytes(random.below(10)),
        );
    }
  }

  /** Something in place of a frame, or the frame with its header changed. */
  private faulty(one: Buffer): Buffer {
    const { random } = this;
    const streamId = random.pick([0, 1, 2, 3, this.nextStreamId, 2 ** 31 - 1]);
    const changed = Buffer.from(one);
    switch (random.below(16)) {
      case 0: // The length does not fit: what follows is cut at the wrong place.
        changed[2] = (changed[2] as number) + random.pick([1, -1, 9, 100]);
        return changed;
      case 1:
        changed[3] = random.below(12);
        return changed;
      case 2:
        changed[4] = random.below(256);
        return changed;
      case 3:
        changed.writeUInt32BE(streamId, 5);
        return changed;
      case 4:
        return mutateBytes(one, random);
      case 5: // Larger than we allowed.
        return frame(
          frameType.data,
          0,
          streamId,
          Buffer.alloc(random.pick([16_384, 16_385, 20_000])),
        );
      case 6:
        return frame(
          frameType.windowUpdate,
          0,
          streamId,
          uint32(random.pick([0, 1, 2 ** 31 - 1, 2 ** 32 - 1])),
        );
      case 7:
        return frame(frameType.windowUpdate, 0, 0, random.bytes(random.below(6)));
      case 8:
        return frame(
          frameType.settings,
          random.below(2),
          random.below(2),
          random.bytes(random.below(20)),
        );
      case 9:
        return frame(
          frameType.continuation,
          random.pick([0, frameFlag.endHeaders]),
          streamId,
          random.bytes(5),
        );
      case 10:
        return frame(frameType.pushPromise, 0, streamId, random.bytes(8));
      case 11:
        return frame(frameType.goAway, 0, random.below(2), random.bytes(random.below(16)));
      case 12:
        return frame(
          frameType.rstStream,
          0,
          streamId,
          random.bytes(random.pick([0, 3, 4, 4, 4, 5])),
        );
      case 13:
        return frame(frameType.priority, 0, streamId, random.bytes(random.pick([4, 5, 5, 6])));
      case 14:
        return Buffer.concat([one, one]);
      default: // Many of the frames that cost us an answer.
        return Buffer.concat(Array.from({ length: random.between(2, 60) }, () => this.control()));
    }
  }
}

function isAllowed(id: number, value: number): boolean {
  if (id === settingId.enablePush) return value === 0;
  if (id === settingId.maxFrameSize) return value >= 16_384 && value < 2 ** 24;
  return true;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

/** What a connection begins with. */
export const prefaceAndSettings: Buffer = Buffer.concat([
  clientPreface,
  frame(frameType.settings, 0, 0, Buffer.alloc(0)),
]);
