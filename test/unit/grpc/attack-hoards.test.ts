/**
 * Hoards: clients that make us keep memory for them, or a connection open, and the bound of limits.ts that ends each.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clientPreface } from "../../../node/grpc/accept.ts";
import { errorCode, frameFlag, frameType } from "../../../node/grpc/frame.ts";
import {
  assemblyBytesMax,
  blockedOutputBytesMax,
  connectionWindowBytes,
  flushBytes,
  openHeaderBytesMax,
  prefaceTimeoutMs,
  queuedReplyBytesMax,
  queuedReplyBytesSoft,
  readBytesPerTurn,
  smallReplyBytesMax,
  tickMs,
} from "../../../node/grpc/limits.ts";
import { statusCode } from "../../../node/grpc/status.ts";
import type { UnaryCall } from "../../../node/grpc/unary-call.ts";
import { FakeClient, frame, headFields, message, setting, uint32 } from "./fake-client.ts";
import { TestHpackEncoder } from "./hpack-encoder.ts";

const holdPath = "/test.Svc/Hold";
const unlimited = 0xffff_ffff;
const windowUpdate = (id: number, increment: number) =>
  frame(frameType.windowUpdate, 0, id, uint32(increment));
const mib = new Uint8Array(1_048_576);

type Options = ConstructorParameters<typeof FakeClient>[0];

function attacker(options: Options, ...first: Buffer[]): { client: FakeClient; held: UnaryCall[] } {
  const client = new FakeClient({ maxConcurrentStreams: unlimited, ...options });
  const held: UnaryCall[] = [];
  client.server.addUnary(holdPath, (call) => held.push(call));
  client.connect(...first);
  return { client, held };
}

describe("replies that the client does not take", () => {
  const statusOf = (client: FakeClient, id: number) => client.answer(id).headers["grpc-status"];

  test("are refused above limits.ts queuedReplyBytesMax, also those of calls under way", () => {
    const { client, held } = attacker({}, setting(4, 0));
    const most = queuedReplyBytesMax / mib.length;
    for (let id = 1; id < 2 * (most + 50); id += 2) client.send(client.request(id, holdPath, "x"));
    for (const call of held) call.reply(mib, 0, mib.length);
    client.timers.endTurn();
    assert.equal(statusOf(client, 1), undefined);
    const refused = held.filter((_, at) => statusOf(client, 1 + 2 * at) !== undefined);
    assert.ok(refused.length >= 49, `${refused.length} refused`);
    assert.equal(statusOf(client, 2 * held.length - 1), String(statusCode.resourceExhausted));
  });

  test("are refused when the socket takes nothing, however wide the windows", () => {
    const { client, held } = attacker({}, setting(4, 0x7fff_ffff), windowUpdate(0, 0x7000_0000));
    const most = queuedReplyBytesMax / mib.length;
    for (let id = 1; id < 2 * (most + 50); id += 2) client.send(client.request(id, holdPath, "x"));
    client.socket.takesAll = false;
    const written = client.output.length;
    for (const call of held) call.reply(mib, 0, mib.length);
    client.timers.endTurn();
    assert.ok(client.output.length - written <= 2 * flushBytes, "one write, then none");
    client.socket.drain();
    for (let turn = 0; turn < 1_000; turn++) client.timers.endTurn();
    assert.equal(statusOf(client, 2 * held.length - 1), String(statusCode.resourceExhausted));
  });

  test("do not keep the small answer of a write from leaving: up to smallReplyBytesMax they wait all the same", () => {
    const { client, held } = attacker({}, setting(4, 0));
    const most = queuedReplyBytesMax / mib.length + 1;
    for (let id = 1; id < 2 * (most + 2); id += 2) client.send(client.request(id, holdPath, "x"));
    for (const call of held.slice(0, most)) call.reply(mib, 0, mib.length);
    held[most]?.reply(mib, 0, smallReplyBytesMax);
    const id = 2 * most + 1;
    client.send(windowUpdate(0, 1_000_000), windowUpdate(id, 1_000_000));
    assert.equal(client.answer(id).trailers["grpc-status"], "0");
  });

  test("stop new requests: at queuedReplyBytesSoft the window stays shut, at queuedReplyBytesMax streams are refused", () => {
    const { client, held } = attacker({}, setting(4, 0));
    let id = 1;
    for (; (held.length * mib.length) / 2 < queuedReplyBytesSoft; id += 2) {
      client.send(client.request(id, holdPath, "x"));
      held.at(-1)?.reply(mib, 0, mib.length);
    }
    const updates = () => client.framesOf(frameType.windowUpdate).filter((it) => it.streamId === 0);
    const before = updates().length;
    const piece = new Uint8Array(16_000);
    client.send(client.headers(id, headFields(holdPath)));
    for (let sent = 0; sent < connectionWindowBytes / 2; sent += piece.length)
      client.send(frame(frameType.data, 0, id, piece));
    assert.equal(updates().length, before);
    while (held.length * mib.length <= queuedReplyBytesMax) {
      id += 2;
      client.send(client.request(id, holdPath, ""));
      held.at(-1)?.reply(mib, 0, mib.length);
    }
    client.send(client.request(id + 2, holdPath, ""));
    assert.equal(client.answer(id + 2).resetCode, errorCode.refusedStream);
  });

  test("pause the reading above limits.ts blockedOutputBytesMax while the socket takes nothing", () => {
    const { client, held } = attacker({});
    client.socket.takesAll = false;
    const half = Math.ceil(blockedOutputBytesMax / 2) + 1;
    for (const id of [1, 3, 5]) client.send(client.request(id, holdPath, "x"));
    held[0]?.reply(mib, 0, half);
    client.timers.endTurn();
    assert.equal(client.socket.isPaused, false);
    held[1]?.reply(mib, 0, half);
    held[2]?.reply(mib, 0, half);
    client.timers.endTurn();
    assert.equal(client.socket.isPaused, true);
  });

  test("of all connections are bounded together: above the total the largest are closed, nobody else is refused", () => {
    const share = 4 * mib.length;
    const memoryLimits = {
      queuedReplyBytesTotalMax: 3 * share,
      assemblyBytesTotalMax: 3 * share,
      connectionShareBytes: share,
    };
    const { client, held } = attacker({ memoryLimits }, setting(4, 0));
    const hoard = (of: FakeClient, replies: number) => {
      for (let id = 1; id < 2 * replies; id += 2) {
        of.send(of.request(id, holdPath, "x"));
        held.at(-1)?.reply(mib, 0, mib.length);
      }
    };
    hoard(client, 10);
    const smaller = new FakeClient({}, client).connect(setting(4, 0));
    hoard(smaller, 6);
    const honest = new FakeClient({}, client).connect();
    honest.send(honest.request(1, holdPath, "x"));
    held.at(-1)?.reply(mib, 0, 60_000);
    honest.timers.endTurn();
    assert.equal(honest.answer(1).trailers["grpc-status"], "0");
    client.timers.advance(tickMs);
    assert.equal(client.goAwayCode, errorCode.enhanceYourCalm);
    assert.equal(smaller.goAwayCode, undefined);
    assert.equal(honest.goAwayCode, undefined);
  });

  test("and windows opened by a byte: an honest deadline ends what is left", () => {
    const { client, held } = attacker({}, setting(4, 1));
    client.send(client.request(1, holdPath, "x", [{ name: "grpc-timeout", value: "10S" }]));
    held[0]?.reply(mib, 0, mib.length);
    for (let count = 0; count < 1_000; count++) client.send(windowUpdate(1, 1));
    const data = client.framesOf(frameType.data);
    assert.equal(data.length, 1_001);
    client.timers.advance(10_100);
    assert.equal(client.answer(1).resetCode, errorCode.cancel);
  });
});

describe("messages that never become whole", () => {
  test("are failed above limits.ts assemblyBytesMax, the newest first", () => {
    const { client, held } = attacker({});
    const piece = new Uint8Array(16_384);
    const perStream = 60;
    let id = 1;
    for (let sent = 0; sent <= assemblyBytesMax + 2_000_000; id += 2) {
      client.send(client.headers(id, headFields(holdPath)));
      client.send(frame(frameType.data, 0, id, [0, ...uint32(1_900_000)]));
      for (let at = 0; at < perStream; at++, sent += piece.length)
        client.send(frame(frameType.data, 0, id, piece));
    }
    assert.equal(held.length, 0);
    assert.equal(client.answer(1).headers["grpc-status"], undefined);
    const last = client.answer(id - 2).headers["grpc-status"];
    assert.equal(last, String(statusCode.resourceExhausted));
  });

  test("take memory for what has come, not for what they announce", () => {
    const { client } = attacker({});
    const before = process.memoryUsage().arrayBuffers;
    for (let id = 1; id < 4_000; id += 2) {
      client.send(client.headers(id, headFields(holdPath)));
      client.send(frame(frameType.data, 0, id, [0, ...uint32(1_900_000), 1]));
    }
    // 2,000 announce 3.8 GB.
    assert.ok(process.memoryUsage().arrayBuffers - before < 200_000_000);
  });
});

describe("header lists of open streams", () => {
  /** A request with 15,000 bytes of metadata, without body. */
  const fatBlock = Buffer.from(
    new TestHpackEncoder().block([
      ...headFields(holdPath).map((field) => ({ ...field, as: "plain" as const })),
      { name: "fat", value: "x".repeat(15_000), as: "plain", isHuffman: false },
    ]),
  );
  const body = message("");
  const fat = (id: number): Buffer =>
    Buffer.concat([
      frame(frameType.headers, frameFlag.endHeaders, id, fatBlock),
      frame(frameType.data, frameFlag.endStream, id, body),
    ]);

  test("are bounded by limits.ts openHeaderBytesMax: further streams are refused until others end", () => {
    const { client, held } = attacker({});
    const most = Math.floor(openHeaderBytesMax / 15_000) + 20;
    let id = 1;
    for (; id < 2 * most; id += 2) client.send(fat(id));
    assert.ok(held.length * 15_000 <= openHeaderBytesMax + 15_500, `${held.length} calls`);
    assert.equal(client.answer(id - 2).resetCode, errorCode.refusedStream);
    for (const call of held.slice(0, 5)) call.reply(mib, 0, 0);
    client.timers.endTurn();
    const before = held.length;
    client.send(fat(id));
    assert.equal(held.length, before + 1);
  });

  test("of 100,000 honest calls at once are within it", () => {
    const { client, held } = attacker({});
    for (let id = 1; id < 200_000; id += 400) {
      const requests: Buffer[] = [];
      for (let at = 0; at < 400; at += 2) requests.push(client.request(id + at, holdPath, ""));
      client.send(...requests);
    }
    assert.equal(held.length, 100_000);
  });
});

describe("a slow client", () => {
  test("that says nothing, or a byte at a time, is cut by limits.ts prefaceTimeoutMs", () => {
    const silent = new FakeClient().serve();
    const slow = new FakeClient().serve();
    for (let at = 0; at < clientPreface.length - 1; at++) {
      slow.send(clientPreface.subarray(at, at + 1));
      slow.timers.advance(prefaceTimeoutMs / clientPreface.length);
    }
    silent.timers.advance(prefaceTimeoutMs + 100);
    slow.timers.advance(prefaceTimeoutMs / clientPreface.length + 100);
    for (const client of [silent, slow]) {
      assert.equal(client.socket.isDestroyed, true);
      assert.equal(client.server.openConnections, 0);
    }
  });

  test("that sends its request a byte at a time is served, and another client meanwhile", () => {
    const client = new FakeClient().withEcho();
    client.serve();
    const bytes = Buffer.concat([
      clientPreface,
      frame(frameType.settings, 0, 0, []),
      client.request(1, "/test.Svc/Echo", "slow"),
    ]);
    for (let at = 0; at < bytes.length; at++) client.send(bytes.subarray(at, at + 1));
    assert.deepEqual(client.answer(1).data, message("slow"));
  });

  test("whose request has a deadline is answered when that is over, whole or not", () => {
    const { client } = attacker({});
    client.send(
      client.headers(1, headFields(holdPath, [{ name: "grpc-timeout", value: "1S" }])),
      frame(frameType.data, 0, 1, [0, 0]),
    );
    client.timers.advance(1_100);
    const { headers } = client.answer(1);
    assert.equal(headers["grpc-status"], String(statusCode.deadlineExceeded));
  });
});

describe("a client that sends much", () => {
  test("rests above limits.ts readBytesPerTurn until the turn is over", () => {
    const { client } = attacker({});
    const { socket, timers } = client;
    socket.receive(client.headers(1, headFields(holdPath)));
    const piece = frame(frameType.data, 0, 1, new Uint8Array(16_000));
    for (let sent = 0; sent + piece.length < readBytesPerTurn; sent += piece.length)
      socket.receive(piece);
    socket.receive(piece);
    assert.equal(socket.isPaused, true);
    timers.endTurn();
    assert.equal(socket.isPaused, false);
    socket.receive(piece);
    assert.equal(socket.isPaused, false);
  });

  test("is not read on at the end of the turn while its answers are not taken", () => {
    const { client, held } = attacker({});
    const { socket } = client;
    for (const id of [1, 3]) client.send(client.request(id, holdPath, "x"));
    socket.takesAll = false;
    for (const call of held) call.reply(mib, 0, mib.length);
    client.timers.endTurn();
    assert.equal(socket.isPaused, true);
    const piece = frame(0x42, 0, 1, new Uint8Array(16_000));
    for (let sent = 0; sent < 2 * readBytesPerTurn; sent += piece.length) socket.receive(piece);
    client.timers.endTurn();
    assert.equal(socket.isPaused, true);
    socket.drain();
    assert.equal(socket.isPaused, false);
  });
});
