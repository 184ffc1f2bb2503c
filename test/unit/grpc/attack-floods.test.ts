/**
 * Floods: what costs the client little and us work, and the bound of limits.ts that ends each. The hoards, which cost
 * memory, are attack-hoards.test.ts; the same attacks on a running member are test/attack.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errorCode, frameFlag, frameType } from "../../../node/grpc/frame.ts";
import {
  continuationFramesMax,
  headerBlockBytesMax,
  headerListBytesMax,
  idleFramesMax,
  idleFramesPerTick,
  resetStreamsMax,
  resetStreamsPerTick,
  streamsMovedPerIdleFrame,
  tickMs,
} from "../../../node/grpc/limits.ts";
import type { UnaryCall } from "../../../node/grpc/unary-call.ts";
import { FakeClient, frame, headFields, message, setting, uint32 } from "./fake-client.ts";

const calm = errorCode.enhanceYourCalm;
const holdPath = "/test.Svc/Hold";
const endsAll = frameFlag.endHeaders | frameFlag.endStream;
const rst = (id: number) => frame(frameType.rstStream, 0, id, uint32(errorCode.cancel));
const windowUpdate = (id: number, increment: number) =>
  frame(frameType.windowUpdate, 0, id, uint32(increment));

class Attacker extends FakeClient {
  readonly held: UnaryCall[] = [];

  constructor(maxConcurrentStreams = 0xffff_ffff) {
    super({ maxConcurrentStreams });
    this.server.addUnary(holdPath, (call) => this.held.push(call));
    this.connect();
  }

  get isStopped(): boolean {
    return this.goAwayCode !== undefined;
  }

  /** Sends `one(1), one(3), one(5)...` in bursts, until the connection ends or `count` are sent; returns how many. */
  burst(count: number, one: (streamId: number) => Buffer, from = 1): number {
    let sent = 0;
    for (; sent < count && !this.isStopped; sent += 200) {
      const parts: Buffer[] = [];
      for (let at = 0; at < 200; at++) parts.push(one(from + 2 * (sent + at)));
      this.send(...parts);
    }
    return sent;
  }

  request1(id: number): Buffer {
    return this.request(id, holdPath, "x");
  }

  open(id: number): Buffer {
    return this.headers(id, headFields(holdPath));
  }
}

describe("limits.ts resetStreamsMax ends", () => {
  const closed = (client: Attacker, id: number) => Buffer.concat([client.request1(id), rst(id)]);
  const provoked: Record<string, (client: Attacker, id: number) => Buffer> = {
    "rapid reset (CVE-2023-44487)": closed,
    "a WINDOW_UPDATE of 0 per stream (MadeYouReset, CVE-2025-8671)": (client, id) =>
      Buffer.concat([client.request1(id), windowUpdate(id, 0)]),
    "a window that overflows per stream": (client, id) =>
      Buffer.concat([client.request1(id), windowUpdate(id, 0x7fff_ffff)]),
    "DATA behind the end per stream": (client, id) =>
      Buffer.concat([client.request1(id), frame(frameType.data, 0, id, [1])]),
    "HEADERS behind the end per stream": (client, id) =>
      Buffer.concat([client.request1(id), client.open(id)]),
    "a PRIORITY of wrong size per stream": (client, id) =>
      Buffer.concat([client.request1(id), frame(frameType.priority, 0, id, [1])]),
    "a PRIORITY on itself per stream": (client, id) =>
      Buffer.concat([client.request1(id), frame(frameType.priority, 0, id, [...uint32(id), 1])]),
    "trailers that do not end the stream": (client, id) =>
      Buffer.concat([client.open(id), client.open(id)]),
    "a content-length that does not fit per stream": (client, id) =>
      Buffer.concat([
        client.headers(id, headFields(holdPath, [{ name: "content-length", value: "7" }])),
        frame(frameType.data, frameFlag.endStream, id, message("x")),
      ]),
    "HEADERS without a field": (_, id) => frame(frameType.headers, endsAll, id, []),
    "DATA on streams that have long ended": (_, id) =>
      frame(frameType.data, 0, id - (id > 1 ? 2 : 0), [1]),
  };
  for (const [name, one] of Object.entries(provoked)) {
    test(name, () => {
      const client = new Attacker();
      const from = name.startsWith("DATA on streams") ? 1 : 3;
      if (from === 1) client.send(client.request(0x7000_0001, holdPath, "x"));
      const sent = client.burst(resetStreamsMax * 2, (id) => one(client, id), from);
      assert.equal(client.goAwayCode, calm);
      assert.ok(sent <= resetStreamsMax + 200, `${sent} streams`);
      // The work begun for the attacker is bounded by the same number, and nobody waits for it.
      assert.ok(client.held.length <= resetStreamsMax + 1);
      assert.ok(client.held.every((call) => call.isOver));
      client.timers.advance(2_000);
      assert.equal(client.server.openConnections, 0);
    });
  }

  test("streams refused for their number", () => {
    const client = new Attacker(1);
    client.send(client.request1(1));
    client.burst(resetStreamsMax * 2, (id) => client.request1(id), 3);
    assert.equal(client.goAwayCode, calm);
    assert.equal(client.held.length, 1);
  });

  test("no client that cancels at the rate of resetStreamsPerTick", () => {
    const client = new Attacker();
    let id = 1;
    for (let tick = 0; tick < 100; tick++) {
      for (let at = 0; at < resetStreamsPerTick; at++, id += 2)
        client.send(client.request1(id), rst(id));
      client.timers.advance(tickMs);
    }
    assert.equal(client.goAwayCode, undefined);
  });
});

describe("a header block without end is ended by", () => {
  test("limits.ts continuationFramesMax when its frames are empty (CVE-2024-27316)", () => {
    const client = new Attacker();
    client.send(client.headers(1, headFields(holdPath), 0));
    let sent = 0;
    for (; !client.isStopped && sent < 1_000; sent++)
      client.send(frame(frameType.continuation, 0, 1, []));
    assert.equal(client.goAwayCode, calm);
    assert.ok(sent <= continuationFramesMax + 1, `${sent} frames`);
  });

  test("limits.ts headerBlockBytesMax when they are full", () => {
    const client = new Attacker();
    client.send(client.headers(1, headFields(holdPath), 0));
    let sent = 0;
    for (; !client.isStopped && sent < 1_000; sent++)
      client.send(frame(frameType.continuation, 0, 1, new Uint8Array(16_384)));
    assert.equal(client.goAwayCode, calm);
    assert.ok(sent * 16_384 <= headerBlockBytesMax + 16_384);
  });
});

describe("limits.ts idleFramesMax ends a flood of", () => {
  const floods: Record<string, (client: Attacker) => Buffer> = {
    SETTINGS: () => setting(4, 70_000),
    "empty SETTINGS": () => frame(frameType.settings, 0, 0, []),
    "SETTINGS acknowledgements": () => frame(frameType.settings, frameFlag.ack, 0, []),
    PING: () => frame(frameType.ping, 0, 0, new Uint8Array(8)),
    "PING acknowledgements": () => frame(frameType.ping, frameFlag.ack, 0, new Uint8Array(8)),
    PRIORITY: () => frame(frameType.priority, 0, 1, [0, 0, 0, 3, 1]),
    "unknown frames": () => frame(0x42, 0, 1, []),
    "empty DATA": () => frame(frameType.data, 0, 1, []),
    "DATA of padding only": () => frame(frameType.data, frameFlag.padded, 1, [3, 0, 0, 0]),
    "HEADERS on a stream that we have reset": (client) => client.open(3),
  };
  for (const [name, one] of Object.entries(floods)) {
    test(name, () => {
      const client = new Attacker();
      client.send(client.open(1), client.headers(3, []));
      const bytes = one(client);
      const sent = client.burst(idleFramesMax * 2, () => bytes);
      assert.equal(client.goAwayCode, calm);
      assert.ok(sent <= idleFramesMax + 200, `${sent} frames`);
      assert.ok(client.output.length <= idleFramesMax * 17 + 1_000, "an answer per frame at most");
    });
  }

  test("SETTINGS that move the windows of many streams, counted by streamsMovedPerIdleFrame", () => {
    const streams = 40 * streamsMovedPerIdleFrame;
    const client = new Attacker();
    client.burst(streams, (id) => client.request1(id));
    let sent = 0;
    for (; !client.isStopped && sent < idleFramesMax; sent++)
      client.send(setting(4, 70_000 + sent));
    assert.equal(client.goAwayCode, calm);
    assert.ok(sent <= idleFramesMax / 40, `${sent} frames`);
  });

  test("but not one change of the windows of very many streams", () => {
    const client = new Attacker();
    client.burst(4_000, (id) => client.request1(id));
    for (const bytes of [100_000, 200_000, 400_000]) client.send(setting(4, bytes));
    assert.equal(client.goAwayCode, undefined);
  });

  test("but none that keeps to idleFramesPerTick", () => {
    const client = new Attacker();
    const unknown = frame(0x42, 0, 1, []);
    for (let tick = 0; tick < 20; tick++) {
      client.burst(idleFramesPerTick, () => unknown);
      client.timers.advance(tickMs);
    }
    assert.equal(client.goAwayCode, undefined);
  });
});

describe("an HPACK bomb", () => {
  /** A field of 4,000 bytes in the table, then a byte for each reference to it. */
  const bomb = (client: Attacker, references: number) => {
    const block = client.encoder.block([
      ...headFields(holdPath),
      { name: "bomb", value: "b".repeat(3_900), as: "added", isHuffman: false },
    ]);
    const list = [...block, ...new Uint8Array(references).fill(0x80 | 62)];
    return frame(frameType.headers, frameFlag.endHeaders, 1, list.slice(0, 16_384));
  };

  test("is stopped by limits.ts headerListBytesMax: the stream is reset, no handler runs", () => {
    const client = new Attacker();
    client.send(bomb(client, 10_000), frame(frameType.data, 1, 1, message("x")));
    assert.equal(client.answer(1).resetCode, errorCode.frameSizeError);
    assert.equal(client.held.length, 0);
    client.send(client.request1(3));
    assert.equal(client.held.length, 1);
  });

  test("just below the bound is a request like any other", () => {
    const client = new Attacker();
    const references = Math.floor((headerListBytesMax - 5_000) / 3_936);
    client.send(bomb(client, references), frame(frameType.data, 1, 1, message("x")));
    assert.equal(client.held.length, 1);
  });
});

test("a flood of RST_STREAM or WINDOW_UPDATE on closed streams gets no answer and holds no memory", () => {
  const client = new Attacker();
  client.send(client.request1(1), rst(1));
  const before = client.output.length;
  client.burst(50_000, () => Buffer.concat([rst(1), windowUpdate(1, 1)]));
  assert.equal(client.output.length, before);
  assert.equal(client.goAwayCode, undefined);
});

describe("as nghttp2 judges it", () => {
  const fields = (name: string, value: string) =>
    headFields(holdPath).map((field) => (field.name === name ? { name, value } : field));

  test("HEADERS too short for the priority that they announce are a frame of wrong size", () => {
    const client = new Attacker();
    client.send(frame(frameType.headers, endsAll | frameFlag.priority, 1, [0, 0, 0]));
    assert.equal(client.goAwayCode, errorCode.frameSizeError);
  });

  test("an empty :scheme is malformed, te is compared without case", () => {
    const client = new Attacker();
    client.send(
      client.headers(1, fields(":scheme", "")),
      client.headers(3, fields("te", "Trailers")),
    );
    assert.equal(client.answer(1).resetCode, errorCode.protocolError);
    assert.equal(client.answer(3).resetCode, undefined);
  });
});
