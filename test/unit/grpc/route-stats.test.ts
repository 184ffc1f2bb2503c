/** What the server counts for etcd's grpc_server_* and network metrics; the rules are those of etcd 3.7.1's own figures. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errorCode, frameFlag, frameType } from "../../../node/grpc/frame.ts";
import type { RouteStats } from "../../../node/grpc/route.ts";
import type { StreamCall } from "../../../node/grpc/stream-call.ts";
import type { UnaryCall } from "../../../node/grpc/unary-call.ts";
import { echoPath, FakeClient, frame, headFields, message, uint32 } from "./fake-client.ts";

function statsOf(client: FakeClient, method: string): RouteStats {
  return client.server.routeStats().find((one) => one.method === method) as RouteStats;
}

/** The codes that were counted, each with its number. */
const handled = ({ handled: counts }: RouteStats): Record<string, number> =>
  Object.fromEntries([...counts.entries()].filter(([, count]) => count > 0));

describe("a method's figures", () => {
  test("name it and its kind, and begin at 0", () => {
    const client = new FakeClient().withEcho();
    client.server.addStream("/a.B/S", "serverStream", () => {});
    client.server.addStream("/a.B/C", "clientStream", () => {});
    client.server.addStream("/a.B/D", "bidi", () => {});
    const named = client.server
      .routeStats()
      .map(({ service, method, type }) => [service, method, type]);
    assert.deepEqual(named, [
      ["test.Svc", "Echo", "unary"],
      ["a.B", "S", "server_stream"],
      ["a.B", "C", "client_stream"],
      ["a.B", "D", "bidi_stream"],
    ]);
    const { started, messagesReceived, messagesSent, handled: counts } = statsOf(client, "Echo");
    assert.deepEqual([started, messagesReceived, messagesSent], [0, 0, 0]);
    assert.deepEqual(counts, new Array(17).fill(0));
  });

  test("of unary calls count those that reached the handler, and every end as an answer", () => {
    const client = new FakeClient().withEcho();
    const held: UnaryCall[] = [];
    client.server.addUnary("/test.Svc/Hold", (call) => held.push(call));
    client.connect();
    client.send(client.request(1, echoPath, "abc"), client.request(3, echoPath, ""));
    // Refused before any handler: a message that is none, and an encoding that is unknown.
    client.send(client.headers(5, headFields(echoPath)), frame(frameType.data, 1, 5, []));
    client.send(client.request(7, echoPath, "x", [{ name: "grpc-encoding", value: "zip" }]));
    const echo = statsOf(client, "Echo");
    assert.deepEqual(handled(echo), { 0: 2 });
    assert.deepEqual([echo.started, echo.messagesReceived, echo.messagesSent], [2, 2, 2]);
    assert.deepEqual([echo.bytesReceived, echo.bytesSent], [3, 3]);
    for (let id = 9; id <= 15; id += 2) {
      client.send(
        client.request(id, "/test.Svc/Hold", "x", [{ name: "grpc-timeout", value: "1S" }]),
      );
    }
    held[0]?.reply(Buffer.from("yes"), 0, 3);
    held[1]?.fail(5, "no");
    client.send(frame(frameType.rstStream, 0, 13, uint32(errorCode.cancel)));
    assert.deepEqual(handled(statsOf(client, "Hold")), { 0: 1, 1: 1, 5: 1 });
    client.timers.advance(1_100);
    const hold = statsOf(client, "Hold");
    assert.deepEqual(handled(hold), { 0: 1, 1: 1, 4: 1, 5: 1 });
    assert.deepEqual([hold.started, hold.messagesReceived, hold.messagesSent], [4, 4, 4]);
  });

  test("of streaming calls count messages, and the end that is read where the client streams", () => {
    const client = new FakeClient();
    const calls: StreamCall[] = [];
    const begin = (call: StreamCall): void => {
      calls.push(call);
      call.onMessage(() => {});
    };
    client.server.addStream("/a.B/Bidi", "bidi", begin);
    client.server.addStream("/a.B/Server", "serverStream", begin);
    client.connect();
    const texts = Buffer.concat([message("ab"), message("c")]);
    client.send(client.headers(1, headFields("/a.B/Bidi")), frame(frameType.data, 0, 1, texts));
    client.send(
      client.headers(3, headFields("/a.B/Server")),
      frame(frameType.data, frameFlag.endStream, 3, message("q")),
    );
    for (const call of calls) {
      call.send(Buffer.from("12345"), 0, 5);
      call.send(Buffer.from("6"), 0, 1);
    }
    assert.equal(statsOf(client, "Bidi").messagesReceived, 2);
    client.send(frame(frameType.rstStream, 0, 1, uint32(errorCode.cancel)));
    calls[1]?.finish();
    const bidi = statsOf(client, "Bidi");
    assert.deepEqual([bidi.started, bidi.messagesReceived, bidi.messagesSent], [1, 3, 2]);
    assert.deepEqual([bidi.bytesReceived, bidi.bytesSent], [3, 6]);
    assert.deepEqual(handled(bidi), { 1: 1 });
    const server = statsOf(client, "Server");
    assert.deepEqual([server.started, server.messagesReceived, server.messagesSent], [1, 1, 2]);
    assert.deepEqual(handled(server), { 0: 1 });
  });

  test("count a call that ends in several ways at once", () => {
    const client = new FakeClient();
    let held: StreamCall | undefined;
    client.server.addStream("/a.B/D", "bidi", (call) => {
      held = call;
    });
    client.connect();
    client.send(client.headers(1, headFields("/a.B/D", [{ name: "grpc-timeout", value: "1S" }])));
    held?.fail(9, "no");
    client.send(frame(frameType.rstStream, 0, 1, uint32(errorCode.cancel)));
    client.timers.advance(2_000);
    client.socket.close();
    assert.deepEqual(handled(statsOf(client, "D")), { 9: 1 });
  });
});

test("the bytes of all connections are counted as they pass the sockets", () => {
  const client = new FakeClient().withEcho().connect();
  client.send(client.request(1, echoPath, "hello"));
  const { received, sent } = client.server.traffic;
  assert.equal(sent, client.output.length);
  const before = received;
  const more = client.request(3, echoPath, "again");
  client.send(more);
  assert.equal(client.server.traffic.received - before, more.length);
  client.socket.close();
  assert.equal(client.server.traffic.sent, client.output.length);
});
