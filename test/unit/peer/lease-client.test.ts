import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Dialer } from "../../../node/peer/dial.ts";
import { LeaseClient } from "../../../node/peer/lease-client.ts";
import { LeasesHandler } from "../../../node/peer/leases-handler.ts";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { int64Long } from "../../../node/proto/long.ts";
import type { LeaseReply, LeaseTimes } from "../../../node/server/peer-transport.ts";
import { freePort } from "../../support/server-process.ts";
import { HandTimers } from "./hand-timers.ts";
import { HttpStub } from "./http-stub.ts";

let dialer: Dialer;
let client: LeaseClient;
const stubs: HttpStub[] = [];

beforeEach(() => {
  dialer = new Dialer({ dialTimeoutMs: 5000 });
  client = new LeaseClient({ dialer, timers: new HandTimers() });
});

afterEach(() => {
  dialer.close();
  for (const stub of stubs.splice(0)) stub.stop();
});

/** A leader that answers so. */
async function leader(
  renewal: LeaseReply<number>,
  times: LeaseReply<LeaseTimes> = { kind: "notFound" },
): Promise<HttpStub> {
  const handler = new LeasesHandler({
    renewLease: () => Promise.resolve(renewal),
    leaseTimes: () => Promise.resolve(times),
  });
  return stubWith((path) => (request, response) => handler.handle(request, response, path));
}

async function stubWith(
  answer: (path: string) => Parameters<typeof HttpStub.start>[0],
): Promise<HttpStub> {
  const stub = await HttpStub.start((request, response) => {
    answer(request.url ?? "")(request, response);
  });
  stubs.push(stub);
  return stub;
}

test("what a leader of ours says arrives as it was said", async () => {
  const times = { remainingSeconds: -2, grantedSeconds: 60, keys: [Buffer.from("a")] };
  const { url } = await leader({ kind: "found", value: 42 }, { kind: "found", value: times });
  assert.deepEqual(await client.renew([url], -5n), { kind: "found", value: 42 });
  const reply = await client.times([url], 5n, true);
  assert(reply.kind === "found");
  assert.deepEqual(
    { ...reply.value, keys: reply.value.keys.map((key) => Buffer.from(key)) },
    times,
  );
  const [renewal, question] = stubs.flatMap(({ asked }) => asked);
  assert.deepEqual([renewal, question], ["POST /leases", "POST /leases/internal"]);
});

test("that there is no such lease is an answer, and the next address is not asked", async () => {
  const first = await leader({ kind: "notFound" });
  const second = await leader({ kind: "found", value: 42 });
  assert.deepEqual(await client.renew([first.url, second.url], 5n), { kind: "notFound" });
  assert.deepEqual(await client.times([first.url, second.url], 5n, true), { kind: "notFound" });
  assert.deepEqual(second.asked, []);
});

test("the next address is asked when one is dead or refuses; when all do, that is a failure", async () => {
  const dead = `http://127.0.0.1:${await freePort()}`;
  const refusing = await leader({ kind: "refused", error: "NotPrimaryLessor" });
  const { url } = await leader({ kind: "found", value: 42 });
  const reply = await client.renew([dead, refusing.url, url], 5n);
  assert.deepEqual(reply, { kind: "found", value: 42 });
  await assert.rejects(client.renew([dead, refusing.url], 5n), /400 not a primary lessor/);
  await assert.rejects(client.renew([], 5n));
});

test("an answer about another lease, or none at all, is a failure", async () => {
  const { LeaseKeepAliveResponse } = etcdserverpb;
  const bodies = [
    LeaseKeepAliveResponse.encode({ ID: int64Long(6n), TTL: int64Long(10n) }).finish(),
    Uint8Array.of(0xff),
  ];
  for (const body of bodies) {
    const { url } = await stubWith(() => (_request, response) => void response.end(body));
    await assert.rejects(client.renew([url], 5n));
  }
});
