/** The stream "msgapp": the state both ends keep, any chunks of it, what is no stream, and both streams of etcd's transport. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import type { ClusterId, LogIndex, MemberId, Term } from "../../../node/lib/units.ts";
import { messageEntriesMax, writeEntry } from "../../../node/peer/message-codec.ts";
import {
  type FrameEncoder,
  FrameError,
  frameBytesMax,
  MessageDecoder,
  MessageEncoder,
  writeUint64,
} from "../../../node/peer/message-frames.ts";
import { MsgAppV2Decoder, MsgAppV2Encoder } from "../../../node/peer/msgapp-v2.ts";
import { tagOf, Writer, wireType } from "../../../node/proto/wire.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import type { Entry } from "../../../node/raft/types.ts";
import { needs } from "../../support/peers.ts";
import { RafthttpPeer } from "../../support/rafthttp-peer.ts";
import {
  anyMessage,
  DialledStream,
  leadersMessages,
  pieceSizes,
  plain,
  StreamServer,
  takeInPieces,
} from "./message-lab.ts";

const local = 0xfedcba9876543210n as MemberId;
const remote = 2n as MemberId;

function framesOf(encoder: FrameEncoder, messages: readonly Message[]): Uint8Array[] {
  return messages.map((one) => {
    const writer = new Writer(16);
    encoder.encode(writer, one);
    return writer.finish();
  });
}

function decoded(stream: Uint8Array, sizes: readonly number[] = []): Message[] {
  const messages: Message[] = [];
  const onMessage = (one: Message): number => messages.push(one);
  takeInPieces(new MsgAppV2Decoder({ local, remote, onMessage }), stream, sizes);
  return messages;
}

const entry = (term: number, index: number, data = "x"): Entry => ({
  term: term as Term,
  index: index as LogIndex,
  type: 0,
  data: Buffer.from(data),
});

const app = (
  term: number,
  logTerm: number,
  index: number,
  entries: readonly Entry[] = [],
): Message =>
  message({
    type: "MsgApp",
    to: local,
    from: remote,
    term: term as Term,
    logTerm: logTerm as Term,
    index: index as LogIndex,
    entries,
    commit: 3 as LogIndex,
  });

const kinds = (frames: readonly Uint8Array[]): number[] =>
  frames.map((frame) => frame[0] as number);
const isFrameError = (error: unknown): boolean => error instanceof FrameError;
const whole = (frames: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(frames));

suite("msgapp stream", () => {
  test("what follows the last message in the same term goes as entries alone", () => {
    const frames = framesOf(new MsgAppV2Encoder(), [
      app(2, 2, 10),
      app(2, 2, 10, [entry(2, 11), entry(2, 12)]),
      app(2, 2, 12),
      app(2, 2, 12, [entry(2, 13)]),
    ]);
    assert.deepEqual(kinds(frames), [2, 1, 1, 1]);
    assert.equal(
      Buffer.from(frames[3] as Uint8Array).toString("hex"),
      "01 0000000000000001 0000000000000007 1002180d220178 0000000000000003".replaceAll(" ", ""),
    );
  });

  test("another place, another term and older entries go as a whole message", () => {
    const probes = [
      app(2, 2, 10, [entry(2, 11)]),
      app(2, 2, 10, [entry(2, 11)]), // sent again
      app(2, 2, 12, [entry(2, 13)]), // a gap
      app(3, 2, 13, [entry(3, 14)]), // a new term
      app(3, 3, 14, [entry(3, 15)]),
      app(3, 2, 15, [entry(3, 16)]), // the entry before is of an older term
      app(3, 3, 16),
    ];
    assert.deepEqual(kinds(framesOf(new MsgAppV2Encoder(), probes)), [2, 2, 2, 2, 1, 2, 1]);
  });

  test("any chunks of a leader's stream give its messages, with heartbeats between them", () => {
    let appEntries = 0;
    fc.assert(
      fc.property(leadersMessages(remote, local), pieceSizes, (messages, sizes) => {
        const frames = framesOf(new MsgAppV2Encoder(), messages);
        appEntries += kinds(frames).filter((kind) => kind === 1).length;
        const stream = whole(frames.flatMap((frame) => [Uint8Array.of(0), frame]));
        assert.deepEqual(plain(decoded(stream, sizes)), plain(messages));
        assert.deepEqual(plain(decoded(stream)), plain(messages));
      }),
      { numRuns: 300 },
    );
    assert.ok(appEntries > 500, String(appEntries));
  });

  test("entries before the first message of the stream are refused", () => {
    const [, second] = framesOf(new MsgAppV2Encoder(), [app(2, 2, 10), app(2, 2, 10)]);
    assert.throws(() => decoded(second as Uint8Array), isFrameError);
  });

  test("entries that do not follow the stream's last one are refused", () => {
    const [first, second] = framesOf(new MsgAppV2Encoder(), [
      app(2, 2, 10),
      app(2, 2, 10, [entry(2, 11)]),
    ]);
    const stream = whole([first as Uint8Array, second as Uint8Array]);
    assert.equal(decoded(stream).length, 2);
    assert.throws(() => decoded(whole([stream, second as Uint8Array])), isFrameError);
  });

  test("no other type of message is in the stream", () => {
    const [frame] = framesOf(new MessageEncoder(), [message({ type: "MsgVote", to: local })]);
    assert.throws(() => decoded(whole([Uint8Array.of(2), frame as Uint8Array])), isFrameError);
    const vote = message({ type: "MsgVote", to: local });
    assert.throws(() => framesOf(new MsgAppV2Encoder(), [vote]), /MsgApp only/);
  });

  test("unknown frames, counts and lengths beyond the limits are refused when they are there", () => {
    const first = whole(framesOf(new MsgAppV2Encoder(), [app(2, 2, 10)]));
    const uint64 = (value: bigint): Buffer => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(value);
      return bytes;
    };
    const count = (value: bigint): Uint8Array => whole([first, Uint8Array.of(1), uint64(value)]);
    const tooLong = uint64(512n * 1024n * 1024n + 1n);
    assert.throws(() => decoded(Uint8Array.of(3)), isFrameError);
    for (const value of [BigInt(messageEntriesMax) + 1n, 2n ** 53n, 2n ** 64n - 1n])
      assert.throws(() => decoded(count(value)), isFrameError);
    assert.throws(() => decoded(whole([count(1n), tooLong])), isFrameError);
    assert.throws(() => decoded(whole([Uint8Array.of(2), tooLong])), isFrameError);
    assert.throws(() => decoded(whole([count(0n), uint64(2n ** 53n)])), isFrameError);
    assert.equal(decoded(whole([count(0n), uint64(5n)])).length, 2);
  });

  test("entries of more than 512 MiB together are refused", () => {
    const mebibyte = 1024 * 1024;
    // A field that nobody knows makes an entry long without anything to keep.
    const bytes = new Writer(mebibyte + 32);
    const encode = (index: number): void => {
      bytes.reset();
      writeEntry(bytes, entry(2, index, ""));
      bytes.varint(tagOf(100, wireType.bytes));
      bytes.varint(mebibyte);
      bytes.position += mebibyte;
    };
    const start = new Writer(64);
    new MsgAppV2Encoder().encode(start, app(2, 2, 1000));
    start.byte(1);
    writeUint64(start, 1000);
    const decoder = new MsgAppV2Decoder({ local, remote, onMessage: () => undefined });
    decoder.take(start.finish());
    let taken = 0;
    const takeEntry = (index: number): void => {
      encode(index);
      const length = new Writer(8);
      writeUint64(length, bytes.position);
      decoder.take(length.finish());
      decoder.take(bytes.buffer.subarray(0, bytes.position));
      taken += bytes.position;
    };
    assert.throws(() => {
      for (let index = 1001; index < 2000; index++) takeEntry(index);
    }, isFrameError);
    assert.ok(taken <= frameBytesMax && taken > frameBytesMax - 2 * mebibyte, String(taken));
  });

  test("a stream that is cut off or changed gives messages or a FrameError", () => {
    const change = fc.record({ at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) });
    fc.assert(
      fc.property(
        leadersMessages(remote, local),
        change,
        pieceSizes,
        (messages, { at, by }, sizes) => {
          const stream = whole(framesOf(new MsgAppV2Encoder(), messages));
          if (stream.length === 0) return;
          assert.ok(
            decoded(stream.subarray(0, at % stream.length), sizes).length < messages.length,
          );
          stream[at % stream.length] = (stream[at % stream.length] as number) ^ by;
          try {
            decoded(stream, sizes);
          } catch (error) {
            assert.ok(isFrameError(error), String(error));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

suite("both streams and etcd's transport", needs("rafthttp"), () => {
  const cluster = 0xcafen as ClusterId;
  const seed = 5;
  const apps = (from: MemberId, to: MemberId): Message[] =>
    fc.sample(leadersMessages(from, to), { numRuns: 40, seed }).flat();
  /** What goes over the stream "message": no MsgApp, which has its own, and no MsgSnap. */
  const others = (from: MemberId, to: MemberId): Message[] =>
    fc
      .sample(anyMessage, { numRuns: 400, seed })
      .filter(({ type }) => type !== "MsgApp" && type !== "MsgSnap")
      .map((one) => ({ ...one, from, to }));

  test("its streams have the bytes that ours have", async () => {
    const peer = await RafthttpPeer.start({ id: remote, clusterId: cluster });
    await peer.addPeer(local, "http://127.0.0.1:1");
    const ids = { own: local, peer: remote, cluster };
    const streams = [
      {
        name: "msgapp",
        encoder: new MsgAppV2Encoder(),
        heartbeat: Uint8Array.of(0),
        messages: apps(remote, local),
      },
      {
        name: "message",
        encoder: new MessageEncoder(),
        heartbeat: Buffer.from("00000000000000020808", "hex"),
        messages: others(remote, local),
      },
    ] as const;
    const dialled = await Promise.all(
      streams.map(({ name }) => DialledStream.open(peer.url, name, ids)),
    );
    try {
      // Its heartbeat says that the peer writes there from now on.
      await Promise.all(dialled.map((stream) => stream.has(1)));
      for (const [at, { encoder, heartbeat, messages }] of streams.entries()) {
        const stream = dialled[at] as DialledStream;
        await peer.send(...messages);
        let position = 0;
        for (const frame of framesOf(encoder, messages)) {
          for (;;) {
            await stream.has(position + Math.max(frame.length, heartbeat.length));
            const isHeartbeat =
              startsWith(stream.bytes, position, heartbeat) && !startsWith(frame, 0, heartbeat);
            if (!isHeartbeat) break;
            position += heartbeat.length;
          }
          const found = Buffer.from(stream.bytes.subarray(position, position + frame.length));
          assert.equal(found.toString("hex"), Buffer.from(frame).toString("hex"));
          position += frame.length;
        }
      }
    } finally {
      for (const stream of dialled) stream.close();
      await peer.close();
    }
  });

  test("it reads our streams", async () => {
    const server = await StreamServer.open(cluster);
    const peer = await RafthttpPeer.start({
      id: remote,
      clusterId: cluster,
      peers: new Map([[local, server.url]]),
      hex: true,
    });
    try {
      const streams = [
        { name: "msgapp", encoder: new MsgAppV2Encoder(), messages: apps(local, remote) },
        { name: "message", encoder: new MessageEncoder(), messages: others(local, remote) },
      ] as const;
      for (const { name, encoder, messages } of streams) {
        const stream = await server.stream(name);
        const writer = new Writer(1024);
        encoder.heartbeat(writer);
        stream.write(writer.finish());
        stream.write(whole(framesOf(encoder, messages)));
        const isOfStream = (type: string): boolean => (type === "MsgApp") === (name === "msgapp");
        const received = await peer.received(messages.length, ({ type }) => isOfStream(type));
        // Proposals take another way inside of it, and may fall behind.
        const byType = (type: string, are: boolean) => are === (type === "MsgProp");
        for (const are of [true, false]) {
          const got = received.filter(({ type }) => byType(type, are));
          const sent = messages.filter(({ type }) => byType(type, are));
          assert.deepEqual(
            plain(got.map(({ hex = "" }) => messageOf(Buffer.from(hex, "hex")))),
            plain(sent),
          );
        }
      }
    } finally {
      await peer.close();
      server.close();
    }
  });
});

function startsWith(bytes: Uint8Array, at: number, what: Uint8Array): boolean {
  return what.every((byte, offset) => bytes[at + offset] === byte);
}

/** Go's bytes, read as the one message of a stream. */
function messageOf(bytes: Buffer): Message {
  const header = Buffer.alloc(8);
  header.writeBigUInt64BE(BigInt(bytes.length));
  let found: Message | undefined;
  new MessageDecoder((one) => {
    found = one;
  }).take(Buffer.concat([header, bytes]));
  assert.ok(found);
  return found;
}
