/** The stream "message": any chunks of it, what is no stream, and Go's own bytes. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import type { LogIndex, MemberId } from "../../../node/lib/units.ts";
import { writeMessage } from "../../../node/peer/message-codec.ts";
import {
  FrameError,
  frameBytesMax,
  MessageDecoder,
  MessageEncoder,
} from "../../../node/peer/message-frames.ts";
import { Writer } from "../../../node/proto/wire.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import { anyMessage, pieceSizes, plain, takeInPieces } from "./message-lab.ts";

function encoded(messages: readonly (Message | "heartbeat")[]): Uint8Array {
  const writer = new Writer(16);
  const encoder = new MessageEncoder();
  for (const one of messages)
    if (one === "heartbeat") encoder.heartbeat(writer);
    else encoder.encode(writer, one);
  return writer.finish();
}

function decoded(stream: Uint8Array, sizes: readonly number[] = []): Message[] {
  const messages: Message[] = [];
  takeInPieces(new MessageDecoder((one) => messages.push(one)), stream, sizes);
  return messages;
}

function header(length: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(length);
  return bytes;
}

const isFrameError = (error: unknown): boolean => error instanceof FrameError;
const beat = message({ type: "MsgHeartbeat", to: 2n as MemberId, commit: 7 as LogIndex });

suite("message stream", () => {
  test("any chunks of a stream give its messages, without the heartbeats of the link", () => {
    const parts = fc.array(fc.oneof(anyMessage, fc.constant("heartbeat" as const)), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(parts, pieceSizes, (some, sizes) => {
        const isLinkHeartbeat = (one: Message): boolean =>
          one.type === "MsgHeartbeat" && one.from === 0n && one.to === 0n;
        const messages = some.filter((one) => one !== "heartbeat");
        const wanted = plain(messages.filter((one) => !isLinkHeartbeat(one)));
        const stream = encoded(some);
        assert.deepEqual(plain(decoded(stream, sizes)), wanted);
        assert.deepEqual(plain(decoded(stream)), wanted);
      }),
      { numRuns: 300 },
    );
  });

  test("a frame is the length in eight bytes and the message", () => {
    const writer = new Writer(16);
    writeMessage(writer, beat);
    const content = writer.finish();
    const wanted = Buffer.concat([header(BigInt(content.length)), content]);
    assert.deepEqual(Buffer.from(encoded([beat])), wanted);
    assert.deepEqual(
      Buffer.from(encoded(["heartbeat"])),
      Buffer.from("00000000000000020808", "hex"),
    );
  });

  test("a frame of more than 512 MiB is refused when its length is there", () => {
    for (const length of [frameBytesMax + 1, 2 ** 32, 2 ** 53].map(BigInt).concat(2n ** 64n - 1n)) {
      assert.throws(() => decoded(header(length)), isFrameError, String(length));
    }
  });

  test("a length is no memory: what is held grows with the bytes that arrive", () => {
    const decoder = new MessageDecoder(() => assert.fail("there is no message"));
    const before = process.memoryUsage().arrayBuffers;
    decoder.take(header(BigInt(frameBytesMax)));
    for (let at = 0; at < 32; at++) decoder.take(Buffer.alloc(1024));
    const taken = process.memoryUsage().arrayBuffers - before;
    assert.ok(taken < 1024 * 1024, `${taken} bytes were taken for 32 KiB`);
  });

  test("a frame larger than all chunks is read whole, and the one behind it", () => {
    const data = new Uint8Array(3_000_000).map((_, at) => at);
    const sent = message({ type: "MsgAppResp", to: 1n as MemberId, context: data });
    const stream = encoded([sent, beat]);
    assert.deepEqual(plain(decoded(stream, [65_536])), plain([sent, beat]));
  });

  test("content that is no message ends the stream", () => {
    for (const content of ["08", "0813", "0803 3a05", "00"]) {
      const bytes = Buffer.from(content.replace(" ", ""), "hex");
      const stream = Buffer.concat([encoded([beat]), header(BigInt(bytes.length)), bytes]);
      const messages: Message[] = [];
      const decoder = new MessageDecoder((one) => messages.push(one));
      assert.throws(() => decoder.take(stream), isFrameError);
      assert.equal(messages.length, 1);
    }
  });

  test("a stream that is cut off or changed gives messages or a FrameError", () => {
    const change = fc.record({ at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) });
    const many = fc.array(anyMessage, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(many, change, pieceSizes, (messages, { at, by }, sizes) => {
        const stream = encoded(messages);
        const cut = stream.subarray(0, at % stream.length);
        assert.ok(decoded(cut, sizes).length < messages.length);
        stream[at % stream.length] = (stream[at % stream.length] as number) ^ by;
        try {
          decoded(stream, sizes);
        } catch (error) {
          assert.ok(isFrameError(error), String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});
