import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { clientPreface } from "../../../node/grpc/accept.ts";
import { errorCode, frameFlag, frameType } from "../../../node/grpc/frame.ts";
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

const okAnswer = (data: Buffer) => ({
  headers: { ":status": "200", "content-type": "application/grpc" },
  data,
  trailers: { "grpc-status": "0" },
  hasEnded: true,
  resetCode: undefined,
});

function failed(
  client: FakeClient,
  streamId: number,
  code: number,
  text: string,
  httpStatus = "200",
): void {
  const answer = client.answer(streamId);
  assert.equal(answer.headers["grpc-message"], text);
  assert.equal(answer.headers["grpc-status"], String(code));
  assert.equal(answer.headers[":status"], httpStatus);
  assert.equal(answer.headers["content-type"], "application/grpc");
  assert.equal(answer.hasEnded, true);
}

/** The first call. */
const held = (calls: readonly UnaryCall[]): UnaryCall => calls[0] as UnaryCall;

/** Adds a method whose calls the test answers itself. */
function withHeld(client: FakeClient): { calls: UnaryCall[]; bodies: string[] } {
  const held = { calls: [] as UnaryCall[], bodies: [] as string[] };
  client.server.addUnary("/test.Svc/Hold", (call, bytes, start, end) => {
    held.calls.push(call);
    held.bodies.push(Buffer.from(bytes.subarray(start, end)).toString());
  });
  return held;
}

test("a unary call is answered with headers, one message and trailers", () => {
  const client = new FakeClient().withEcho().connect();
  client.send(client.request(1, echoPath, "hello"));
  assert.deepEqual(client.answer(1), okAnswer(message("hello")));
});

test("later answers of a connection are the same as the first, in fewer bytes", () => {
  const client = new FakeClient().withEcho().connect();
  client.send(client.request(1, echoPath, "a"));
  const firstLength = client.output.length;
  client.send(client.request(3, echoPath, "b"), client.request(5, echoPath, "c"));
  assert.deepEqual(client.answer(3), okAnswer(message("b")));
  assert.deepEqual(client.answer(5), okAnswer(message("c")));
  const [ownHeader, prefix, body] = [9 + 2 + 9 + 9 + 1, 5, 1];
  assert.equal(client.output.length - firstLength, 2 * (ownHeader + prefix + body));
});

test("a client with a smaller header table gets the size update and plain blocks", () => {
  const client = new FakeClient().withEcho().connect(setting(1, 0));
  client.send(client.request(1, echoPath, "a"), client.request(3, echoPath, "b"));
  assert.deepEqual(client.answer(1), okAnswer(message("a")));
  assert.deepEqual(client.answer(3), okAnswer(message("b")));
  assert.equal(client.framesOf(frameType.headers)[0]?.payload[0], 0x20);
});

test("all answers of a turn leave in one write", () => {
  const client = new FakeClient().withEcho().connect();
  const before = client.socket.writes.length;
  client.send(...[1, 3, 5, 7].map((id) => client.request(id, echoPath, "x".repeat(id))));
  assert.equal(client.socket.writes.length, before + 1);
});

test("answers made at the end of the turn leave in that turn's write, with those made before", () => {
  const client = new FakeClient().withEcho();
  client.server.addUnary("/test.Svc/Late", (call) => {
    client.timers.endOfTurn(() => call.reply(Buffer.from("late"), 0, 4));
  });
  client.connect();
  const before = client.socket.writes.length;
  client.send(client.request(1, echoPath, "now"), client.request(3, "/test.Svc/Late", ""));
  assert.deepEqual(client.answer(3), okAnswer(message("late")));
  assert.equal(client.socket.writes.length, before + 1);
});

test("bytes split at every boundary, or one by one, give the same answers", () => {
  const conversation = (client: FakeClient): Buffer => {
    const first = client.request(1, echoPath, "first");
    const block = Buffer.from(
      client.encoder.block(headFields(echoPath, [{ name: "token", value: "t" }])),
    );
    return Buffer.concat([
      clientPreface,
      setting(4, 100_000),
      first,
      frame(frameType.headers, 0, 3, block.subarray(0, 3)),
      frame(frameType.continuation, 0, 3, block.subarray(3, 4)),
      frame(frameType.continuation, frameFlag.endHeaders, 3, block.subarray(4)),
      frame(frameType.data, 0, 3, message("second").subarray(0, 3)),
      frame(frameType.data, frameFlag.padded, 3, [2, ...message("second").subarray(3, 8), 0, 0]),
      frame(frameType.ping, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]),
      frame(frameType.data, frameFlag.endStream, 3, message("second").subarray(8)),
      client.headers(5, headFields("/test.Svc/None"), frameFlag.endHeaders | frameFlag.endStream),
    ]);
  };
  const whole = new FakeClient().withEcho().serve();
  const bytes = conversation(whole);
  whole.send(bytes);
  assert.deepEqual(whole.answer(3), okAnswer(message("second")));
  for (let split = 1; split < bytes.length; split++) {
    const client = new FakeClient().withEcho().serve();
    client.send(bytes.subarray(0, split));
    client.send(bytes.subarray(split));
    assert.deepEqual(client.output, whole.output, `split at ${split}`);
  }
  const single = new FakeClient().withEcho().serve();
  for (const byte of bytes) single.send(Uint8Array.of(byte));
  assert.deepEqual(single.output, whole.output);
});

test("a message in any number of frames and chunks arrives whole", () => {
  const cuts = fc.array(fc.nat(400), { maxLength: 6 });
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      cuts,
      fc.integer({ min: 1, max: 500 }),
      (body, at, chunk) => {
        const client = new FakeClient().withEcho().connect();
        const whole = message(body);
        const ends = [
          ...at.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b),
          whole.length,
        ];
        const frames = ends.map((end, index) => {
          const flags = index === ends.length - 1 ? frameFlag.endStream : 0;
          return frame(frameType.data, flags, 1, whole.subarray(ends[index - 1] ?? 0, end));
        });
        const bytes = Buffer.concat([client.headers(1, headFields(echoPath)), ...frames]);
        for (let from = 0; from < bytes.length; from += chunk)
          client.send(bytes.subarray(from, from + chunk));
        // An empty last frame may come a turn too late to spare the client RST_STREAM(NO_ERROR).
        assert.deepEqual({ ...client.answer(1), resetCode: undefined }, okAnswer(whole));
      },
    ),
  );
});

describe("metadata", () => {
  test("is read by lower-case name, the first value of each; reserved names are not metadata", () => {
    const client = new FakeClient();
    const { calls } = withHeld(client);
    client.connect();
    const more = [
      { name: "grpc-timeout", value: "1S" },
      { name: "token", value: "first" },
      { name: "token", value: "second" },
      { name: "user-agent", value: "grpc-go/1.82.1" },
    ];
    client.send(client.request(1, "/test.Svc/Hold", "", more));
    const call = calls[0] as UnaryCall;
    const names = [
      "token",
      "user-agent",
      ":authority",
      "content-type",
      "grpc-timeout",
      "te",
      ":path",
      "none",
    ];
    assert.deepEqual(
      names.map((name) => call.metadata(name)),
      [
        "first",
        "grpc-go/1.82.1",
        "etcd:2379",
        "application/grpc",
        undefined,
        undefined,
        undefined,
        undefined,
      ],
    );
    assert.equal(call.remoteAddress, "10.0.0.1:4000");
  });

  test("of a repeated header block is that of the block, also after the table moved", () => {
    const client = new FakeClient();
    const { calls } = withHeld(client);
    client.connect();
    const values = ["a", "a", "a", "b", "b", "a", "c", "a"];
    values.forEach((value, index) => {
      client.send(client.request(index * 2 + 1, "/test.Svc/Hold", "", [{ name: "token", value }]));
    });
    assert.deepEqual(
      calls.map((call) => call.metadata("token")),
      values,
    );
  });
});

describe("a refused request", () => {
  test("names the unknown service, method or path as grpc-go does", () => {
    const client = new FakeClient().withEcho().connect();
    client.send(client.request(1, "/test.Svc/None", "x"));
    client.send(client.request(3, "/none.Svc/Echo", "x"));
    client.send(client.request(5, "/x", "x"));
    failed(client, 1, 12, "unknown method None for service test.Svc");
    failed(client, 3, 12, "unknown service none.Svc");
    failed(client, 5, 12, 'malformed method name: "/x"');
  });

  test("without gRPC content-type is HTTP 415, once its body has come", () => {
    const client = new FakeClient().withEcho().connect();
    const fields = headFields(echoPath).map((field) =>
      field.name === "content-type" ? { ...field, value: "application/json" } : field,
    );
    client.send(client.headers(1, fields));
    assert.equal(client.framesOf(frameType.headers).length, 0);
    client.send(frame(frameType.data, frameFlag.endStream, 1, [1, 2, 3]));
    failed(client, 1, 3, 'invalid gRPC request content-type "application/json"', "415");
  });

  test("with a gRPC subtype or parameters in its content-type is none, and hears its subtype back", () => {
    const client = new FakeClient().withEcho().connect();
    const told: [string, string][] = [
      ["application/grpc+proto", "application/grpc+proto"],
      ["application/grpc;charset=utf-8", "application/grpc+charset=utf-8"],
      ["application/grpc", "application/grpc"],
      ["application/grpc+", "application/grpc"],
      ["application/grpc+proto", "application/grpc+proto"],
    ];
    told.forEach(([value, answered], index) => {
      const fields = headFields(echoPath).map((field) =>
        field.name === "content-type" ? { ...field, value } : field,
      );
      const streamId = index * 2 + 1;
      client.send(
        client.headers(streamId, fields),
        frame(frameType.data, 1, streamId, message("x")),
      );
      const headers = { ":status": "200", "content-type": answered };
      assert.deepEqual(client.answer(streamId), { ...okAnswer(message("x")), headers });
    });
  });

  test("whose content-type is gRPC's but for capitals or letters behind it is HTTP 415, as in grpc-go", () => {
    const client = new FakeClient().withEcho().connect();
    ["Application/grpc", "application/grpcx"].forEach((value, index) => {
      const fields = headFields(echoPath).map((field) =>
        field.name === "content-type" ? { ...field, value } : field,
      );
      const end = frameFlag.endHeaders | frameFlag.endStream;
      client.send(client.headers(index * 2 + 1, fields, end));
      failed(client, index * 2 + 1, 3, `invalid gRPC request content-type "${value}"`, "415");
    });
  });

  test("with another method than POST is HTTP 405", () => {
    const client = new FakeClient().withEcho().connect();
    const fields = headFields(echoPath).map((field) =>
      field.name === ":method" ? { ...field, value: "GET" } : field,
    );
    client.send(client.headers(1, fields, frameFlag.endHeaders | frameFlag.endStream));
    failed(
      client,
      1,
      13,
      'Received a HEADERS frame with :method "GET" which should be POST',
      "405",
    );
  });

  test("with a malformed grpc-timeout is HTTP 400", () => {
    const client = new FakeClient().withEcho().connect();
    client.send(client.request(1, echoPath, "x", [{ name: "grpc-timeout", value: "5x" }]));
    failed(
      client,
      1,
      13,
      'malformed grpc-timeout: transport: timeout unit is not recognized: "5x"',
      "400",
    );
  });

  test("with a binary header that is no base64 is HTTP 400, and the last bad header is named", () => {
    const client = new FakeClient().withEcho().connect();
    const bad = { name: "x-bin", value: "AA*A" };
    const problem =
      'malformed binary metadata "AA*A" in header "x-bin": illegal base64 data at input byte 2';
    client.send(client.request(1, echoPath, "x", [{ name: "grpc-timeout", value: "5x" }, bad]));
    failed(client, 1, 13, problem, "400");
    client.send(client.request(3, echoPath, "x", [bad, { name: "grpc-timeout", value: "1S" }]));
    failed(client, 3, 13, problem, "400");
    client.send(client.request(5, echoPath, "x", [{ name: "x-bin", value: "AAECAw" }]));
    assert.deepEqual(client.answer(5), okAnswer(message("x")));
  });

  test("without te is none; te other than trailers is malformed", () => {
    const client = new FakeClient().withEcho().connect();
    const without = headFields(echoPath).filter(({ name }) => name !== "te");
    client.send(client.headers(1, without), frame(frameType.data, 1, 1, message("x")));
    assert.deepEqual(client.answer(1), okAnswer(message("x")));
    client.send(client.headers(3, [...without, { name: "te", value: "gzip" }]));
    assert.equal(client.answer(3).resetCode, errorCode.protocolError);
  });
});

describe("a request body", () => {
  test("beyond the limit is ResourceExhausted as soon as its prefix is known", () => {
    const client = new FakeClient({ receiveMessageBytesMax: 100 }).withEcho().connect();
    client.send(client.request(1, echoPath, "x".repeat(100)));
    assert.deepEqual(client.answer(1), okAnswer(message("x".repeat(100))));
    client.send(
      client.headers(3, headFields(echoPath)),
      frame(frameType.data, 0, 3, [0, ...uint32(101)]),
    );
    failed(client, 3, 8, "grpc: received message larger than max (101 vs. 100)");
    assert.equal(client.answer(3).resetCode, errorCode.noError);
    client.send(client.headers(5, headFields(echoPath)), frame(frameType.data, 0, 5, [0, 0xff]));
    client.send(frame(frameType.data, 1, 5, [0xff, 0xff, 0xff]));
    failed(client, 5, 8, "grpc: received message larger than max (4294967295 vs. 100)");
  });

  test("without a message, or with half of one, fails as in grpc-go", () => {
    const client = new FakeClient().withEcho().connect();
    client.send(
      client.headers(1, headFields(echoPath), frameFlag.endHeaders | frameFlag.endStream),
    );
    failed(client, 1, 2, "EOF");
    client.send(
      client.headers(3, headFields(echoPath)),
      frame(frameType.data, 1, 3, message("half").subarray(0, 7)),
    );
    failed(client, 3, 2, "unexpected EOF");
    client.send(
      client.headers(5, headFields(echoPath)),
      frame(frameType.data, 1, 5, message("half").subarray(0, 3)),
    );
    failed(client, 5, 2, "EOF");
    client.send(client.headers(7, headFields(echoPath)), frame(frameType.data, 1, 7, []));
    failed(client, 7, 2, "EOF");
  });

  test("is given to the handler before the request ends; what follows the message is dropped", () => {
    const client = new FakeClient();
    const { calls, bodies } = withHeld(client);
    client.connect();
    client.send(
      client.headers(1, headFields("/test.Svc/Hold")),
      frame(frameType.data, 0, 1, message("one")),
    );
    assert.deepEqual(bodies, ["one"]);
    client.send(frame(frameType.data, frameFlag.endStream, 1, message("two")));
    assert.deepEqual(bodies, ["one"]);
    calls[0]?.reply(Buffer.from("ok"), 0, 2);
    client.timers.endTurn();
    assert.deepEqual(client.answer(1), okAnswer(message("ok")));
  });

  test("may end in trailers, which are dropped", () => {
    const client = new FakeClient();
    const { calls } = withHeld(client);
    client.connect();
    client.send(
      client.headers(1, headFields("/test.Svc/Hold")),
      frame(frameType.data, 0, 1, message("x")),
    );
    client.send(
      client.headers(
        1,
        [{ name: "x-sum", value: "1" }],
        frameFlag.endHeaders | frameFlag.endStream,
      ),
    );
    calls[0]?.reply(Buffer.from("ok"), 0, 2);
    client.timers.endTurn();
    assert.deepEqual(client.answer(1), okAnswer(message("ok")));
  });

  test("that contradicts content-length resets the stream", () => {
    const client = new FakeClient().withEcho().connect();
    client.send(client.request(1, echoPath, "x", [{ name: "content-length", value: "7" }]));
    assert.equal(client.answer(1).resetCode, errorCode.protocolError);
    client.send(client.request(3, echoPath, "x", [{ name: "content-length", value: "6" }]));
    assert.deepEqual(client.answer(3), okAnswer(message("x")));
  });
});

test("an answer before the request ended is followed by RST_STREAM(NO_ERROR), and late frames are ignored", () => {
  const client = new FakeClient().withEcho().connect();
  client.send(client.headers(1, headFields(echoPath)), frame(frameType.data, 0, 1, message("x")));
  assert.deepEqual(client.answer(1), { ...okAnswer(message("x")), resetCode: errorCode.noError });
  client.send(frame(frameType.data, frameFlag.endStream, 1, [1]), client.request(3, echoPath, "y"));
  assert.deepEqual(client.answer(3), okAnswer(message("y")));
  assert.equal(client.framesOf(frameType.rstStream).length, 1);
});

test("an answer before the request ended needs no RST_STREAM if it ends in the same turn", () => {
  const client = new FakeClient().withEcho().connect();
  client.send(
    client.headers(1, headFields(echoPath)),
    frame(frameType.data, 0, 1, message("x")),
    frame(frameType.data, frameFlag.endStream, 1, []),
  );
  assert.deepEqual(client.answer(1), okAnswer(message("x")));
});

test("a cancelled call is over, and nothing it says is sent", () => {
  const client = new FakeClient();
  const { calls } = withHeld(client);
  client.connect();
  client.send(client.request(1, "/test.Svc/Hold", "x"));
  assert.equal(held(calls).isOver, false);
  client.send(frame(frameType.rstStream, 0, 1, uint32(errorCode.cancel)));
  assert.equal(held(calls).isOver, true);
  const before = client.output.length;
  held(calls).reply(Buffer.from("late"), 0, 4);
  held(calls).fail(13, "late");
  client.timers.endTurn();
  assert.equal(client.output.length, before);
});

test("only the first answer counts", () => {
  const client = new FakeClient();
  const { calls } = withHeld(client);
  client.connect();
  client.send(client.request(1, "/test.Svc/Hold", "x"));
  held(calls).fail(5, "etcdserver: requested lease not found");
  assert.equal(held(calls).isOver, true);
  held(calls).reply(Buffer.from("no"), 0, 2);
  client.timers.endTurn();
  failed(client, 1, 5, "etcdserver: requested lease not found");
  assert.equal(client.framesOf(frameType.data).length, 0);
});

test("a lost connection ends its calls", () => {
  const client = new FakeClient();
  const { calls } = withHeld(client);
  client.connect();
  client.send(client.request(1, "/test.Svc/Hold", "x"));
  assert.equal(client.server.openConnections, 1);
  client.socket.close();
  assert.equal(calls[0]?.isOver, true);
  assert.equal(client.server.openConnections, 0);
  client.timers.endTurn();
  assert.equal(client.timers.repeatingCount, 0, "no timer without connections");
});

describe("a deadline", () => {
  const timeout = (value: string) => [{ name: "grpc-timeout", value }];

  test("that passes is answered within a tick", () => {
    const client = new FakeClient();
    const { calls } = withHeld(client);
    client.connect();
    client.send(
      client.request(1, "/test.Svc/Hold", "x", timeout("300m")),
      client.request(3, "/test.Svc/Hold", "y"),
    );
    client.timers.advance(299);
    assert.equal(held(calls).isOver, false);
    client.timers.advance(52);
    assert.equal(held(calls).isOver, true);
    failed(client, 1, 4, "context deadline exceeded");
    assert.equal(calls[1]?.isOver, false);
  });

  test("of zero has passed at once, and no handler runs", () => {
    const client = new FakeClient();
    const { calls } = withHeld(client);
    client.connect();
    client.send(client.request(1, "/test.Svc/Hold", "x", timeout("0m")));
    assert.equal(calls.length, 0);
    failed(client, 1, 4, "context deadline exceeded");
  });

  test("that was kept does not matter later", () => {
    const client = new FakeClient().withEcho().connect();
    client.send(client.request(1, echoPath, "x", timeout("100m")));
    const before = client.output.length;
    client.timers.advance(1_000);
    assert.equal(client.output.length, before);
    assert.deepEqual(client.answer(1), okAnswer(message("x")));
  });
});
