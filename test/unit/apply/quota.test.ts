/** What an entry does that exceeds this member's quota: the same as on members that have room, with another answer (etcd's quotaApplierV3). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { encodeLeaseGrant } from "../../../node/proto/lease-codec.ts";
import { del, encodeDelete, encodePut, encodeTxn, Lab, nested, put, range } from "./apply-lab.ts";

const grant = encodeLeaseGrant({ id: 7n, ttlSeconds: 60 });
const requests: readonly (readonly [string, number, Uint8Array, number])[] = [
  ["put", internalRequest.put, encodePut("a", "12"), 259],
  ["txn", internalRequest.txn, encodeTxn({ success: [put("a", "1"), put("b", "1")] }), 516],
  [
    "txn in slices",
    internalRequest.txn,
    encodeTxn({ success: [del("k", "l"), nested({ success: [put("a", "1")] })] }),
    258,
  ],
  ["lease grant", internalRequest.leaseGrant, grant, 64],
];
const free: readonly (readonly [string, number, Uint8Array])[] = [
  ["txn that reads", internalRequest.txn, encodeTxn({ success: [range("k")] })],
  ["delete", internalRequest.deleteRange, encodeDelete("k", "l")],
  ["lease revoke", internalRequest.leaseRevoke, new Uint8Array([0x08, 0x07])],
];

async function labWith(roomBytes: number): Promise<Lab> {
  const lab = await Lab.open(1e6, 2);
  lab.apply(internalRequest.leaseGrant, encodeLeaseGrant({ id: 9n, ttlSeconds: 60 }));
  for (let at = 0; at < 9; at++) lab.put(`k${at}`, "x");
  lab.quota = { isExceededBy: (cost) => cost > roomBytes };
  return lab;
}

const stateOf = (lab: Lab) => ({
  revision: lab.store.currentRevision,
  keys: lab.range("\0", { end: "\0" }),
  leases: lab.lessor.all().map(({ id }) => id),
});

for (const [name, field, message, cost] of requests) {
  test(`${name}: executed with and without room, and refused without`, async () => {
    const without = await labWith(cost - 1);
    const within = await labWith(cost);
    const before = stateOf(without);
    assert.deepEqual(without.apply(field, message), { kind: "refused", error: "NoSpace" });
    assert.notEqual(within.apply(field, message).kind, "refused");
    assert.deepEqual(stateOf(without), stateOf(within));
    assert.notDeepEqual(stateOf(without), before);
  });
}

for (const [name, field, message] of free) {
  test(`${name}: passes without any room`, async () => {
    const lab = await labWith(0);
    lab.apply(internalRequest.leaseGrant, grant);
    const result = lab.apply(field, message);
    assert.notDeepEqual(result, { kind: "refused", error: "NoSpace" });
  });
}

test("what is refused for another reason says so, whatever room there is", async () => {
  const lab = await labWith(0);
  const result = lab.apply(internalRequest.put, encodePut("a", "1", { lease: 99n }));
  assert.deepEqual(result, { kind: "refused", error: "LeaseNotFound" });
});
