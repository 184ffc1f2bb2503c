/** HTTP requests that are no gRPC, over HTTP/2, frame by frame: how they are answered, and what a client that does not behave can do. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { frameFlag, frameType } from "../../../node/grpc/frame.ts";
import {
  plainBodyBytesMax,
  plainRequestMs,
  plainRequestsMax,
  queuedReplyBytesMax,
} from "../../../node/grpc/limits.ts";
import type { PlainHandler, PlainRequest } from "../../../node/grpc/plain-request.ts";
import { type PatientAnswer, plainAnswer } from "../../../node/lib/http-answers.ts";
import { FakeClient, frame, headFields, setting, uint32 } from "./fake-client.ts";
import type { TestField } from "./hpack-encoder.ts";

const plainFields = (
  path: string,
  method = "GET",
  more: readonly TestField[] = [],
): TestField[] => [
  { name: ":method", value: method },
  { name: ":scheme", value: "http" },
  { name: ":path", value: path },
  { name: ":authority", value: "member:2379" },
  ...more,
];
const endOfRequest = frameFlag.endHeaders | frameFlag.endStream;

const helloHandler: PlainHandler = (_, response) => plainAnswer(response, "hello");

function clientOf(handler: PlainHandler, ...first: Buffer[]): FakeClient {
  const client = new FakeClient().withEcho();
  client.server.onPlainRequest(handler);
  return client.connect(...first);
}

/** A client and all that its requests have asked. */
function askedClient(): {
  client: FakeClient;
  asked: { request: PlainRequest; response: PatientAnswer }[];
} {
  const asked: { request: PlainRequest; response: PatientAnswer }[] = [];
  const client = clientOf((request, response) => asked.push({ request, response }));
  return { client, asked };
}

const get = (client: FakeClient, streamId: number, path = "/health"): Buffer =>
  client.headers(streamId, plainFields(path), endOfRequest);

describe("a plain request", () => {
  test("is answered with status, headers and a whole body", () => {
    const client = clientOf(helloHandler);
    client.send(get(client, 1));
    const { headers, data, trailers, hasEnded, resetCode } = client.answer(1);
    assert.deepEqual(headers, {
      ":status": "200",
      "content-type": "text/plain; charset=utf-8",
      "content-length": "5",
    });
    assert.equal(data.toString(), "hello");
    assert.deepEqual(trailers, {});
    assert.ok(hasEnded);
    assert.equal(resetCode, undefined);
  });

  test("reaches its handler with method, path, authority and headers", () => {
    const { client, asked } = askedClient();
    const origin = { name: "origin", value: "http://page" };
    client.send(
      client.headers(1, plainFields("/livez?verbose", "OPTIONS", [origin]), endOfRequest),
    );
    const [{ request }] = asked as [(typeof asked)[0]];
    assert.equal(request.method, "OPTIONS");
    assert.equal(request.path, "/livez?verbose");
    assert.equal(request.authority, "member:2379");
    assert.equal(request.header("origin"), "http://page");
    assert.equal(request.header("accept"), undefined);
    assert.equal(request.isSecure, false);
  });

  test("over TLS is told to be so", () => {
    let isSecure: boolean | undefined;
    const client = new FakeClient();
    client.server.onPlainRequest((request) => {
      ({ isSecure } = request);
    });
    Object.assign(client.socket, { isSecure: true });
    client.connect();
    client.send(get(client, 1));
    assert.equal(isSecure, true);
  });

  test("may be answered later, between gRPC calls", () => {
    const { client, asked } = askedClient();
    client.send(get(client, 1));
    client.send(client.request(3, "/test.Svc/Echo", "x"));
    assert.equal(client.answer(3).trailers["grpc-status"], "0");
    assert.equal(client.answer(1).hasEnded, false);
    asked[0]?.response.end("");
    client.timers.endTurn();
    assert.ok(client.answer(1).hasEnded);
    assert.deepEqual(client.answer(1).headers, { ":status": "200" });
  });

  test("with HEAD is answered with headers only", () => {
    const client = clientOf(helloHandler);
    client.send(client.headers(1, plainFields("/health", "HEAD"), endOfRequest));
    const { headers, data, hasEnded } = client.answer(1);
    assert.equal(headers["content-length"], "5");
    assert.equal(data.length, 0);
    assert.ok(hasEnded);
  });

  test("with another status keeps it", () => {
    const client = clientOf((_, response) => {
      response.statusCode = 503;
      response.end("x");
    });
    client.send(get(client, 1));
    assert.equal(client.answer(1).headers[":status"], "503");
  });

  test("with a content-type that begins as gRPC's is none: it is refused as before", () => {
    const { client, asked } = askedClient();
    ["application/grpc-web", "application/grpcx"].forEach((value, index) => {
      const streamId = index * 2 + 1;
      const type = { name: "content-type", value };
      client.send(client.headers(streamId, plainFields("/x", "POST", [type]), endOfRequest));
      assert.equal(client.answer(streamId).headers[":status"], "415");
    });
    assert.equal(asked.length, 0);
  });

  test("to a gRPC method's path is no call of it", () => {
    const client = clientOf(helloHandler);
    const fields = headFields("/test.Svc/Echo").filter(({ name }) => name !== "content-type");
    client.send(client.headers(1, fields, endOfRequest));
    assert.equal(client.answer(1).data.toString(), "hello");
    assert.equal(client.server.routeStats()[0]?.started, 0);
    assert.deepEqual(
      client.server.routeStats()[0]?.handled.filter((count) => count > 0),
      [],
    );
  });

  test("without a handler is refused with 415", () => {
    const client = new FakeClient().connect();
    client.send(get(client, 1));
    assert.equal(client.answer(1).headers[":status"], "415");
  });
});

describe("the body of a plain request", () => {
  const post = (client: FakeClient, streamId: number): Buffer =>
    client.headers(streamId, plainFields("/health", "POST"));

  test("is read away before the answer", () => {
    const client = clientOf(helloHandler);
    client.send(post(client, 1), frame(frameType.data, 0, 1, [1, 2, 3]));
    assert.equal(client.answer(1).hasEnded, false);
    client.send(frame(frameType.data, frameFlag.endStream, 1, [4]));
    assert.equal(client.answer(1).data.toString(), "hello");
    assert.equal(client.answer(1).resetCode, undefined);
    assert.deepEqual(client.server.waitingBytes, { requests: 0, answers: 0 });
  });

  test("that does not end is not waited for, and the request is answered once", () => {
    const { client, asked } = askedClient();
    client.send(post(client, 1));
    const chunk = frame(frameType.data, 0, 1, Buffer.alloc(16_384));
    for (let sent = 0; sent <= plainBodyBytesMax + 3 * 16_384; sent += 16_384) client.send(chunk);
    assert.equal(asked.length, 1);
    client.send(chunk, frame(frameType.data, frameFlag.endStream, 1, []));
    assert.equal(asked.length, 1);
    asked[0]?.response.end("late");
    client.timers.endTurn();
    assert.equal(client.answer(1).data.toString(), "late");
  });

  test("that is not over when the answer has left is reset without an error", () => {
    const client = clientOf(helloHandler);
    client.send(post(client, 1));
    const chunk = frame(frameType.data, 0, 1, Buffer.alloc(16_384));
    for (let sent = 0; sent <= plainBodyBytesMax; sent += 16_384) client.send(chunk);
    assert.equal(client.answer(1).data.toString(), "hello");
    assert.equal(client.answer(1).resetCode, 0);
  });

  test("that never comes ends the stream after a time", () => {
    const client = clientOf(helloHandler);
    client.send(post(client, 1));
    client.timers.advance(plainRequestMs - 1000);
    assert.equal(client.answer(1).resetCode, undefined);
    client.timers.advance(2000);
    assert.equal(client.answer(1).resetCode, 8);
  });
});

describe("the answer to a plain request", () => {
  test("keeps to the client's windows", () => {
    const small = setting(4, 10);
    const client = clientOf((_, response) => plainAnswer(response, "x".repeat(25)), small);
    client.send(get(client, 1));
    assert.equal(client.answer(1).data.length, 10);
    client.send(frame(frameType.windowUpdate, 0, 1, uint32(10)));
    assert.equal(client.answer(1).data.length, 20);
    assert.equal(client.answer(1).hasEnded, false);
    client.send(frame(frameType.windowUpdate, 0, 1, uint32(10)));
    assert.equal(client.answer(1).data.length, 25);
    assert.ok(client.answer(1).hasEnded);
  });

  test("that a client does not take is given up after a time", () => {
    const client = clientOf(helloHandler, setting(4, 0));
    client.send(get(client, 1));
    assert.equal(client.server.waitingBytes.answers, 5);
    client.timers.advance(plainRequestMs + 1000);
    assert.equal(client.answer(1).resetCode, 8);
    assert.equal(client.server.waitingBytes.answers, 0);
  });

  test("is a 503 where too many bytes wait for the client already", () => {
    const { client, asked } = askedClient();
    const streams = Array.from({ length: 80 }, (_, index) => index * 2 + 1);
    client.send(...streams.map((streamId) => get(client, streamId)));
    const body = "x".repeat(2_000_000);
    for (const { response } of asked) response.end(body);
    client.timers.endTurn();
    const statuses = new Set(streams.map((id) => client.answer(id).headers[":status"]));
    assert.deepEqual([...statuses], ["200", "503"]);
    assert.ok(client.server.waitingBytes.answers < queuedReplyBytesMax + 2 * body.length);
  });

  test("to a client that has gone is dropped, and its maker is told once", () => {
    const { client, asked } = askedClient();
    let closes = 0;
    client.send(get(client, 1), get(client, 3));
    for (const { response } of asked) response.once("close", () => closes++);
    client.send(frame(frameType.rstStream, 0, 1, uint32(8)));
    assert.equal(closes, 1);
    asked[0]?.response.end("nobody");
    client.socket.close();
    assert.equal(closes, 2);
    asked[1]?.response.end("nobody");
    client.timers.endTurn();
    assert.equal(closes, 2);
    assert.equal(client.answer(1).data.length, 0);
  });

  test("tells its maker when it is sent", () => {
    const { client, asked } = askedClient();
    let closes = 0;
    client.send(get(client, 1));
    asked[0]?.response.once("close", () => closes++);
    asked[0]?.response.end("x");
    asked[0]?.response.end("x");
    assert.equal(closes, 1);
  });
});

test("of one connection only so many plain requests are answered at once; others may be retried", () => {
  const { client, asked } = askedClient();
  for (let index = 0; index <= plainRequestsMax; index++) client.send(get(client, index * 2 + 1));
  assert.equal(asked.length, plainRequestsMax);
  assert.equal(client.answer(plainRequestsMax * 2 + 1).resetCode, 7);
  asked[0]?.response.end("");
  const next = plainRequestsMax * 2 + 3;
  client.send(get(client, next), client.request(next + 2, "/test.Svc/Echo", "x"));
  assert.equal(asked.length, plainRequestsMax + 1);
  assert.equal(client.answer(next + 2).trailers["grpc-status"], "0");
});

test("a server that goes answers the plain requests under way", async () => {
  const { client, asked } = askedClient();
  client.send(get(client, 1));
  const gone = client.server.shutdown();
  client.timers.endTurn();
  client.timers.advance(1200);
  asked[0]?.response.end("last");
  client.timers.endTurn();
  assert.equal(client.answer(1).data.toString(), "last");
  assert.ok(client.socket.isEnded);
  client.socket.close();
  await gone;
});
