/** What streaming calls have to say and the client does not take yet: queues, turns, and the word to go on. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { errorCode, frameFlag, frameType } from "../../../node/grpc/frame.ts";
import { flushBytes, sendFrameBytesMax, streamQueuedBytesSoft } from "../../../node/grpc/limits.ts";
import type { StreamCall } from "../../../node/grpc/stream-call.ts";
import { FakeClient, frame, headFields, setting, uint32 } from "./fake-client.ts";

const path = "/test.Svc/Feed";
const initialWindow = 4;
const windowUpdate = (streamId: number, increment: number) =>
  frame(frameType.windowUpdate, 0, streamId, uint32(increment));
const kib = Buffer.alloc(1_024 - 5, "k");

class Feed extends FakeClient {
  readonly calls: StreamCall[] = [];

  constructor(window: number) {
    super();
    this.server.addStream(path, "bidi", (call) => this.calls.push(call));
    this.connect(setting(initialWindow, window));
  }

  open(streamId: number): StreamCall {
    this.send(this.headers(streamId, headFields(path)));
    return this.calls.at(-1) as StreamCall;
  }

  openConnection(): this {
    this.send(windowUpdate(0, 0x7000_0000));
    return this;
  }

  get dataFrames(): [number, number][] {
    return this.framesOf(frameType.data).map(({ streamId, payload }) => [streamId, payload.length]);
  }
}

/** Sends until it is asked to stop; returns the messages sent. */
function fill(call: StreamCall): number {
  let sent = 1;
  while (call.send(kib, 0, kib.length)) sent++;
  return sent;
}

describe("the queue of a streaming call", () => {
  test("holds what the window does not take; send says false above the limit, and onDrain runs at half of it", () => {
    const client = new Feed(10_240);
    const call = client.open(1);
    let drains = 0;
    call.onDrain(() => drains++);
    const sent = fill(call);
    client.timers.endTurn();
    assert.equal(client.answer(1).data.length, 10_240);
    assert.equal(call.queuedBytes, sent * 1_024 - 10_240);
    assert.ok(call.queuedBytes > streamQueuedBytesSoft);
    assert.ok(call.queuedBytes <= streamQueuedBytesSoft + 1_024);
    client.openConnection();
    client.send(windowUpdate(1, call.queuedBytes - streamQueuedBytesSoft / 2 - 1));
    assert.equal(drains, 0);
    client.send(windowUpdate(1, 1));
    assert.equal(drains, 1);
    client.send(windowUpdate(1, 0x1000_0000));
    assert.equal(drains, 1, "once per refusal");
    assert.equal(call.queuedBytes, 0);
    assert.equal(client.answer(1).data.length, sent * 1_024);
  });

  test("is filled again by onDrain in the same turn, and the new bytes leave in its flush", () => {
    const client = new Feed(1_024).openConnection();
    const call = client.open(1);
    let sent = fill(call);
    call.onDrain(() => {
      sent += fill(call);
    });
    client.timers.endTurn();
    for (let round = 1; round <= 20; round++) {
      const writes = client.socket.writes.length;
      client.send(windowUpdate(1, streamQueuedBytesSoft));
      assert.ok(client.socket.writes.length > writes);
      assert.ok(call.queuedBytes <= streamQueuedBytesSoft + 1_024);
    }
    assert.equal(client.answer(1).data.length, sent * 1_024 - call.queuedBytes);
  });

  test("packs many messages into one frame once they wait", () => {
    const client = new Feed(0).openConnection();
    const call = client.open(1);
    for (let sent = 0; sent < 100; sent++) call.send(Buffer.from("event"), 0, 5);
    client.send(windowUpdate(1, 1_000_000));
    assert.deepEqual(client.dataFrames, [[1, 1_000]]);
  });

  test("is ended by trailers only when it is empty", () => {
    for (const end of ["finish", "fail"] as const) {
      const client = new Feed(3);
      const call = client.open(1);
      call.send(Buffer.from("abc"), 0, 3);
      if (end === "finish") call.finish();
      else call.fail(10, "aborted");
      client.timers.endTurn();
      assert.equal(call.isOver, true);
      client.send(windowUpdate(1, 4));
      assert.equal(client.answer(1).hasEnded, false);
      client.send(windowUpdate(1, 1));
      assert.equal(client.answer(1).data.length, 8);
      assert.equal(client.answer(1).trailers["grpc-status"], end === "finish" ? "0" : "10");
    }
  });

  test("is dropped with the call, and the service of another call hears nothing of it", () => {
    const client = new Feed(0).openConnection();
    const first = client.open(1);
    let drains = 0;
    first.onDrain(() => drains++);
    fill(first);
    client.send(frame(frameType.rstStream, 0, 1, uint32(errorCode.cancel)));
    assert.equal(first.queuedBytes, 0);
    client.send(windowUpdate(0, 1_000));
    assert.equal(drains, 0);
    assert.deepEqual(client.dataFrames, []);
  });

  test("takes what a blocked socket does not, and not its whole window's worth in the output", () => {
    const client = new Feed(0x7fff_ffff).openConnection();
    const call = client.open(1);
    let drains = 0;
    call.onDrain(() => drains++);
    client.socket.takesAll = false;
    call.send(kib, 0, kib.length);
    client.timers.endTurn();
    const written = client.output.length;
    const sent = 1 + fill(call);
    assert.ok(sent * 1_024 < flushBytes + streamQueuedBytesSoft + sendFrameBytesMax + 4_096);
    client.timers.endTurn();
    assert.equal(client.output.length, written);
    client.socket.drain();
    client.timers.endTurn();
    assert.equal(drains, 1);
    assert.equal(client.answer(1).data.length, sent * 1_024);
  });
});

describe("several streaming calls", () => {
  test("take turns by the frame when the connection's window is short", () => {
    const client = new Feed(1_000_000);
    const calls = [1, 3, 5].map((id) => client.open(id));
    const large = Buffer.alloc(200_000);
    // The first uses up the connection's window; then all three wait.
    for (const call of calls) call.send(large, 0, large.length);
    client.timers.endTurn();
    const before = client.dataFrames.length;
    for (let round = 0; round < 12; round++) client.send(windowUpdate(0, 16_384));
    const ids = client.dataFrames.slice(before).map(([id]) => id);
    assert.equal(ids.length, 12);
    for (const id of [1, 3, 5])
      assert.equal(ids.filter((one) => one === id).length, 4, `stream ${id} in ${ids.join()}`);
  });

  test("are not held up by one whose own window is closed, nor is a unary answer", () => {
    const client = new Feed(5);
    client.server.addUnary("/test.Svc/Ask", (call) => call.reply(Buffer.alloc(0), 0, 0));
    const stuck = client.open(1);
    fill(stuck);
    client.timers.endTurn();
    const free = client.open(3);
    free.send(Buffer.alloc(0), 0, 0);
    client.send(client.request(5, "/test.Svc/Ask", ""));
    assert.equal(client.answer(3).data.length, 5);
    assert.equal(client.answer(5).hasEnded, true);
  });

  test("send frames of at most our own size to a peer that allows more", () => {
    const client = new Feed(1_000_000);
    client.send(setting(5, 0xff_ffff));
    client.openConnection();
    const call = client.open(1);
    call.send(Buffer.alloc(200_000), 0, 200_000);
    client.timers.endTurn();
    assert.ok(client.dataFrames.every(([, length]) => length <= sendFrameBytesMax));
    assert.equal(client.answer(1).data.length, 200_005);
  });
});

type Step =
  | { do: "send"; stream: number; length: number }
  | { do: "window"; stream: number; increment: number }
  | { do: "initialWindow"; bytes: number }
  | { do: "socket"; takesAll: boolean }
  | { do: "end"; stream: number; fails: boolean }
  | { do: "turn" };

const stream = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      stream,
      length: fc.oneof(fc.nat(40), fc.nat(5_000), fc.constantFrom(16_379, 16_384, 70_000)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("window" as const),
      stream: fc.nat(3),
      increment: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100_000 })),
    }),
  },
  fc.record({ do: fc.constant("initialWindow" as const), bytes: fc.nat(50_000) }),
  fc.record({ do: fc.constant("socket" as const), takesAll: fc.boolean() }),
  fc.record({ do: fc.constant("end" as const), stream, fails: fc.boolean() }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("turn" as const) }) },
);

/** Every message of a stream holds its number in each byte, so that loss, repetition and mixing show. */
function contentOf(number: number, length: number): Buffer {
  return Buffer.alloc(length, (number * 7 + 1) & 255);
}

test("any schedule of messages, windows, settings and a slow socket delivers every message once, in order, then the end", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(70_000), (steps, window) => {
      const client = new Feed(window);
      const ids = [1, 3, 5];
      const calls = ids.map((id) => client.open(id));
      const sent: Buffer[][] = [[], [], []];
      const ends: (number | undefined)[] = [undefined, undefined, undefined];
      for (const one of steps) run(client, { calls, sent, ends }, one);
      client.socket.drain();
      client.send(setting(initialWindow, 0x3fff_ffff), windowUpdate(0, 0x3fff_ffff));
      calls.forEach((call, index) => {
        if (ends[index] === undefined) call.finish();
      });
      client.timers.endTurn();
      client.socket.drain();
      client.timers.endTurn();
      ids.forEach((id, index) => {
        const { data, trailers, headers, hasEnded } = client.answer(id);
        assert.deepEqual(data, Buffer.concat(sent[index] as Buffer[]), `stream ${id}`);
        assert.equal(hasEnded, true);
        const status = trailers["grpc-status"] ?? headers["grpc-status"];
        assert.equal(status, String(ends[index] ?? 0));
        const last = client.frames.findLast(
          ({ streamId, type }) => streamId === id && type !== frameType.rstStream,
        );
        assert.equal((last?.flags ?? 0) & frameFlag.endStream, frameFlag.endStream);
      });
      assert.equal(client.goAwayCode, undefined);
      assert.deepEqual(client.server.waitingBytes, { requests: 0, answers: 0 });
    }),
    { numRuns: 300 },
  );
});

test("whatever waits when the connection is lost is given back", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.nat(70_000), (steps, window) => {
      const client = new Feed(window);
      const calls = [1, 3, 5].map((id) => client.open(id));
      const ends = [undefined, undefined, undefined];
      for (const one of steps) run(client, { calls, sent: [[], [], []], ends }, one);
      const queued = calls.reduce((sum, call) => sum + call.queuedBytes, 0);
      assert.equal(client.server.waitingBytes.answers, queued);
      client.socket.close();
      assert.deepEqual(client.server.waitingBytes, { requests: 0, answers: 0 });
    }),
  );
});

interface World {
  readonly calls: readonly StreamCall[];
  readonly sent: readonly Buffer[][];
  readonly ends: (number | undefined)[];
}

function run(client: Feed, { calls, sent, ends }: World, one: Step): void {
  switch (one.do) {
    case "send": {
      const list = sent[one.stream] as Buffer[];
      if (ends[one.stream] !== undefined) return;
      const body = contentOf(list.length, one.length);
      const prefix = Buffer.from([0, ...uint32(body.length)]);
      list.push(Buffer.concat([prefix, body]));
      const lent = Buffer.from(body);
      calls[one.stream]?.send(lent, 0, lent.length);
      lent.fill(0xee);
      return;
    }
    case "window":
      client.send(windowUpdate(one.stream === 3 ? 0 : one.stream * 2 + 1, one.increment));
      return;
    case "initialWindow":
      client.send(setting(initialWindow, one.bytes));
      return;
    case "socket":
      if (one.takesAll) client.socket.drain();
      else client.socket.takesAll = false;
      client.timers.endTurn();
      return;
    case "end":
      if (ends[one.stream] !== undefined) return;
      ends[one.stream] = one.fails ? 13 : 0;
      if (one.fails) calls[one.stream]?.fail(13, "x");
      else calls[one.stream]?.finish();
      return;
    case "turn":
      client.timers.endTurn();
      return;
  }
}
