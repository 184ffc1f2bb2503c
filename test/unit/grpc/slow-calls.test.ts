import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnaryCall } from "../../../node/grpc/unary-call.ts";
import type { LogFields } from "../../../node/lib/ports.ts";
import { echoPath, FakeClient } from "./fake-client.ts";

const holdPath = "/test.Svc/Hold";

/** A server that tells of calls above 300 ms, with a method whose calls the test answers itself. */
function makeLab() {
  const told: (readonly [string, LogFields | undefined])[] = [];
  const warn = (message: string, fields?: LogFields) => void told.push([message, fields]);
  const logger = { debug() {}, info() {}, warn, error() {} };
  const client = new FakeClient({ logger, warnUnaryRequestMs: 300 }).withEcho();
  const calls: UnaryCall[] = [];
  client.server.addUnary(holdPath, (call) => void calls.push(call));
  client.connect();
  return { client, told, calls };
}

test("a unary call above the threshold is told with its method and sizes, and without what it said", () => {
  const { client, told, calls } = makeLab();
  client.send(client.request(1, holdPath, "s3cret"));
  client.timers.advance(450);
  calls[0]?.reply(Buffer.from("answer-s3cret"), 0, 13);
  const [[message, fields] = []] = told;
  assert.equal(message, "request stats");
  assert.ok(!JSON.stringify(fields).includes("s3cret"));
  const { "start time": start, remote, ...rest } = fields ?? {};
  assert.match(String(start), /^\d{4}-\d\d-\d\dT/);
  assert.notEqual(remote, "");
  assert.deepEqual(rest, {
    "time spent": "450ms",
    "response type": holdPath,
    "request count": -1,
    "request size": 6,
    "response count": -1,
    "response size": 13,
    "request content": "",
  });
});

test("a call that failed slowly is told too, once; quick ones and those at the threshold are not", () => {
  const { client, told, calls } = makeLab();
  client.send(client.request(1, echoPath, "quick"));
  client.send(client.request(3, holdPath, "x"), client.request(5, holdPath, "y"));
  client.timers.advance(300);
  calls[0]?.reply(Buffer.from(""), 0, 0);
  assert.equal(told.length, 0);
  client.timers.advance(100);
  calls[1]?.fail(14, "unavailable");
  calls[1]?.fail(14, "again");
  assert.equal(told.length, 1);
});
