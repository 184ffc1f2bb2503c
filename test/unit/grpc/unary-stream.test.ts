/** A unary method that is served as a stream, so that its handler learns when the client goes away. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errorCode, frameFlag, frameType } from "../../../node/grpc/frame.ts";
import type { StreamCall } from "../../../node/grpc/stream-call.ts";
import { FakeClient, frame, headFields, message, uint32 } from "./fake-client.ts";

const path = "/test.Svc/Wait";

class Waiter extends FakeClient {
  readonly calls: StreamCall[] = [];
  readonly heard: string[] = [];

  constructor() {
    super();
    this.server.addStream(path, "unary", (call) => {
      this.calls.push(call);
      call.onMessage((bytes, start, end) => {
        this.heard.push(Buffer.from(bytes.subarray(start, end)).toString());
      });
      call.onCancel((code) => this.heard.push(`<cancel ${code}>`));
    });
    this.connect();
  }

  ask(streamId: number, ...texts: string[]): void {
    this.send(this.headers(streamId, headFields(path, [])));
    const data = Buffer.concat(texts.map((one) => message(one)));
    this.send(frame(frameType.data, frameFlag.endStream, streamId, data));
  }
}

describe("a unary method served as a stream", () => {
  test("answers with one message, and counts as the unary method that it is", () => {
    const client = new Waiter();
    client.ask(1, "question");
    assert.deepEqual(client.heard, ["question"]);
    const call = client.calls[0] as StreamCall;
    call.send(Buffer.from("answer"), 0, 6);
    call.finish();
    client.timers.endTurn();
    const { data, trailers } = client.answer(1);
    assert.equal(data.subarray(5).toString(), "answer");
    assert.deepEqual(trailers, { "grpc-status": "0" });
    const [stats] = client.server.routeStats();
    assert.deepEqual(
      [stats?.type, stats?.started, stats?.messagesReceived, stats?.messagesSent],
      ["unary", 1, 1, 1],
    );
  });

  test("tells of a client that goes away", () => {
    const client = new Waiter();
    client.ask(1, "question");
    client.send(frame(frameType.rstStream, 0, 1, uint32(errorCode.cancel)));
    assert.deepEqual(client.heard, ["question", "<cancel 1>"]);
  });

  test("takes no second message, and refuses a request without one", () => {
    const client = new Waiter();
    client.ask(1, "question", "another");
    assert.deepEqual(client.heard, ["question"]);
    client.ask(3);
    client.timers.endTurn();
    const { headers } = client.answer(3);
    assert.equal(headers["grpc-status"], "13");
  });
});
