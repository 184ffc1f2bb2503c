import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { clientPreface } from "../../../node/grpc/accept.ts";
import { errorCode, frameFlag, frameType, readUint32 } from "../../../node/grpc/frame.ts";
import {
  closeTimeoutMs,
  continuationFramesMax,
  headerListBytesMax,
  idleFramesMax,
  prefaceTimeoutMs,
  resetStreamsMax,
  shutdownGraceMs,
  shutdownPingTimeoutMs,
} from "../../../node/grpc/limits.ts";
import type { UnaryCall } from "../../../node/grpc/unary-call.ts";
import {
  echoPath,
  FakeClient,
  frame,
  headFields,
  message,
  setting,
  uint32,
} from "./fake-client.ts";

const holdPath = "/test.Svc/Hold";

function withHold(client: FakeClient): UnaryCall[] {
  const calls: UnaryCall[] = [];
  client.server.addUnary(holdPath, (call) => calls.push(call));
  return calls;
}

const endsAll = frameFlag.endHeaders | frameFlag.endStream;
const cancel = (streamId: number) =>
  frame(frameType.rstStream, 0, streamId, uint32(errorCode.cancel));

describe("the preface", () => {
  test("is answered by settings, the connection window and an acknowledgement", () => {
    const client = new FakeClient({ maxConcurrentStreams: 4_294_967_295 }).connect();
    const types = client.frames.map(({ type, flags }) => [type, flags]);
    assert.deepEqual(types, [
      [frameType.settings, 0],
      [frameType.windowUpdate, 0],
      [frameType.settings, frameFlag.ack],
    ]);
    assert.equal(readUint32(client.frames[0]?.payload as Buffer, 2), 0x7fff_ffff);
  });

  test("must come in time", () => {
    const client = new FakeClient().serve();
    client.send(clientPreface.subarray(0, 10));
    client.timers.advance(prefaceTimeoutMs - 100);
    assert.equal(client.socket.isDestroyed, false);
    client.timers.advance(200);
    assert.equal(client.socket.isDestroyed, true);
    assert.equal(client.server.openConnections, 0);
  });

  test("must be followed by SETTINGS", () => {
    const client = new FakeClient()
      .withEcho()
      .connect(frame(frameType.ping, 0, 0, new Uint8Array(8)));
    assert.equal(client.goAwayCode, errorCode.protocolError);
  });

  test("that is an HTTP/1 request gives the connection away whole and unanswered, wherever the bytes are split", () => {
    for (const text of [
      "GET /health HTTP/1.1\r\n\r\n",
      "PRI * HTTP/1.1\r\n\r\n",
      "PUT / HTTP/1.0\n\n",
      `GET /${"a".repeat(4_000)} HTTP/1.7\r\n\r\n`,
    ]) {
      for (let split = 0; split < 15; split++) {
        const client = new FakeClient();
        const given: Buffer[] = [];
        client.server.onHttp1((socket, unread) => {
          given.push(Buffer.from(unread));
          socket.detach(unread);
        });
        client.serve();
        const bytes = Buffer.from(text);
        client.send(bytes.subarray(0, split));
        client.send(bytes.subarray(split));
        assert.equal(given.length, 1);
        const unread = given[0] as Buffer;
        assert.deepEqual(unread, bytes);
        assert.equal(client.output.length, 0);
        assert.equal(client.server.openConnections, 0);
        assert.equal(client.timers.repeatingCount, 0);
      }
    }
  });

  test("that is none ends the connection when nobody takes it", () => {
    const client = new FakeClient().serve();
    client.send(Buffer.from("GET / HTTP/1.1\r\n"));
    assert.equal(client.socket.isDestroyed, true);
  });

  test("that is no HTTP at all ends the connection without a word, as soon as that is clear", () => {
    const garbage = [
      ["INVALID CONNECTION PREFACE\r\n", 27],
      ["GET / HTTP/2.0\r\n", 15],
      ["GET /health\r\n", 12],
      ["PRI * HTTP/2.0\r\nSM\r\n", 16],
      ["\r\nGET / HTTP/1.1\r\n", 1],
      ["\x16\x03\x01\x02\x00", 0],
      ["a".repeat(5_000), 4_095],
    ] as const;
    for (const [text, last] of garbage) {
      const client = new FakeClient();
      client.server.onHttp1(() => assert.fail(text));
      client.serve();
      const bytes = Buffer.from(text, "latin1");
      for (let at = 0; at < last; at++) client.send(bytes.subarray(at, at + 1));
      assert.equal(client.socket.isDestroyed, false, JSON.stringify(text));
      client.send(bytes.subarray(last, last + 1));
      assert.equal(client.socket.isDestroyed, true, JSON.stringify(text));
      assert.equal(client.output.length, 0);
      assert.equal(client.server.openConnections, 0);
    }
  });

  test("whose first line does not end is closed in time", () => {
    const client = new FakeClient().serve();
    client.send(Buffer.from("GET /heal"));
    client.timers.advance(prefaceTimeoutMs + 100);
    assert.equal(client.socket.isDestroyed, true);
  });
});

test("PING is answered with its own bytes; unknown frames and PRIORITY are passed over", () => {
  const client = new FakeClient().withEcho().connect();
  client.send(frame(0x42, 0xff, 7, [1, 2, 3]), frame(frameType.priority, 0, 9, [0, 0, 0, 1, 5]));
  client.send(
    frame(frameType.ping, 0, 0, [8, 7, 6, 5, 4, 3, 2, 1]),
    client.request(1, echoPath, "x"),
  );
  assert.deepEqual(
    [...(client.framesOf(frameType.ping)[0]?.payload ?? [])],
    [8, 7, 6, 5, 4, 3, 2, 1],
  );
  assert.equal(client.answer(1).hasEnded, true);
});

describe("a broken frame ends the connection", () => {
  const cases: Record<string, [number, (client: FakeClient) => Buffer[]]> = {
    "DATA on stream 0": [errorCode.protocolError, () => [frame(frameType.data, 0, 0, [1])]],
    "DATA on an idle stream": [errorCode.protocolError, () => [frame(frameType.data, 0, 3, [1])]],
    "padding beyond the frame": [
      errorCode.protocolError,
      (client) => [
        client.headers(1, headFields(echoPath)),
        frame(frameType.data, frameFlag.padded, 1, [4, 0, 0]),
      ],
    ],
    "HEADERS with an even id": [
      errorCode.protocolError,
      (client) => [client.headers(2, headFields(echoPath))],
    ],
    "a stream id that does not grow": [
      errorCode.protocolError,
      (client) => [
        client.headers(5, headFields(holdPath)),
        client.headers(3, headFields(holdPath)),
      ],
    ],
    "HEADERS on a closed stream": [
      errorCode.streamClosed,
      (client) => [client.request(1, echoPath, "x"), client.headers(1, headFields(echoPath))],
    ],
    "a header block that is no HPACK": [
      errorCode.compressionError,
      () => [frame(frameType.headers, endsAll, 1, [0xff, 0xff, 0xff, 0xff, 0xff])],
    ],
    "a frame within a header block": [
      errorCode.protocolError,
      (client) => [
        client.headers(1, headFields(echoPath), 0),
        frame(frameType.ping, 0, 0, new Uint8Array(8)),
      ],
    ],
    "CONTINUATION of nothing": [
      errorCode.protocolError,
      () => [frame(frameType.continuation, 4, 1, [])],
    ],
    "a frame beyond our size": [
      errorCode.frameSizeError,
      () => [frame(frameType.data, 0, 1, new Uint8Array(16_385))],
    ],
    PUSH_PROMISE: [
      errorCode.protocolError,
      () => [frame(frameType.pushPromise, 4, 1, [0, 0, 0, 2])],
    ],
    "PING of 7 bytes": [
      errorCode.frameSizeError,
      () => [frame(frameType.ping, 0, 0, new Uint8Array(7))],
    ],
    "PING on a stream": [
      errorCode.protocolError,
      () => [frame(frameType.ping, 0, 1, new Uint8Array(8))],
    ],
    "SETTINGS of 5 bytes": [
      errorCode.frameSizeError,
      () => [frame(frameType.settings, 0, 0, new Uint8Array(5))],
    ],
    "SETTINGS acknowledgement with content": [
      errorCode.frameSizeError,
      () => [frame(frameType.settings, frameFlag.ack, 0, new Uint8Array(6))],
    ],
    "SETTINGS on a stream": [errorCode.protocolError, () => [frame(frameType.settings, 0, 1, [])]],
    "a window setting beyond 2^31-1": [errorCode.flowControlError, () => [setting(4, 0x8000_0000)]],
    "a frame size setting out of range": [errorCode.protocolError, () => [setting(5, 16_383)]],
    "a push setting out of range": [errorCode.protocolError, () => [setting(2, 2)]],
    "WINDOW_UPDATE of 0 for the connection": [
      errorCode.protocolError,
      () => [frame(frameType.windowUpdate, 0, 0, uint32(0))],
    ],
    "WINDOW_UPDATE on an idle stream": [
      errorCode.protocolError,
      () => [frame(frameType.windowUpdate, 0, 1, uint32(1))],
    ],
    "RST_STREAM on an idle stream": [errorCode.protocolError, () => [cancel(1)]],
    "RST_STREAM of wrong size": [
      errorCode.frameSizeError,
      () => [frame(frameType.rstStream, 0, 1, [0])],
    ],
    "GOAWAY on a stream": [
      errorCode.protocolError,
      () => [frame(frameType.goAway, 0, 1, new Uint8Array(8))],
    ],
  };
  for (const [name, [code, frames]] of Object.entries(cases)) {
    test(name, () => {
      const client = new FakeClient().withEcho();
      const calls = withHold(client);
      client.connect();
      client.send(...frames(client), client.request(99, echoPath, "x"));
      assert.equal(client.goAwayCode, code);
      assert.equal(client.answer(99).hasEnded, false, "nothing is read behind it");
      assert.equal(client.socket.isEnded, true);
      assert.ok(calls.every((call) => call.isOver));
      client.timers.advance(closeTimeoutMs + 100);
      assert.equal(client.socket.isDestroyed, true, "the peer does not close");
    });
  }
});

describe("a malformed request resets its stream only", () => {
  const without = (name: string) => headFields(echoPath).filter((field) => field.name !== name);
  const cases: Record<string, ReturnType<typeof headFields>> = {
    "without :method": without(":method"),
    "without :scheme": without(":scheme"),
    "without :path": without(":path"),
    "with an empty :path": headFields(""),
    "with :path twice": [{ name: ":path", value: "/a" }, ...headFields(echoPath)],
    "with an unknown pseudo-header": [{ name: ":x", value: "1" }, ...headFields(echoPath)],
    "with a response's pseudo-header": [{ name: ":status", value: "200" }, ...headFields(echoPath)],
    "with a pseudo-header behind a field": headFields(echoPath, [
      { name: ":authority", value: "x" },
    ]),
    "with an upper-case name": headFields(echoPath, [{ name: "Token", value: "x" }]),
    "with an empty name": headFields(echoPath, [{ name: "", value: "x" }]),
    "with a line break in a value": headFields(echoPath, [{ name: "token", value: "a\r\nb" }]),
    "with a connection header": headFields(echoPath, [{ name: "connection", value: "close" }]),
    "with te other than trailers": headFields(echoPath, [{ name: "te", value: "gzip" }]),
  };
  for (const [name, fields] of Object.entries(cases)) {
    test(name, () => {
      const client = new FakeClient().withEcho().connect();
      client.send(
        client.headers(1, fields),
        frame(frameType.data, 1, 1, message("x")),
        client.request(3, echoPath, "y"),
      );
      assert.equal(client.answer(1).resetCode, errorCode.protocolError);
      assert.equal(client.goAwayCode, undefined);
      assert.deepEqual(client.answer(3).data, message("y"));
    });
  }

  test("with a header list beyond the limit, and HPACK stays in step", () => {
    const client = new FakeClient().withEcho().connect();
    const big = { name: "big", value: "x".repeat(3_000) };
    const fields = headFields(echoPath, new Array(Math.ceil(headerListBytesMax / 3_000)).fill(big));
    client.send(client.headers(1, fields), client.request(3, echoPath, "y", [big]));
    assert.equal(client.answer(1).resetCode, errorCode.frameSizeError);
    assert.deepEqual(client.answer(3).data, message("y"));
  });
});

describe("a flood", () => {
  const calm = errorCode.enhanceYourCalm;

  test("of CONTINUATION frames ends the connection", () => {
    const client = new FakeClient().withEcho().connect();
    client.send(client.headers(1, headFields(echoPath), 0));
    for (let count = 0; count <= continuationFramesMax; count++)
      client.send(frame(frameType.continuation, 0, 1, []));
    assert.equal(client.goAwayCode, calm);
  });

  test("of header bytes ends the connection", () => {
    const client = new FakeClient().withEcho().connect();
    client.send(client.headers(1, headFields(echoPath), 0));
    for (let count = 0; count < 5; count++)
      client.send(frame(frameType.continuation, 0, 1, new Uint8Array(16_384)));
    assert.equal(client.goAwayCode, calm);
  });

  for (const [name, one] of [
    ["acknowledging PING", frame(frameType.ping, frameFlag.ack, 0, new Uint8Array(8))],
    ["SETTINGS", frame(frameType.settings, 0, 0, [])],
    ["PRIORITY", frame(frameType.priority, 0, 1, [0, 0, 0, 3, 1])],
    ["empty DATA", frame(frameType.data, 0, 1, [])],
  ] as const) {
    test(`of ${name} frames ends the connection, the same number spread over time does not`, () => {
      const hasty = new FakeClient();
      const slow = new FakeClient();
      for (const client of [hasty, slow]) {
        withHold(client);
        client.connect();
        client.send(client.headers(1, headFields(holdPath)));
      }
      const thousand = Buffer.concat(new Array(1_000).fill(one));
      for (let sent = 0; sent <= idleFramesMax; sent += 1_000) {
        hasty.send(thousand);
        slow.send(thousand);
        slow.timers.advance(100);
      }
      assert.equal(hasty.goAwayCode, calm);
      assert.equal(slow.goAwayCode, undefined);
    });
  }

  test("of cancelled requests ends the connection", () => {
    const client = new FakeClient();
    withHold(client);
    client.connect();
    for (let id = 1; id <= resetStreamsMax * 2 + 1; id += 2)
      client.send(client.request(id, holdPath, "x"), cancel(id));
    assert.equal(client.goAwayCode, calm);
  });

  test("of requests that we must reset ends the connection", () => {
    const client = new FakeClient();
    withHold(client);
    client.connect();
    for (let id = 1; id <= resetStreamsMax * 2 + 1; id += 2) {
      client.send(
        client.request(id, holdPath, "x"),
        frame(frameType.windowUpdate, 0, id, uint32(0)),
      );
    }
    assert.equal(client.goAwayCode, calm);
  });
});

test("streams beyond the limit are refused, and taken again once others ended", () => {
  const client = new FakeClient({ maxConcurrentStreams: 2 });
  const calls = withHold(client);
  client.connect();
  for (const id of [1, 3, 5]) client.send(client.request(id, holdPath, "x"));
  assert.equal(client.answer(5).resetCode, errorCode.refusedStream);
  calls[0]?.reply(new Uint8Array(0), 0, 0);
  client.send(client.request(7, holdPath, "x"));
  assert.equal(calls.length, 3);
});

test("any bytes behind the preface are survived", () => {
  const anyFrame = fc
    .tuple(fc.nat(10), fc.nat(255), fc.nat(8), fc.uint8Array({ maxLength: 40 }))
    .map(([type, flags, id, payload]) => frame(type, flags, id, payload));
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 20 }),
      fc.uint8Array({ maxLength: 30 }),
      (frames, rest) => {
        const client = new FakeClient().withEcho().connect();
        client.send(...frames, rest);
        client.timers.advance(100);
        client.socket.close();
        assert.equal(client.server.openConnections, 0);
      },
    ),
    { numRuns: 1_000 },
  );
});

describe("shutdown", () => {
  const lastStreamIds = (client: FakeClient) =>
    client.framesOf(frameType.goAway).map(({ payload }) => readUint32(payload, 0));
  const pingAnswer = (client: FakeClient) =>
    frame(frameType.ping, frameFlag.ack, 0, client.framesOf(frameType.ping)[0]?.payload ?? []);

  test("announces, takes what is under way, answers it, and closes", async () => {
    const client = new FakeClient();
    const calls = withHold(client);
    client.connect();
    client.send(client.request(1, holdPath, "x"));
    const done = client.server.shutdown();
    client.timers.endTurn();
    assert.deepEqual(lastStreamIds(client), [0x7fff_ffff]);
    client.send(
      client.request(3, holdPath, "x"),
      pingAnswer(client),
      client.request(5, holdPath, "x"),
    );
    assert.deepEqual(lastStreamIds(client), [0x7fff_ffff, 3]);
    assert.equal(calls.length, 2);
    for (const call of calls) call.reply(Buffer.from("bye"), 0, 3);
    client.timers.endTurn();
    assert.deepEqual(client.answer(3).data, message("bye"));
    assert.equal(client.socket.isEnded, true);
    client.socket.close();
    await done;
    assert.equal(client.server.openConnections, 0);
  });

  test("does not wait for a client that leaves the announcement unanswered", async () => {
    const client = new FakeClient().withEcho().connect();
    const done = client.server.shutdown();
    client.timers.advance(shutdownPingTimeoutMs + 100);
    assert.deepEqual(lastStreamIds(client), [0x7fff_ffff, 0]);
    assert.equal(client.socket.isEnded, true);
    client.timers.advance(closeTimeoutMs + 100);
    await done;
  });

  test("cuts calls that outlast the grace period", async () => {
    const client = new FakeClient();
    const calls = withHold(client);
    client.connect();
    client.send(client.request(1, holdPath, "x"));
    const done = client.server.shutdown();
    client.timers.advance(shutdownGraceMs + 100);
    await done;
    assert.equal(calls[0]?.isOver, true);
    assert.equal(client.socket.isDestroyed, true);
  });

  test("destroys connections without preface and new ones", async () => {
    const client = new FakeClient().serve();
    await client.server.shutdown();
    assert.equal(client.socket.isDestroyed, true);
    const other = new FakeClient();
    await other.server.shutdown();
    other.serve();
    assert.equal(other.socket.isDestroyed, true);
  });
});
