import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import { systemClock } from "../../../node/lib/platform/clock.ts";
import { memberId } from "../../../node/lib/units.ts";
import { Dialer } from "../../../node/peer/dial.ts";
import { PeerStats } from "../../../node/peer/peer-stats.ts";
import { answerProbe, Prober, probingPath } from "../../../node/peer/probing.ts";
import { HandTimers, KeptLog } from "./hand-timers.ts";
import { HttpStub } from "./http-stub.ts";

const peer = memberId(0xb2n);
const unhealthy = "prober detected unhealthy status";
const healthyAgain = "prober detected healthy status again";
const drift = "prober found high clock drift";

let timers: HandTimers;
let log: KeptLog;
let stats: PeerStats;
let dialer: Dialer;
let prober: Prober;
let stub: HttpStub;
/** How the other member answers; its clock is ahead by so much. */
let aheadMs: number;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  aheadMs = 0;
  answer = (_request, response) =>
    answerProbe(response, { ...systemClock, unixMs: () => Date.now() + aheadMs });
  timers = new HandTimers();
  log = new KeptLog();
  stats = new PeerStats();
  dialer = new Dialer({ dialTimeoutMs: 5000 });
  const headers = { "X-Server-From": "a1" };
  prober = new Prober({ headers, dialer, stats, timers, clock: systemClock, logger: log });
  stub = await HttpStub.start((request, response) => answer(request, response));
});

afterEach(() => {
  prober.close();
  dialer.close();
  stub.stop();
});

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
};

/** One turn of probes, to its end. */
async function turn(): Promise<void> {
  timers.tick();
  await until(() => timers.waits.length === 0);
  await new Promise((resolve) => setImmediate(resolve));
}

test("a probe is answered in the form that etcd reads", async () => {
  const heard: string[] = [];
  const response = {
    setHeader: (name: string, value: unknown) => heard.push(`${name}: ${String(value)}`),
    end: (body: string) => heard.push(body),
  };
  answerProbe(response as unknown as ServerResponse, {
    monotonicMs: () => 0,
    unixMs: () => Date.UTC(2026, 6, 23, 1, 2, 3, 45),
  });
  assert.deepEqual(heard, [
    "Content-Type: text/plain; charset=utf-8",
    "Content-Length: 45",
    '{"OK":true,"Now":"2026-07-23T01:02:03.045Z"}\n',
  ]);
});

test("every peer is probed on two ways, each on a connection that it keeps", async () => {
  prober.setPeer(peer, [stub.url]);
  for (let count = 1; count <= 3; count++) {
    await turn();
    assert.equal(stats.of(peer).roundTrips.count, 2 * count);
  }
  assert.deepEqual(new Set(stub.asked), new Set([`GET ${probingPath}`]));
  assert.equal(stub.connections, 2);
  assert.equal(stub.heads[0]?.["x-server-from"], "a1");
  assert.deepEqual(log.lines, []);
});

test("a peer that cannot be probed is told once, and once when it can again", async () => {
  answer = (_request, response) => response.writeHead(503).end();
  prober.setPeer(peer, [stub.url]);
  await turn();
  await turn();
  assert.equal(log.count(unhealthy), 2, "once for each way");
  assert.match(String(log.lines[0]?.fields["error"]), /unexpected HTTP status code 503/);
  assert.equal(log.lines[0]?.fields["remote-peer-id"], "b2");
  assert.equal(log.lines[0].fields["address"], stub.url);
  answer = (_request, response) => answerProbe(response, systemClock);
  await turn();
  await turn();
  assert.equal(log.count(healthyAgain), 2);
  assert.equal(log.count(unhealthy), 2);
});

test("another cause is told, too: a member that was down may come back with a wrong certificate", async () => {
  prober.setPeer(peer, [stub.url]);
  for (const answered of ["[1]", "[2]", '{"OK":false}', '{"OK":false}']) {
    answer = (_request, response) => response.end(answered);
    await turn();
  }
  for (const status of [500, 503]) {
    answer = (_request, response) => response.writeHead(status).end();
    await turn();
  }
  const errors = log.lines.map(({ fields }) => fields["error"]);
  assert.equal(errors.length, 4, "two causes, each once for each way; a number makes no other one");
});

test("answers that are none do not count as round trips", async () => {
  const answers = [
    "",
    "nonsense",
    "null",
    '{"OK":false}',
    '{"OK":true}',
    '{"OK":true,"Now":"noon"}',
  ];
  prober.setPeer(peer, [stub.url]);
  for (const body of answers) {
    answer = (_request, response) => response.end(body);
    await turn();
  }
  assert.equal(stats.of(peer).roundTrips.count, 0);
});

test("Go's times, with nanoseconds and the offset of a zone, are read", async () => {
  const now = new Date().toISOString().slice(0, -5);
  answer = (_request, response) => response.end(`{"OK":true,"Now":"${now}.123456789Z"}\n`);
  prober.setPeer(peer, [stub.url]);
  await turn();
  answer = (_request, response) => response.end(`{"OK":true,"Now":"${now}+00:00"}\n`);
  await turn();
  assert.equal(stats.of(peer).roundTrips.count, 4);
  assert.equal(log.count(unhealthy), 0);
});

test("a clock that differs by more than a second is told once, whichever way it is wrong", async () => {
  prober.setPeer(peer, [stub.url]);
  for (const wrongMs of [60_000, -60_000]) {
    aheadMs = wrongMs;
    await turn();
    await turn();
    aheadMs = 0;
    await turn();
  }
  assert.equal(log.count(drift), 4, "two ways, two times");
  aheadMs = 300;
  await turn();
  assert.equal(log.count(drift), 4);
});

test("an address that fails makes room for the next one", async () => {
  const other = await HttpStub.start((_request, response) => answerProbe(response, systemClock));
  answer = (request) => request.destroy();
  prober.setPeer(peer, [stub.url, other.url]);
  await turn();
  await turn();
  assert.equal(stub.asked.length, 2);
  assert.equal(other.asked.length, 2);
  prober.setPeer(peer, [other.url, stub.url]);
  await turn();
  assert.equal(other.asked.length, 4);
  other.stop();
});

test("a probe without an answer ends before the next turn", async () => {
  answer = () => undefined;
  prober.setPeer(peer, [stub.url]);
  timers.tick();
  await until(() => stub.asked.length === 2);
  assert.deepEqual(timers.waits, [3900, 3900]);
  timers.tick();
  assert.deepEqual(timers.waits, [3900, 3900], "no second one beside it");
  timers.pass(3900);
  await until(() => log.count(unhealthy) === 2);
  assert.equal(stub.asked.length, 2);
});

test("a peer that is gone is not probed, and its last answer is nobody's", async () => {
  answer = () => undefined;
  prober.setPeer(peer, [stub.url]);
  timers.tick();
  await until(() => stub.asked.length === 2);
  prober.removePeer(peer);
  timers.pass(3900);
  timers.tick();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(stub.asked.length, 2);
  assert.deepEqual(log.lines, []);
});
