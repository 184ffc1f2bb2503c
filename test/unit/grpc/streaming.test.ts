/** Streaming calls of all kinds: how messages come in and go out, and every way in which a call ends. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { errorCode, frameFlag, frameType, readUint32 } from "../../../node/grpc/frame.ts";
import { shutdownGraceMs, streamWindowBytes } from "../../../node/grpc/limits.ts";
import type { GrpcServerOptions } from "../../../node/grpc/server.ts";
import type { StreamCall } from "../../../node/grpc/stream-call.ts";
import { FakeClient, frame, headFields, message, setting, uint32 } from "./fake-client.ts";

const path = "/test.Svc/Talk";
const endsAll = frameFlag.endHeaders | frameFlag.endStream;

/** A server whose streaming method writes down what happens. */
class Recorder extends FakeClient {
  readonly calls: StreamCall[] = [];
  readonly heard: string[] = [];

  constructor(
    kind: "serverStream" | "clientStream" | "bidi" = "bidi",
    options: Partial<GrpcServerOptions> = {},
  ) {
    super(options);
    this.server.addStream(path, kind, (call) => {
      this.calls.push(call);
      call.onMessage((bytes, start, end) => {
        this.heard.push(Buffer.from(bytes.subarray(start, end)).toString());
      });
      call.onHalfClose(() => this.heard.push("<half-close>"));
      call.onCancel((code) => this.heard.push(`<cancel ${code}>`));
    });
    this.connect();
  }

  get call(): StreamCall {
    return this.calls.at(-1) as StreamCall;
  }

  open(streamId: number, more: { name: string; value: string }[] = []): this {
    this.send(this.headers(streamId, headFields(path, more)));
    return this;
  }

  say(streamId: number, ...texts: string[]): void {
    this.send(frame(frameType.data, 0, streamId, Buffer.concat(texts.map((one) => message(one)))));
  }

  halfClose(streamId: number): void {
    this.send(frame(frameType.data, frameFlag.endStream, streamId, []));
  }

  /** The service speaks, and the turn ends. */
  says(run: (call: StreamCall) => void): void {
    run(this.call);
    this.timers.endTurn();
  }

  /** Messages that went out whole. */
  messagesTo(streamId: number): string[] {
    const { data } = this.answer(streamId);
    const texts: string[] = [];
    for (let at = 0; at + 5 <= data.length; ) {
      const end = at + 5 + data.readUInt32BE(at + 1);
      texts.push(data.subarray(at + 5, end).toString());
      at = end;
    }
    return texts;
  }
}

function sendText(call: StreamCall, text: string): boolean {
  const bytes = Buffer.from(`-${text}-`);
  const mayGoOn = call.send(bytes, 1, bytes.length - 1);
  bytes.fill(0);
  return mayGoOn;
}

describe("a streaming call", () => {
  test("begins with its headers, and talks both ways before either side is done", () => {
    const client = new Recorder().open(1);
    assert.equal(client.calls.length, 1);
    assert.equal(client.call.metadata(":authority"), "etcd:2379");
    assert.equal(client.call.remoteAddress, "10.0.0.1:4000");
    client.say(1, "a");
    client.says((call) => sendText(call, "A"));
    assert.deepEqual(client.answer(1).headers, {
      ":status": "200",
      "content-type": "application/grpc",
    });
    assert.deepEqual(client.messagesTo(1), ["A"]);
    client.say(1, "b");
    client.says((call) => sendText(call, "B"));
    client.halfClose(1);
    assert.deepEqual(client.heard, ["a", "b", "<half-close>"]);
    client.says((call) => call.finish());
    assert.deepEqual(client.messagesTo(1), ["A", "B"]);
    const { trailers, hasEnded, resetCode } = client.answer(1);
    assert.deepEqual([trailers, hasEnded, resetCode], [{ "grpc-status": "0" }, true, undefined]);
    assert.equal(client.call.isOver, true);
    assert.deepEqual(client.heard, ["a", "b", "<half-close>"], "no cancel");
  });

  test("sends nothing until there is a message, and its headers once", () => {
    const client = new Recorder().open(1);
    assert.equal(client.framesOf(frameType.headers).length, 0);
    client.says((call) => sendText(call, ""));
    client.says((call) => sendText(call, "x"));
    assert.equal(client.framesOf(frameType.headers).length, 1);
    assert.deepEqual(client.messagesTo(1), ["", "x"]);
  });

  test("of a client that streams gets its messages and half-close in one chunk, and answers once", () => {
    const client = new Recorder("clientStream");
    client.send(
      client.headers(1, headFields(path)),
      frame(frameType.data, 0, 1, Buffer.concat(["a", "b", ""].map((one) => message(one)))),
      frame(frameType.data, frameFlag.endStream, 1, message("c")),
    );
    assert.deepEqual(client.heard, ["a", "b", "", "c", "<half-close>"]);
    client.says((call) => {
      sendText(call, "abc");
      call.finish();
    });
    assert.deepEqual(client.messagesTo(1), ["abc"]);
    assert.equal(client.answer(1).trailers["grpc-status"], "0");
  });

  test("of a server that streams takes one message: none and two are grpc-go's cardinality violations", () => {
    const good = new Recorder("serverStream").open(1);
    good.send(frame(frameType.data, frameFlag.endStream, 1, message("a")));
    assert.deepEqual(good.heard, ["a", "<half-close>"]);
    const none = new Recorder("serverStream").open(1);
    none.halfClose(1);
    assert.deepEqual(none.heard, ["<cancel 13>"]);
    assert.equal(
      none.answer(1).headers["grpc-message"],
      "cardinality violation: received no request message from non-client-streaming RPC",
    );
    const two = new Recorder("serverStream").open(1);
    two.say(1, "a", "b");
    assert.deepEqual(two.heard, ["a", "<cancel 13>"]);
    assert.equal(
      two.answer(1).headers["grpc-message"],
      "cardinality violation: received multiple request messages for non-client-streaming RPC",
    );
  });

  test("may end before its client does, which is then told to stop", () => {
    const client = new Recorder().open(1);
    client.say(1, "a");
    client.says((call) => {
      sendText(call, "enough");
      call.finish();
    });
    assert.equal(client.answer(1).resetCode, errorCode.noError);
    client.say(1, "b");
    assert.deepEqual(client.heard, ["a"]);
  });

  test("that says no message ends with trailers only, in success and in failure", () => {
    const client = new Recorder().open(1);
    client.says((call) => call.finish());
    assert.deepEqual(client.answer(1).headers, {
      ":status": "200",
      "content-type": "application/grpc",
      "grpc-status": "0",
      "grpc-message": "",
    });
    assert.equal(client.answer(1).hasEnded, true);
    client.open(3).says((call) => call.fail(5, "nö"));
    assert.equal(client.answer(3).headers["grpc-status"], "5");
    assert.equal(client.answer(3).headers["grpc-message"], "n%C3%B6");
    assert.equal(client.answer(3).hasEnded, true);
  });

  test("that fails after messages says so in its trailers, behind all of them", () => {
    const client = new Recorder().open(1);
    client.says((call) => {
      sendText(call, "a");
      sendText(call, "b");
      call.fail(11, "etcdserver: mvcc: required revision has been compacted");
    });
    assert.deepEqual(client.messagesTo(1), ["a", "b"]);
    assert.deepEqual(client.answer(1).trailers, {
      "grpc-status": "11",
      "grpc-message": "etcdserver: mvcc: required revision has been compacted",
    });
    assert.equal(client.answer(1).headers["grpc-status"], undefined);
  });

  test("says nothing more once it is over", () => {
    const client = new Recorder().open(1);
    client.says((call) => {
      call.finish();
      assert.equal(sendText(call, "late"), false);
      call.fail(13, "late");
      call.finish();
      assert.equal(call.queuedBytes, 0);
    });
    assert.deepEqual(client.messagesTo(1), []);
    assert.equal(client.framesOf(frameType.headers).length, 1);
  });

  test("may fail or finish while a message is handed to it: the rest of the chunk is dropped", () => {
    for (const end of ["fail", "finish"] as const) {
      const client = new FakeClient();
      const heard: string[] = [];
      client.server.addStream(path, "bidi", (call) => {
        call.onHalfClose(() => heard.push("half-close"));
        call.onMessage((bytes, start, stop) => {
          heard.push(Buffer.from(bytes.subarray(start, stop)).toString());
          if (end === "fail") call.fail(3, "no");
          else call.finish();
        });
      });
      client.connect();
      client.send(
        client.headers(1, headFields(path)),
        frame(frameType.data, 1, 1, Buffer.concat([message("a"), message("b")])),
      );
      assert.deepEqual(heard, ["a"]);
      assert.equal(client.answer(1).hasEnded, true);
      assert.equal(client.answer(1).resetCode, undefined);
    }
  });

  test("keeps the header tables of both sides in step, whatever mixture of calls there is", () => {
    const client = new Recorder();
    client.server.addUnary("/test.Svc/Echo", (call, bytes, start, end) =>
      call.reply(bytes, start, end),
    );
    const plus = headFields(path).map((field) =>
      field.name === "content-type" ? { ...field, value: "application/grpc+proto" } : field,
    );
    client.send(client.headers(1, plus));
    client.says((call) => {
      sendText(call, "a");
      call.finish();
    });
    assert.equal(client.answer(1).headers["content-type"], "application/grpc+proto");
    client.open(3).says((call) => sendText(call, "b"));
    client.send(client.request(5, "/test.Svc/Echo", "c"));
    client.says((call) => call.fail(2, "no"));
    client.send(client.request(7, "/test.Svc/Echo", "d"));
    for (const id of [1, 3, 5, 7]) assert.equal(client.answer(id).headers[":status"], "200");
    assert.deepEqual(
      [1, 3, 5, 7].map((id) => client.answer(id).trailers["grpc-status"]),
      ["0", "2", "0", "0"],
    );
  });
});

describe("the requests of a streaming call", () => {
  test("arrive whole and in order, however they are cut into frames and chunks", () => {
    const cut = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 40 }), { maxLength: 12 }),
        cut,
        cut,
        (texts, frames, chunks) => {
          const client = new Recorder().open(1);
          const body = Buffer.concat(texts.map((one) => message(one)));
          const parts: Buffer[] = [];
          for (let at = 0, turn = 0; at < body.length; turn++) {
            const end = at + (frames[turn % frames.length] as number);
            parts.push(frame(frameType.data, 0, 1, body.subarray(at, end)));
            at = end;
          }
          parts.push(frame(frameType.data, frameFlag.endStream, 1, []));
          const bytes = Buffer.concat(parts);
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const end = at + (chunks[turn % chunks.length] as number);
            client.send(bytes.subarray(at, end));
            at = end;
          }
          assert.deepEqual(client.heard, [
            ...texts.map((one) => Buffer.from(one).toString()),
            "<half-close>",
          ]);
        },
      ),
    );
  });

  test("of up to the limit are taken, larger ones fail the call as in grpc-go", () => {
    const client = new Recorder("bidi", { receiveMessageBytesMax: 100 }).open(1);
    client.say(1, "x".repeat(100));
    assert.equal(client.heard[0]?.length, 100);
    client.send(frame(frameType.data, 0, 1, [0, ...uint32(101)]));
    assert.deepEqual(client.heard.slice(1), ["<cancel 8>"]);
    assert.equal(
      client.answer(1).headers["grpc-message"],
      "grpc: received message larger than max (101 vs. 100)",
    );
  });

  test("that end within a message fail the call with unexpected EOF", () => {
    for (const cut of [3, 7]) {
      const client = new Recorder().open(1);
      client.send(frame(frameType.data, 1, 1, message("half").subarray(0, cut)));
      assert.deepEqual(client.heard, ["<cancel 13>"]);
      assert.equal(client.answer(1).headers["grpc-message"], "unexpected EOF");
    }
  });

  test("that end with trailers half-close the call", () => {
    const client = new Recorder().open(1);
    client.say(1, "a");
    client.send(client.headers(1, [{ name: "x", value: "y" }], endsAll));
    assert.deepEqual(client.heard, ["a", "<half-close>"]);
  });
});

describe("a service that does not read", () => {
  const updates = (client: FakeClient, id: number) =>
    client
      .framesOf(frameType.windowUpdate)
      .filter(({ streamId }) => streamId === id)
      .reduce((sum, { payload }) => sum + readUint32(payload, 0), 0);
  const frameBytes = 16_000;
  const text = "y".repeat(frameBytes - 5);

  /** Sends whole messages of one frame each. */
  function pour(client: Recorder, id: number, frames: number): void {
    for (let sent = 0; sent < frames; sent++) client.say(id, text);
  }

  test("gets nothing while it is paused, all of it in order when it resumes, and the half-close last", () => {
    const client = new Recorder().open(1);
    client.call.pause();
    client.say(1, "a", "b");
    client.say(1, "c");
    client.halfClose(1);
    assert.deepEqual(client.heard, []);
    client.call.resume();
    assert.deepEqual(client.heard, ["a", "b", "c", "<half-close>"]);
  });

  test("gets every message once and in order at any schedule of frames, pauses and ends", () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant("say" as const),
        lengths: fc.array(fc.nat(3_000), { maxLength: 5 }),
      }),
      fc.record({ do: fc.constantFrom("pause" as const, "resume" as const) }),
    );
    const run = (
      steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
      cut: number,
    ): void => {
      const client = new Recorder();
      const said: number[] = [];
      const heard: number[] = [];
      client.open(1);
      client.call.onMessage((bytes, start, end) => {
        const first = end > start ? (bytes[start] as number) : -1;
        assert.ok(bytes.subarray(start, end).every((byte) => byte === first));
        heard.push(end - start);
        if ((end - start) % 7 === 0) client.call.pause();
      });
      for (const one of steps) {
        if (one.do === "say") {
          const body = Buffer.concat(
            one.lengths.map((length) => message(Buffer.alloc(length, length & 255))),
          );
          for (let at = 0; at < body.length; at += cut)
            client.send(frame(frameType.data, 0, 1, body.subarray(at, at + cut)));
          said.push(...one.lengths);
        } else if (one.do === "pause") client.call.pause();
        else client.call.resume();
      }
      client.halfClose(1);
      for (let left = 0; left <= said.length; left++) client.call.resume();
      assert.deepEqual(heard, said);
      assert.deepEqual(client.heard, ["<half-close>"]);
      assert.equal(client.goAwayCode, undefined);
      assert.deepEqual(client.server.waitingBytes, { requests: 0, answers: 0 });
    };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.integer({ min: 50, max: 4_000 }), run),
    );
  });

  test("may pause within a message: the next waits", () => {
    const client = new Recorder().open(1);
    client.call.onMessage((bytes, start, end) => {
      client.heard.push(Buffer.from(bytes.subarray(start, end)).toString());
      client.call.pause();
    });
    client.say(1, "a", "b");
    client.halfClose(1);
    for (const expected of [["a"], ["a", "b"], ["a", "b", "<half-close>"]]) {
      assert.deepEqual(client.heard, expected);
      client.call.resume();
    }
  });

  test("may pause and resume within a message: nothing is handed over twice or out of turn", () => {
    const client = new Recorder().open(1);
    client.call.onMessage((bytes, start, end) => {
      client.heard.push(Buffer.from(bytes.subarray(start, end)).toString());
      client.call.pause();
      client.call.resume();
    });
    client.say(1, "a", "b", "c");
    assert.deepEqual(client.heard, ["a", "b", "c"]);
  });

  test("may resume within a message that has waited: nothing is handed over twice or out of turn", () => {
    const client = new Recorder().open(1);
    client.call.pause();
    client.say(1, "a", "b", "c");
    client.call.onMessage((bytes, start, end) => {
      client.call.resume();
      client.heard.push(Buffer.from(bytes.subarray(start, end)).toString());
    });
    client.call.resume();
    assert.deepEqual(client.heard, ["a", "b", "c"]);
  });

  test("holds its client back at the stream's window, and no other stream of the connection", () => {
    const client = new Recorder().open(1);
    client.call.pause();
    const most = Math.floor(streamWindowBytes / frameBytes);
    pour(client, 1, most);
    assert.equal(updates(client, 1), 0);
    const connectionBefore = updates(client, 0);
    client.open(3);
    // The connection's window would be used up by now if it waited for the first stream.
    pour(client, 3, 5 * most);
    assert.equal(client.heard.length, 5 * most);
    assert.ok(updates(client, 0) - connectionBefore > 4 * streamWindowBytes);
    assert.ok(updates(client, 3) >= 4 * streamWindowBytes);
    assert.equal(client.goAwayCode, undefined);
    client.calls[0]?.resume();
    client.timers.endTurn();
    assert.equal(client.heard.length, 6 * most);
    assert.equal(updates(client, 1), most * frameBytes, "all of it is given back at once");
    pour(client, 1, most);
    assert.equal(client.heard.length, 7 * most);
  });

  test("because it set no handler holds its client back as well, and reads from the beginning when it does", () => {
    const client = new FakeClient();
    let held: StreamCall | undefined;
    client.server.addStream(path, "bidi", (call) => {
      held = call;
    });
    client.connect();
    client.send(client.headers(1, headFields(path)));
    for (let sent = 0; sent < 60; sent++) client.send(frame(frameType.data, 0, 1, message(text)));
    assert.equal(updates(client, 1), 0);
    let heard = 0;
    held?.onMessage(() => heard++);
    client.timers.endTurn();
    assert.equal(heard, 60);
    assert.equal(updates(client, 1), 60 * frameBytes);
  });

  test("resets a client that sends on beyond the stream's window", () => {
    const client = new Recorder().open(1);
    client.call.pause();
    pour(client, 1, Math.ceil(streamWindowBytes / frameBytes));
    assert.equal(client.answer(1).resetCode, errorCode.flowControlError);
    assert.deepEqual(client.heard, ["<cancel 13>"]);
  });

  test("still gets a message larger than the stream's window", () => {
    const client = new Recorder("bidi", { receiveMessageBytesMax: 8_000_000 }).open(1);
    const large = "z".repeat(5_000_000);
    const bytes = message(large);
    for (let at = 0; at < bytes.length; at += 16_384)
      client.send(frame(frameType.data, 0, 1, bytes.subarray(at, at + 16_384)));
    assert.equal(client.heard[0], large);
    assert.equal(client.goAwayCode, undefined);
  });
});

describe("a streaming call that is cut off", () => {
  test("by its client is told once, with code Canceled, and what waited is dropped", () => {
    const client = new Recorder().open(1);
    client.call.pause();
    client.say(1, "a");
    assert.equal(client.server.waitingBytes.requests, 6);
    client.send(frame(frameType.rstStream, 0, 1, uint32(errorCode.cancel)));
    assert.equal(client.server.waitingBytes.requests, 0);
    assert.deepEqual(client.heard, ["<cancel 1>"]);
    assert.equal(client.call.isOver, true);
    client.call.resume();
    client.call.finish();
    client.socket.close();
    assert.deepEqual(client.heard, ["<cancel 1>"]);
    assert.equal(client.framesOf(frameType.headers).length, 0);
  });

  test("by its deadline is reset as in grpc-go, and told once, with code DeadlineExceeded", () => {
    const client = new Recorder().open(1, [{ name: "grpc-timeout", value: "1S" }]);
    client.says((call) => sendText(call, "a"));
    client.timers.advance(900);
    assert.deepEqual(client.heard, []);
    client.timers.advance(200);
    assert.deepEqual(client.heard, ["<cancel 4>"]);
    assert.equal(client.answer(1).resetCode, errorCode.cancel);
    assert.equal(client.answer(1).hasEnded, false);
    client.timers.advance(5_000);
    client.socket.close();
    assert.deepEqual(client.heard, ["<cancel 4>"]);
  });

  test("by a deadline that has passed already never begins", () => {
    const client = new Recorder().open(1, [{ name: "grpc-timeout", value: "0S" }]);
    assert.equal(client.calls.length, 0);
    assert.equal(client.answer(1).headers["grpc-status"], "4");
  });

  test("by the loss of its connection is told once", () => {
    const client = new Recorder().open(1).open(3);
    client.socket.close();
    assert.deepEqual(client.heard, ["<cancel 1>", "<cancel 1>"]);
  });

  test("by its client's breach of the protocol is told once, with code Internal", () => {
    const client = new Recorder().open(1);
    client.send(frame(frameType.windowUpdate, 0, 1, uint32(0)));
    assert.deepEqual(client.heard, ["<cancel 13>"]);
    assert.equal(client.answer(1).resetCode, errorCode.protocolError);
    const other = new Recorder().open(1);
    other.send(frame(frameType.ping, 0, 1, new Uint8Array(8)));
    assert.deepEqual(other.heard, ["<cancel 14>"]);
    assert.equal(other.goAwayCode, errorCode.protocolError);
  });

  test("after it finished is not told", () => {
    const client = new Recorder("bidi");
    client.send(setting(4, 3));
    client.open(1);
    client.says((call) => {
      sendText(call, "abc");
      call.finish();
    });
    client.send(frame(frameType.rstStream, 0, 1, uint32(errorCode.cancel)));
    assert.deepEqual(client.heard, []);
  });

  test("by shutdown may talk on through the grace period, then is told once, with code Unavailable", async () => {
    const client = new Recorder().open(1).open(3);
    const done = client.server.shutdown();
    client.timers.endTurn();
    client.send(
      frame(frameType.ping, frameFlag.ack, 0, client.framesOf(frameType.ping)[0]?.payload ?? []),
    );
    assert.equal(client.framesOf(frameType.goAway).length, 2);
    client.say(1, "a");
    client.says((call) => {
      sendText(call, "bye");
      call.finish();
    });
    client.halfClose(3);
    assert.deepEqual(client.messagesTo(3), ["bye"]);
    assert.equal(client.answer(3).trailers["grpc-status"], "0");
    client.timers.advance(shutdownGraceMs - 100);
    assert.deepEqual(client.heard, ["a"]);
    assert.equal(client.socket.isDestroyed, false);
    client.timers.advance(200);
    await done;
    assert.deepEqual(client.heard, ["a", "<cancel 14>"]);
    assert.equal(client.socket.isDestroyed, true);
  });

  test("by shutdown closes the connection as soon as the last stream has ended", async () => {
    const client = new Recorder().open(1);
    const done = client.server.shutdown();
    client.timers.advance(2_000);
    assert.equal(client.socket.isEnded, false);
    client.halfClose(1);
    client.says((call) => call.finish());
    assert.equal(client.socket.isEnded, true);
    client.socket.close();
    await done;
  });
});
