import assert from "node:assert/strict";
import { test } from "node:test";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import {
  encodeLeaseCheckpoints,
  encodeLeaseGrant,
  encodeLeaseRevoke,
} from "../../../node/proto/lease-codec.ts";
import { compare, del, encodePut, Lab, put } from "./apply-lab.ts";

/** The result's kind, or the kind of the error. */
function apply(lab: Lab, field: number, message: Uint8Array): string {
  const result = lab.apply(field, message);
  return result.kind === "refused" ? result.error : result.kind;
}

const grant = (lab: Lab, id: bigint, ttlSeconds = 60): string =>
  apply(lab, internalRequest.leaseGrant, encodeLeaseGrant({ id, ttlSeconds }));
const revoke = (lab: Lab, id: bigint): string =>
  apply(lab, internalRequest.leaseRevoke, encodeLeaseRevoke(id));
const keysOf = (lab: Lab, id: bigint): string[] =>
  [...lab.store.keysOfLease(id)].map((key) => Buffer.from(key).toString("latin1")).sort();

test("a grant is answered with the time that it got, or with why it is none", async () => {
  const lab = await Lab.open();
  const result = lab.apply(internalRequest.leaseGrant, encodeLeaseGrant({ id: 5n, ttlSeconds: 1 }));
  assert.deepEqual(result, { kind: "leaseGrant", id: 5n, ttlSeconds: 2 });
  assert.equal(grant(lab, 5n), "LeaseExist");
  assert.equal(grant(lab, 0n), "LeaseNotFound");
  assert.equal(grant(lab, 6n, 9_000_000_001), "LeaseTTLTooLarge");
  assert.equal(revoke(lab, 6n), "LeaseNotFound");
});

test("a put needs its lease to be there, in a transaction too, and then nothing of it is done", async () => {
  const lab = await Lab.open();
  const refused = lab.apply(internalRequest.put, encodePut("a", "1", { lease: 5n }));
  assert.deepEqual(refused, { kind: "refused", error: "LeaseNotFound" });
  assert.equal(
    lab.txn({ success: [put("b", "1"), put("a", "1", { lease: 5n })] }),
    "LeaseNotFound",
  );
  assert.equal(lab.keys("\0", { end: "\0" }), "");
  grant(lab, 5n);
  lab.put("a", "1", { lease: 5n });
  assert(lab.holds(compare("lease", "a", "=", 5n)));
});

test("a key is of the lease of its last put: it moves, and goes with a put without one or its deletion", async () => {
  const lab = await Lab.open();
  grant(lab, 1n);
  grant(lab, 2n);
  for (const key of ["a", "b", "c", "d"]) lab.put(key, "1", { lease: 1n });
  lab.put("a", "2", { lease: 2n });
  lab.put("b", "2");
  lab.put("c", "2", { ignoreLease: true });
  lab.delete("d");
  assert.deepEqual(keysOf(lab, 1n), ["c"]);
  assert.deepEqual(keysOf(lab, 2n), ["a"]);
  lab.txn({ success: [put("b", "3", { lease: 2n }), del("c")] });
  assert.deepEqual(keysOf(lab, 1n), []);
  assert.deepEqual(keysOf(lab, 2n), ["a", "b"]);
  // A key that comes back is nobody's.
  lab.put("d", "3");
  assert.deepEqual(keysOf(lab, 1n), []);
  assert.equal(revoke(lab, 1n), "done");
  assert.equal(lab.keys("\0", { end: "\0" }), "a b d");
});

test("a revocation deletes its keys in one revision, in the order of the keys, and lets others be", async () => {
  const lab = await Lab.open();
  grant(lab, 1n);
  grant(lab, 2n);
  const keys = ["m", "a", "zz", "b", "z", "a\0"];
  for (const key of keys) lab.put(key, key, { lease: 1n });
  lab.put("other", "1", { lease: 2n });
  lab.put("free", "1");
  const before = lab.store.currentRevision;
  assert.equal(revoke(lab, 1n), "done");
  assert.equal(lab.store.currentRevision, before + 1);
  assert.equal(lab.keys("\0", { end: "\0" }), "free other");
  const { log, arena } = lab.store.records;
  const deleted: string[] = [];
  for (let at = log.next(0); at !== 0; at = log.next(at)) {
    if (log.main(at) === before + 1)
      deleted.push(Buffer.from(arena.key(log.place(at))).toString("latin1"));
  }
  assert.deepEqual(deleted, ["a", "a\0", "b", "m", "z", "zz"]);
  assert.equal(lab.lessor.get(1n), undefined);
  assert.equal(revoke(lab, 1n), "LeaseNotFound");
});

test("a lease without keys goes without a revision", async () => {
  const lab = await Lab.open();
  grant(lab, 1n);
  lab.put("a", "1", { lease: 1n });
  lab.delete("a");
  const before = lab.store.currentRevision;
  assert.equal(revoke(lab, 1n), "done");
  assert.equal(lab.store.currentRevision, before);
});

test("a large revocation is done in slices, and is no transaction of the history before it is whole", async () => {
  const lab = await Lab.open(1e6, 10);
  grant(lab, 1n);
  for (let at = 0; at < 500; at++) lab.put(`k${String(at).padStart(3, "0")}`, "1", { lease: 1n });
  const before = lab.store.currentRevision;
  const whole = lab.store.wholeOrdinal;
  let slices = 0;
  lab.betweenSlices = () => {
    slices += 1;
    assert.equal(lab.store.currentRevision, before);
    assert(lab.lessor.get(1n) !== undefined);
    assert.equal(lab.store.wholeOrdinal, whole);
  };
  assert.equal(revoke(lab, 1n), "done");
  assert(slices >= 50, `${slices} slices`);
  assert.equal(lab.store.currentRevision, before + 1);
  assert.equal(lab.keys("\0", { end: "\0" }), "");
});

test("a checkpoint tells what is left of leases, and passes over those that are gone", async () => {
  const lab = await Lab.open();
  grant(lab, 1n, 100);
  const checkpoints = [
    { id: 1n, remainingSeconds: 40 },
    { id: 7n, remainingSeconds: 40 },
  ];
  const message = encodeLeaseCheckpoints(checkpoints);
  // Members older than 3.6 would not keep it.
  assert.equal(apply(lab, internalRequest.leaseCheckpoint, message), "done");
  assert.equal(lab.lessor.get(1n)?.remainingSeconds, 0);
  lab.cluster.setVersion("3.6.0");
  assert.equal(apply(lab, internalRequest.leaseCheckpoint, message), "done");
  assert.equal(lab.lessor.get(1n)?.remainingSeconds, 40);
  assert.equal(lab.lessor.get(7n), undefined);
});
