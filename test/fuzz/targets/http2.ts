/** One HTTP/2 connection of a gRPC server: frames, header blocks, bodies, and the decoders of the KV service behind them. */

import { frameHeaderBytes, frameType } from "../../../node/grpc/frame.ts";
import { statusCode } from "../../../node/grpc/status.ts";
import type { StreamCall } from "../../../node/grpc/stream-call.ts";
import type { UnaryCall } from "../../../node/grpc/unary-call.ts";
import { DeleteRangeRequestView } from "../../../node/proto/delete-range-request.ts";
import { PutRequestView } from "../../../node/proto/put-request.ts";
import { RangeRequestView } from "../../../node/proto/range-request.ts";
import { decodeTxnRequest } from "../../../node/proto/txn-request.ts";
import { WireError } from "../../../node/proto/wire.ts";
import { GrpcRig, rigMessageBytesMax } from "../grpc-rig.ts";
import { Http2Input, type Method } from "../http2-input.ts";
import { mutateBytes } from "../mutate.ts";
import { FuzzRandom } from "../random.ts";
import { invariant, type Target } from "../target.ts";

type Decode = (bytes: Uint8Array, start: number, end: number) => void;

const put = new PutRequestView();
const range = new RangeRequestView();
const deleteRange = new DeleteRangeRequestView();

const methods: readonly (Method & { readonly decode: Decode })[] = [
  {
    path: "/etcdserverpb.KV/Put",
    request: "etcdserverpb.PutRequest",
    decode: (...at) => put.decode(...at),
  },
  {
    path: "/etcdserverpb.KV/Range",
    request: "etcdserverpb.RangeRequest",
    decode: (...at) => range.decode(...at),
  },
  {
    path: "/etcdserverpb.KV/DeleteRange",
    request: "etcdserverpb.DeleteRangeRequest",
    decode: (...at) => deleteRange.decode(...at),
  },
  {
    path: "/etcdserverpb.KV/Txn",
    request: "etcdserverpb.TxnRequest",
    decode: (...at) => void decodeTxnRequest(...at),
  },
  {
    path: "/etcdserverpb.KV/RangeStream",
    request: "etcdserverpb.RangeRequest",
    isStream: true,
    decode: (...at) => range.decode(...at),
  },
  {
    path: "/etcdserverpb.Watch/Watch",
    request: "etcdserverpb.WatchRequest",
    isStream: true,
    decode: () => {},
  },
];

const framed = 1;
const begun = 2;
const decoded = 4;
const accepted = 8;
const answered = 16;
const goneAway = 32;

/** Settings, a GOAWAY and replies; a byte of input asks for less than this many bytes of output, replies apart. */
const outputBytesPerByte = 30;
const replyBytes = Buffer.alloc(100_000, 0x61);
const repliesBytesMax = 20 * replyBytes.length;
const clientPrefaceBytes = 24;

/** What one run has seen; handlers of the rig write it. */
class Run {
  reached = 0;
  readonly random: FuzzRandom;
  readonly rig = new GrpcRig();
  /** Calls that will be answered in a later turn. */
  readonly waiting: (() => void)[] = [];
  private repliedBytes = 0;

  constructor(seed: number) {
    this.random = new FuzzRandom(seed, 0);
    for (const method of methods) {
      if (method.isStream === true)
        this.rig.server.addStream(method.path, "bidi", (call) => this.stream(call, method.decode));
      else
        this.rig.server.addUnary(method.path, (call, ...at) =>
          this.unary(call, method.decode, ...at),
        );
    }
    this.rig.connect();
  }

  private unary(
    call: UnaryCall,
    decode: Decode,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (!this.decode(decode, bytes, start, end)) {
      call.fail(statusCode.internal, "grpc: error unmarshalling request");
      return;
    }
    this.soon(() => {
      if (this.random.oneIn(4))
        call.fail(
          statusCode.invalidArgument,
          "etcdserver: mvcc: required revision is a future revision",
        );
      else call.reply(replyBytes, 0, this.replySize());
    });
  }

  private stream(call: StreamCall, decode: Decode): void {
    this.reached |= begun;
    call.onMessage((bytes, start, end) => {
      if (!this.decode(decode, bytes, start, end)) call.fail(statusCode.internal, "malformed");
      else if (this.random.oneIn(6)) call.pause();
      else this.soon(() => call.send(replyBytes, 0, this.replySize()));
    });
    call.onHalfClose(() => this.soon(() => call.finish()));
    call.onCancel(() => invariant(call.isOver, "a cancelled call is not over"));
    call.onDrain(() => void call.send(replyBytes, 0, this.replySize()));
    if (this.random.oneIn(3)) this.waiting.push(() => call.resume());
  }

  private decode(decode: Decode, bytes: Uint8Array, start: number, end: number): boolean {
    invariant(start <= end && end <= bytes.length, "a message lies outside of its buffer");
    invariant(end - start <= rigMessageBytesMax, "a message is larger than the limit");
    this.reached |= begun | decoded;
    try {
      decode(bytes, start, end);
      this.reached |= accepted;
      return true;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return false;
    }
  }

  private soon(answer: () => void): void {
    const pick = this.random.below(8);
    if (pick < 4) answer();
    else if (pick < 6) this.rig.timers.endOfTurn(answer);
    else if (pick < 7) this.waiting.push(answer);
  }

  private replySize(): number {
    if (this.repliedBytes > repliesBytesMax - replyBytes.length) return 0;
    const size = this.random.pick([0, 10, 10, 200, 200, 20_000, 100_000]);
    this.repliedBytes += size;
    return size;
  }

  /** The input in chunks, some turns and some time later. */
  feed(bytes: Uint8Array): void {
    const { random, rig } = this;
    let at = 0;
    while (at < bytes.length) {
      const count = random.oneIn(3)
        ? random.between(1, 12)
        : random.oneIn(2)
          ? random.between(1, 400)
          : bytes.length;
      if (random.oneIn(12)) rig.socket.takesAll = false;
      rig.send(bytes.subarray(at, at + count));
      at += count;
      if (random.oneIn(6)) this.waiting.shift()?.();
      if (random.oneIn(10)) rig.timers.advance(random.pick([1, 60, 5_000]));
      if (!rig.socket.takesAll && random.oneIn(2)) rig.socket.drain();
      rig.timers.endTurn();
    }
    for (const answer of this.waiting) answer();
    rig.timers.endTurn();
    if (!rig.socket.isClosed) rig.socket.drain();
    rig.timers.endTurn();
  }

  finish(inputBytes: number): number {
    const { rig } = this;
    const frames = rig.checkOutput();
    const bound = 1_000 + inputBytes * outputBytesPerByte + 2 * repliesBytesMax;
    invariant(rig.socket.outputBytes <= bound, "the server says more than it was asked for");
    if (frames.has(frameType.headers)) this.reached |= answered;
    if (frames.has(frameType.goAway)) this.reached |= goneAway;
    if (this.random.oneIn(8)) void rig.server.shutdown();
    rig.timers.endTurn();
    rig.timers.advance(this.random.pick([60, 1_500, 20_000]));
    rig.hangUp();
    return this.reached;
  }
}

/** A whole frame stands behind the preface and the first one. */
function hasSecondFrame(bytes: Buffer): boolean {
  const first = clientPrefaceBytes;
  if (bytes.length < first + 2 * frameHeaderBytes) return false;
  const second = first + frameHeaderBytes + bytes.readUIntBE(first, 3);
  if (second + frameHeaderBytes > bytes.length) return false;
  const length = bytes.readUIntBE(second, 3);
  return length <= 16_384 && second + frameHeaderBytes + length <= bytes.length;
}

const faultLevels = [Infinity, 40, 15, 6] as const;

export const http2Target: Target = {
  name: "http2",
  stages: ["frame", "call", "decoder", "accepted", "answered", "goaway"],
  leastShares: { frame: 0.5, call: 0.3, decoder: 0.2, accepted: 0.1, goaway: 0.1 },

  generate(random: FuzzRandom): Uint8Array {
    const faults = {
      frames: random.pick(faultLevels),
      headers: random.pick([Infinity, Infinity, 60, 20]),
      fields: random.pick(faultLevels),
    };
    let bytes = new Http2Input(random, { methods, faults }).connection();
    if (random.oneIn(20)) bytes = mutateBytes(bytes, random);
    return Buffer.concat([random.bytes(4), bytes]);
  },

  run(input: Uint8Array): number {
    const buffer = Buffer.from(input);
    const seed = buffer.length >= 4 ? buffer.readUInt32BE(0) : 0;
    const bytes = buffer.subarray(4);
    const run = new Run(seed);
    if (hasSecondFrame(bytes)) run.reached |= framed;
    run.feed(bytes);
    return run.finish(bytes.length);
  },
};
