/**
 * Length-prefixed messages in the DATA frames of one call, cut anywhere, against a reader that has all bytes at once: what
 * a handler is given must be what stands in the body, whole and in order, and nothing behind the first fault.
 */
import { frameFlag, frameType } from "../../../node/grpc/frame.ts";
import { GrpcRig, rigMessageBytesMax } from "../grpc-rig.ts";
import { HpackInput, requestFields } from "../hpack-input.ts";
import { frame, prefaceAndSettings } from "../http2-input.ts";
import { pack, unpack } from "../pack.ts";
import { FuzzRandom } from "../random.ts";
import { invariant, type Target } from "../target.ts";

const delivered = 1;
const severalPieces = 2;
const faulty = 4;

const prefixBytes = 5;
const unaryPath = "/test.Fuzz/Unary";
const streamPath = "/test.Fuzz/Stream";
const head = (path: string): Buffer =>
  Buffer.from(
    new HpackInput(new FuzzRandom(1, 1), Infinity).block(
      requestFields(path, new FuzzRandom(2, 2), Infinity),
    ),
  );
const heads = { unary: head(unaryPath), stream: head(streamPath) };

/** Bits of the first piece. */
const option = {
  stream: 1,
  padded: 2,
  separateEnd: 4,
  noEnd: 8,
  oneChunk: 16,
  smallChunks: 32,
} as const;

/** Messages of the body up to the first that is none, and whether there was one. */
function expected(body: Buffer): { messages: Buffer[]; isFaulty: boolean } {
  const messages: Buffer[] = [];
  let at = 0;
  while (body.length - at >= prefixBytes) {
    const length = body.readUInt32BE(at + 1);
    const end = at + prefixBytes + length;
    if (length > rigMessageBytesMax) return { messages, isFaulty: true };
    if (end > body.length) break;
    if (body[at] !== 0) return { messages, isFaulty: true };
    messages.push(body.subarray(at + prefixBytes, end));
    at = end;
  }
  return { messages, isFaulty: false };
}

function framesOf(pieces: readonly Uint8Array[], options: number): Buffer[] {
  const isPadded = (options & option.padded) !== 0;
  const frames = pieces.map((piece) =>
    isPadded
      ? frame(
          frameType.data,
          frameFlag.padded,
          1,
          Buffer.concat([Buffer.of(7), piece, Buffer.alloc(7)]),
        )
      : frame(frameType.data, 0, 1, piece),
  );
  const last = frames.at(-1);
  if ((options & option.noEnd) !== 0) return frames;
  if (last === undefined || (options & option.separateEnd) !== 0)
    return [...frames, frame(frameType.data, frameFlag.endStream, 1, Buffer.alloc(0))];
  last[4] = (last[4] as number) | frameFlag.endStream;
  return frames;
}

export const grpcMessagesTarget: Target = {
  name: "grpc-messages",
  stages: ["delivered", "several pieces", "a fault"],
  leastShares: { delivered: 0.5, "several pieces": 0.5, "a fault": 0.1 },

  generate(random: FuzzRandom): Uint8Array {
    const messages: Buffer[] = [];
    for (let count = random.below(5); count >= 0; count--) messages.push(randomMessage(random));
    const body = Buffer.concat(messages);
    const pieces: Buffer[] = [Buffer.of(random.below(64), random.below(20))];
    for (let at = 0; at < body.length; ) {
      const count = random.pick([1, 2, 4, 5, 6, 20, 300, 16_000]);
      pieces.push(body.subarray(at, at + count));
      at += count;
      if (random.oneIn(20)) pieces.push(Buffer.alloc(0));
    }
    return pack(pieces);
  },

  run(input: Uint8Array): number {
    const [optionPiece, ...sent] = unpack(input);
    const options = optionPiece?.[0] ?? 0;
    const pieces = sent.map((piece) => piece.subarray(0, 16_000));
    const isStream = (options & option.stream) !== 0;
    const seen = serve(framesOf(pieces, options), isStream, chunkBytesOf(optionPiece));
    const { messages, isFaulty } = expected(Buffer.concat(pieces));
    const wanted = isStream ? messages : messages.slice(0, 1);
    // A unary call that has its message may be refused for what follows it; what was delivered must be true all the same.
    const isExact = isStream || seen.length > 0 || messages.length === 0;
    invariant(
      !isExact || seen.length === wanted.length,
      `${seen.length} messages, expected ${wanted.length}`,
    );
    seen.forEach((message, at) => {
      invariant(wanted[at]?.equals(message) ?? false, `message ${at} is not what was sent`);
    });
    return (
      (seen.length > 0 ? delivered : 0) |
      (pieces.length > 1 ? severalPieces : 0) |
      (isFaulty ? faulty : 0)
    );
  },
};

function randomMessage(random: FuzzRandom): Buffer {
  const length = random.pick([0, 1, 4, 5, 20, 200, 2_000, rigMessageBytesMax]);
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(length, 1);
  if (random.oneIn(12)) prefix[0] = random.pick([1, 2, 255]);
  if (random.oneIn(12))
    prefix.writeUInt32BE(random.pick([0, rigMessageBytesMax + 1, 2 ** 31, 2 ** 32 - 1]), 1);
  return Buffer.concat([prefix, random.bytes(length)]);
}

/** Bytes of a chunk of the socket; 0 stands for one frame each. */
function chunkBytesOf(optionPiece: Uint8Array | undefined): number {
  const options = optionPiece?.[0] ?? 0;
  if ((options & option.oneChunk) !== 0) return Infinity;
  return (options & option.smallChunks) === 0 ? 0 : 3 + (optionPiece?.[1] ?? 0);
}

/** The messages that a handler got out of these frames. */
function serve(frames: readonly Buffer[], isStream: boolean, chunkBytes: number): Buffer[] {
  const rig = new GrpcRig();
  const seen: Buffer[] = [];
  const keep = (bytes: Uint8Array, start: number, end: number): void => {
    seen.push(Buffer.from(bytes.subarray(start, end)));
  };
  rig.server.addUnary(unaryPath, (call, bytes, start, end) => {
    keep(bytes, start, end);
    call.reply(bytes, start, end);
  });
  rig.server.addStream(streamPath, "bidi", (call) => {
    call.onMessage(keep);
    call.onHalfClose(() => call.finish());
  });
  rig.connect();
  const block = isStream ? heads.stream : heads.unary;
  const open = Buffer.concat([
    prefaceAndSettings,
    frame(frameType.headers, frameFlag.endHeaders, 1, block),
  ]);
  for (const chunk of chunksOf([open, ...frames], chunkBytes)) rig.send(chunk);
  rig.checkOutput();
  rig.hangUp();
  return seen;
}

function chunksOf(frames: readonly Buffer[], chunkBytes: number): readonly Buffer[] {
  if (chunkBytes === 0) return frames;
  const bytes = Buffer.concat(frames);
  // Large bodies in small chunks would take all of the time.
  const count = Math.min(bytes.length, Math.max(chunkBytes, Math.ceil(bytes.length / 100)));
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += count) chunks.push(bytes.subarray(at, at + count));
  return chunks;
}
