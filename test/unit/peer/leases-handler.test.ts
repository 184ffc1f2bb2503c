import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { LeasesHandler } from "../../../node/peer/leases-handler.ts";
import { etcdserverpb, leasepb } from "../../../node/proto/generated/messages.js";
import { int64Long, longToBigint, longToNumber } from "../../../node/proto/long.ts";
import type { LeaseReply, LeaseTimes } from "../../../node/server/peer-transport.ts";
import { HttpStub } from "./http-stub.ts";

const { LeaseKeepAliveRequest, LeaseKeepAliveResponse } = etcdserverpb;
const { LeaseInternalRequest, LeaseInternalResponse } = leasepb;

let stub: HttpStub | undefined;
afterEach(() => stub?.stop());

interface Receiver {
  readonly renewLease: (id: bigint) => Promise<LeaseReply<number>>;
  readonly leaseTimes: (id: bigint, withKeys: boolean) => Promise<LeaseReply<LeaseTimes>>;
}

const unasked = (): Promise<never> => Promise.reject(new Error("was not to be asked"));

async function post(
  path: string,
  body: Uint8Array,
  receiver: Partial<Receiver> = {},
  method = "POST",
): Promise<{ status: number; type: string | null; body: Buffer; text: string }> {
  const handler = new LeasesHandler({ renewLease: unasked, leaseTimes: unasked, ...receiver });
  stub?.stop();
  stub = await HttpStub.start((request, response) => handler.handle(request, response, path));
  const init = method === "POST" ? { method, body: Buffer.from(body) } : { method };
  const answer = await fetch(stub.url + path, init);
  const bytes = Buffer.from(await answer.arrayBuffer());
  const type = answer.headers.get("content-type");
  return { status: answer.status, type, body: bytes, text: bytes.toString() };
}

const renewal = (id: bigint): Uint8Array =>
  LeaseKeepAliveRequest.encode({ ID: int64Long(id) }).finish();
const question = (id: bigint, keys: boolean): Uint8Array =>
  LeaseInternalRequest.encode({ LeaseTimeToLiveRequest: { ID: int64Long(id), keys } }).finish();

test("a renewal is answered with the lease's id and its time, in etcd's message", async () => {
  for (const id of [7n, -7n, 2n ** 63n - 1n]) {
    const answer = await post("/leases", renewal(id), {
      renewLease: (asked) => {
        assert.equal(asked, id);
        return Promise.resolve({ kind: "found", value: 60 });
      },
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.type, "application/protobuf");
    const response = LeaseKeepAliveResponse.decode(answer.body);
    assert.equal(longToBigint(response.ID), id);
    assert.equal(longToNumber(response.TTL), 60);
  }
});

test("a question is answered with both times and, if asked for, the keys", async () => {
  const keys = [Buffer.from("a"), Buffer.from([0, 255])];
  const receiver = {
    leaseTimes: (id: bigint, withKeys: boolean): Promise<LeaseReply<LeaseTimes>> =>
      Promise.resolve({
        kind: "found",
        value: { remainingSeconds: Number(id), grantedSeconds: 60, keys: withKeys ? keys : [] },
      }),
  };
  for (const [id, withKeys] of [
    [5n, true],
    [5n, false],
    // It has ended, and waits for its entry.
    [-1n, false],
  ] as const) {
    const answer = await post("/leases/internal", question(id, withKeys), receiver);
    assert.equal(answer.status, 200);
    const response = LeaseInternalResponse.decode(answer.body).LeaseTimeToLiveResponse;
    assert.equal(longToBigint(response?.ID), id);
    assert.equal(longToNumber(response?.TTL), Number(id));
    assert.equal(longToNumber(response?.grantedTTL), 60);
    assert.deepEqual(
      response?.keys?.map((key) => Buffer.from(key)),
      withKeys ? keys : [],
    );
  }
});

test("refusals have etcd's statuses and texts", async () => {
  const refused = (error: "Timeout" | "NotPrimaryLessor" | "LeaderChanged"): Partial<Receiver> => ({
    renewLease: () => Promise.resolve({ kind: "refused", error }),
    leaseTimes: () => Promise.resolve({ kind: "refused", error }),
  });
  const missing: Partial<Receiver> = {
    renewLease: () => Promise.resolve({ kind: "notFound" }),
    leaseTimes: () => Promise.resolve({ kind: "notFound" }),
  };
  const late = "waiting for node to catch up its applied index has timed out\n";
  for (const [path, body, receiver, status, text] of [
    ["/leases", renewal(1n), missing, 404, "lease not found\n"],
    ["/leases/internal", question(1n, true), missing, 404, "lease not found\n"],
    ["/leases", renewal(1n), refused("Timeout"), 408, late],
    ["/leases/internal", question(1n, true), refused("Timeout"), 408, late],
    ["/leases", renewal(1n), refused("NotPrimaryLessor"), 400, "not a primary lessor\n"],
    [
      "/leases/internal",
      question(1n, false),
      refused("LeaderChanged"),
      500,
      "not a primary lessor\n",
    ],
    ["/leases", Uint8Array.of(0x08), {}, 400, "error unmarshalling request\n"],
    ["/leases/internal", Uint8Array.of(0xff), {}, 400, "error unmarshalling request\n"],
    ["/leases/internal", new Uint8Array(0), {}, 400, "error unmarshalling request\n"],
    ["/leases", new Uint8Array(64 * 1024 + 1), {}, 413, "request body too large\n"],
  ] as const) {
    const answer = await post(path, body, receiver);
    assert.deepEqual([path, answer.status, answer.text], [path, status, text]);
  }
  for (const method of ["GET", "PUT", "DELETE"])
    assert.equal((await post("/leases", new Uint8Array(0), {}, method)).status, 405);
});

test("a receiver that fails is an error of the server", async () => {
  assert.equal((await post("/leases", renewal(1n))).status, 500);
});
