/** PINGs of clients that come too often, and our own to clients that are silent; grpc-go's rules with etcd's figures. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errorCode, frameFlag, frameType } from "../../../node/grpc/frame.ts";
import {
  keepaliveIdleMinTimeMs,
  keepaliveIntervalMs,
  keepaliveMinTimeMs,
  keepaliveMinTimeUnsetMs,
  keepaliveTimeoutMs,
  pingStrikesMax,
} from "../../../node/grpc/limits.ts";
import type { GrpcServerOptions } from "../../../node/grpc/server.ts";
import { echoPath, FakeClient, frame, headFields } from "./fake-client.ts";

const ping = frame(frameType.ping, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]);
const holdPath = "/test.Svc/Hold";
const calm = errorCode.enhanceYourCalm;

function connected(options: Partial<GrpcServerOptions> = {}): FakeClient {
  const client = new FakeClient(options).withEcho();
  client.server.addUnary(holdPath, () => {});
  return client.connect();
}

/** Sends PINGs with time between them; returns how many were answered before the connection ended, or `count`. */
function pings(client: FakeClient, count: number, periodMs: number): number {
  for (let sent = 0; sent < count; sent++) {
    client.send(ping);
    if (client.goAwayCode !== undefined) return sent;
    client.timers.advance(periodMs);
  }
  return count;
}

const hold = (client: FakeClient): void => client.send(client.headers(1, headFields(holdPath)));

describe("a client that pings", () => {
  test("without a call under way is sent away at its fourth PING, whatever time is between them", () => {
    const client = connected();
    assert.equal(pings(client, 10, 60_000), 1 + pingStrikesMax);
    assert.equal(client.goAwayCode, calm);
    const goAway = client.framesOf(frameType.goAway)[0]?.payload.subarray(8);
    assert.equal(goAway?.toString(), "too_many_pings");
    assert.equal(client.framesOf(frameType.ping).length, 2 + pingStrikesMax);
    assert.equal(client.socket.isEnded, true);
  });

  test("without a call may do it once in two hours", () => {
    const client = connected({ keepaliveIntervalMs: 100 * keepaliveIdleMinTimeMs });
    assert.equal(pings(client, 6, keepaliveIdleMinTimeMs + 1_000), 6);
  });

  test("with a call under way may do it every five seconds, and not oftener", () => {
    const patient = connected();
    hold(patient);
    assert.equal(pings(patient, 20, keepaliveMinTimeMs + 10), 20);
    const hasty = connected();
    hold(hasty);
    assert.equal(pings(hasty, 20, keepaliveMinTimeMs - 100), 1 + pingStrikesMax);
    assert.equal(hasty.goAwayCode, calm);
  });

  test("is held to the time that is configured; 0 is grpc-go's five minutes", () => {
    const quick = connected({ keepaliveMinTimeMs: 100 });
    hold(quick);
    assert.equal(pings(quick, 20, 150), 20);
    const unset = connected({ keepaliveMinTimeMs: 0 });
    hold(unset);
    assert.equal(pings(unset, 20, keepaliveMinTimeUnsetMs - 1_000), 1 + pingStrikesMax);
  });

  test("may do it as often as answers go to it: the strikes are forgotten", () => {
    const client = connected();
    for (let round = 0; round < 50; round++) {
      assert.equal(pings(client, 1 + pingStrikesMax, 10), 1 + pingStrikesMax);
      client.send(client.request(1 + round * 2, echoPath, "x"));
    }
  });
});

describe("a client that is silent", () => {
  const ours = (client: FakeClient) =>
    client.framesOf(frameType.ping).filter(({ flags }) => flags === 0);

  test("is asked after two hours and left alone when it answers", () => {
    const client = connected();
    client.timers.advance(keepaliveIntervalMs - 100);
    assert.equal(ours(client).length, 0);
    client.timers.advance(200);
    assert.equal(ours(client).length, 1);
    client.send(frame(frameType.ping, frameFlag.ack, 0, new Uint8Array(8)));
    client.timers.advance(keepaliveTimeoutMs + 1_000);
    assert.equal(client.socket.isDestroyed, false);
    client.timers.advance(keepaliveIntervalMs);
    assert.equal(ours(client).length, 2);
  });

  test("and stays so is cut after the time-out, and its streams are told", () => {
    const client = new FakeClient({ keepaliveIntervalMs: 1_000, keepaliveTimeoutMs: 500 });
    const codes: number[] = [];
    client.server.addStream("/test.Svc/Watch", "bidi", (call) =>
      call.onCancel((code) => codes.push(code)),
    );
    client.connect();
    client.send(client.headers(1, headFields("/test.Svc/Watch")));
    client.timers.advance(1_400);
    assert.equal(client.socket.isDestroyed, false);
    client.timers.advance(200);
    assert.equal(client.socket.isDestroyed, true);
    assert.equal(codes.length, 1);
    assert.equal(client.server.openConnections, 0);
  });

  test("is asked after grpc-go's default when one of the two options is 0, as in etcd", () => {
    for (const options of [
      { keepaliveIntervalMs: 0, keepaliveTimeoutMs: 10 },
      { keepaliveIntervalMs: 10, keepaliveTimeoutMs: 0 },
    ]) {
      const client = connected(options);
      client.timers.advance(keepaliveIntervalMs - 100);
      assert.equal(ours(client).length, 0);
      client.timers.advance(200);
      assert.equal(ours(client).length, 1);
    }
  });
});
