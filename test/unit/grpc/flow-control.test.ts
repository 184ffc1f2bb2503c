import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { errorCode, frameFlag, frameType, readUint32 } from "../../../node/grpc/frame.ts";
import { connectionWindowBytes, streamWindowBytes } from "../../../node/grpc/limits.ts";
import {
  echoPath,
  FakeClient,
  frame,
  headFields,
  message,
  setting,
  uint32,
} from "./fake-client.ts";

const initialWindow = 4;
const maxFrameSize = 5;
const windowUpdate = (streamId: number, increment: number) =>
  frame(frameType.windowUpdate, 0, streamId, uint32(increment));
const bigPath = "/test.Svc/Big";

/** Adds a method that answers with as many bytes as the request's text says. */
function withBig(client: FakeClient): FakeClient {
  client.server.addUnary(bigPath, (call, bytes, start, end) => {
    const length = Number(Buffer.from(bytes.subarray(start, end)).toString());
    const answer = Buffer.alloc(length + 2, "x");
    call.reply(answer, 1, length + 1);
    answer.fill(0);
  });
  return client;
}

const dataOf = (client: FakeClient) =>
  client.framesOf(frameType.data).map(({ streamId, payload }) => [streamId, payload.length]);

describe("sending", () => {
  test("stops at the stream's window, byte by byte if it must, and ends with trailers", () => {
    const client = new FakeClient().withEcho().connect(setting(initialWindow, 1));
    client.send(client.request(1, echoPath, "abc"));
    for (let sent = 1; sent <= 8; sent++) {
      assert.deepEqual(client.answer(1).data, message("abc").subarray(0, sent));
      assert.equal(client.answer(1).hasEnded, sent === 8);
      client.send(windowUpdate(1, 1));
    }
    assert.equal(client.answer(1).trailers["grpc-status"], "0");
  });

  test("stops at the connection's window", () => {
    const client = withBig(new FakeClient()).connect(setting(initialWindow, 1_000_000));
    client.send(client.request(1, bigPath, "70000"));
    assert.equal(client.answer(1).data.length, 65_535);
    client.send(windowUpdate(0, 4_469));
    assert.equal(client.answer(1).hasEnded, false);
    client.send(windowUpdate(0, 1));
    assert.deepEqual(client.answer(1).data, message(Buffer.alloc(70_000, "x")));
    assert.equal(client.answer(1).hasEnded, true);
  });

  test("follows a changed initial window on open streams, also below zero", () => {
    const client = withBig(new FakeClient()).connect(setting(initialWindow, 100));
    client.send(client.request(1, bigPath, "295"));
    assert.equal(client.answer(1).data.length, 100);
    client.send(setting(initialWindow, 50));
    client.send(windowUpdate(1, 50));
    assert.equal(client.answer(1).data.length, 100, "the window is 0 now");
    client.send(setting(initialWindow, 150));
    assert.equal(client.answer(1).data.length, 200);
    client.send(windowUpdate(1, 1_000));
    assert.equal(client.answer(1).hasEnded, true);
  });

  test("uses frames of the peer's size", () => {
    const client = withBig(new FakeClient()).connect(setting(maxFrameSize, 20_000));
    client.send(client.request(1, bigPath, "50000"));
    assert.deepEqual(dataOf(client), [
      [1, 20_000],
      [1, 20_000],
      [1, 10_005],
    ]);
  });

  test("takes turns between streams, one frame each", () => {
    const client = withBig(new FakeClient()).connect(setting(initialWindow, 1_000_000));
    client.send(client.request(1, bigPath, "65530"));
    client.send(
      client.request(3, bigPath, "40000"),
      client.request(5, bigPath, "40000"),
      client.request(7, bigPath, "1"),
    );
    const before = dataOf(client).length;
    client.send(windowUpdate(0, 1_000_000));
    assert.deepEqual(
      dataOf(client)
        .slice(before)
        .map(([id]) => id),
      [3, 5, 7, 3, 5, 3, 5],
    );
    for (const id of [1, 3, 5, 7]) assert.equal(client.answer(id).hasEnded, true);
  });

  test("a stream without window does not hold up the others", () => {
    const client = withBig(new FakeClient()).connect(setting(initialWindow, 10));
    client.send(client.request(1, bigPath, "100"), client.request(3, bigPath, "3"));
    assert.equal(client.answer(1).hasEnded, false);
    assert.equal(client.answer(3).hasEnded, true);
  });

  test("a reset stream gives its turn away and the rest of its reply is dropped", () => {
    const client = withBig(new FakeClient()).connect(setting(initialWindow, 1_000_000));
    client.send(client.request(1, bigPath, "100000"), client.request(3, bigPath, "100"));
    client.send(
      frame(frameType.rstStream, 0, 1, uint32(errorCode.cancel)),
      windowUpdate(0, 1_000_000),
    );
    assert.equal(client.answer(1).data.length, 65_535);
    assert.equal(client.answer(3).hasEnded, true);
  });

  test("a reply whose deadline passes in the queue is reset", () => {
    const client = withBig(new FakeClient()).connect(setting(initialWindow, 10));
    client.send(client.request(1, bigPath, "100", [{ name: "grpc-timeout", value: "1S" }]));
    client.timers.advance(1_100);
    assert.equal(client.answer(1).resetCode, errorCode.cancel);
  });

  test("any order of windows delivers all replies whole", () => {
    const step = fc.record({
      stream: fc.constantFrom(0, 1, 3, 5),
      increment: fc.integer({ min: 1, max: 300 }),
    });
    fc.assert(
      fc.property(fc.nat(50), fc.array(step, { maxLength: 30 }), (window, steps) => {
        const client = withBig(new FakeClient()).connect(setting(initialWindow, window));
        for (const id of [1, 3, 5]) client.send(client.request(id, bigPath, String(id * 100)));
        for (const { stream, increment } of steps) client.send(windowUpdate(stream, increment));
        for (const id of [1, 3, 5]) client.send(windowUpdate(id, 10_000));
        for (const id of [1, 3, 5]) {
          assert.deepEqual(client.answer(id).data, message(Buffer.alloc(id * 100, "x")));
          assert.equal(client.answer(id).hasEnded, true);
        }
      }),
    );
  });

  test("a window beyond 2^31-1 is an error of the stream or of the connection", () => {
    const client = new FakeClient();
    client.server.addUnary(bigPath, () => {});
    client.connect(setting(initialWindow, 10));
    client.send(client.request(1, bigPath, "100"), windowUpdate(1, 0x7fff_ffff));
    assert.equal(client.answer(1).resetCode, errorCode.flowControlError);
    client.send(windowUpdate(0, 0x7fff_ffff));
    assert.equal(client.goAwayCode, errorCode.flowControlError);
  });
});

describe("receiving", () => {
  const updates = (client: FakeClient, id: number) =>
    client
      .framesOf(frameType.windowUpdate)
      .filter(({ streamId }) => streamId === id)
      .map(({ payload }) => readUint32(payload, 0));

  test("windows are announced in the preface and replenished as bodies come", () => {
    const client = new FakeClient({ receiveMessageBytesMax: 8_000_000 })
      .withEcho()
      .connect(setting(initialWindow, 0x7fff_ffff));
    assert.deepEqual(updates(client, 0), [connectionWindowBytes - 65_535]);
    const body = message(Buffer.alloc(3_000_000, "y"));
    client.send(client.headers(1, headFields(echoPath)));
    for (let at = 0; at < body.length; at += 16_384) {
      const flags = at + 16_384 >= body.length ? frameFlag.endStream : 0;
      client.send(frame(frameType.data, flags, 1, body.subarray(at, at + 16_384)));
    }
    assert.deepEqual(updates(client, 0).slice(1), [connectionWindowBytes / 2]);
    assert.deepEqual(updates(client, 1), new Array(5).fill(streamWindowBytes / 2));
    client.send(windowUpdate(0, 4_000_000));
    assert.deepEqual(client.answer(1).data, body);
  });
});

describe("a socket that is slow", () => {
  test("gets nothing while it holds a write, and everything gathered once it drained", () => {
    const client = new FakeClient().withEcho().connect();
    client.socket.takesAll = false;
    client.send(client.request(1, echoPath, "a"));
    const before = client.socket.writes.length;
    client.send(client.request(3, echoPath, "b"));
    assert.equal(client.socket.writes.length, before);
    client.socket.drain();
    assert.equal(client.socket.writes.length, before + 1);
    assert.deepEqual(client.answer(3).data, message("b"));
  });

  test("has its requests left unread above the limit, until it drained", () => {
    const client = withBig(new FakeClient()).connect(setting(initialWindow, 0x7fff_ffff));
    client.send(windowUpdate(0, 0x7000_0000));
    client.socket.takesAll = false;
    for (let id = 1; id < 31; id += 2) client.send(client.request(id, bigPath, "100000"));
    assert.equal(client.socket.isPaused, true);
    client.socket.drain();
    assert.equal(client.socket.isPaused, false);
    for (let id = 1; id < 31; id += 2) assert.equal(client.answer(id).hasEnded, true);
  });
});
