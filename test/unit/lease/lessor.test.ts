import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { leaseKey } from "../../../node/proto/lease-codec.ts";
import { LessorLab, maxTtlSeconds } from "./lessor-lab.ts";

test("what is granted: not the id 0, not one that is there, not for longer than etcd's most, and never for less than the least", () => {
  const { lessor } = new LessorLab();
  assert.equal(lessor.grant(0n, 10), "LeaseNotFound");
  assert.equal(lessor.grant(1n, maxTtlSeconds + 1), "LeaseTTLTooLarge");
  assert.equal(lessor.size, 0);
  for (const [id, asked, granted] of [
    [1n, 10, 10],
    [2n, 0, 2],
    [3n, -5, 2],
    [-4n, 1, 2],
    [5n, maxTtlSeconds, maxTtlSeconds],
  ] as const) {
    const lease = lessor.grant(id, asked);
    assert(typeof lease === "object");
    assert.equal(lease.ttlSeconds, granted);
  }
  assert.equal(lessor.grant(1n, 20), "LeaseExist");
  assert.equal(lessor.get(1n)?.ttlSeconds, 10);
  // As etcd decides it: what is too large is told before what is there.
  assert.equal(lessor.grant(1n, maxTtlSeconds + 1), "LeaseTTLTooLarge");
  assert.equal(lessor.size, 5);
});

test("a lease ends at its time and not a millisecond before, whatever the wall clock says", () => {
  const lab = LessorLab.primary();
  lab.grant(1n, 10);
  lab.clock.nowMs += 9_999;
  assert.deepEqual(lab.expired(), []);
  lab.clock.nowMs += 1;
  assert.deepEqual(lab.expired(), [1n]);
});

test("leases end in the order of their times, so many at once as are asked for", () => {
  const lab = LessorLab.primary();
  for (const [id, ttl] of [
    [1n, 50],
    [2n, 20],
    [3n, 40],
    [4n, 30],
    [5n, 90],
  ] as const)
    lab.grant(id, ttl);
  assert.deepEqual(
    lab.lessor.all().map(({ id }) => id),
    [2n, 4n, 3n, 1n, 5n],
  );
  lab.pass(60);
  assert.deepEqual(lab.expired(3), [2n, 4n, 3n]);
  assert.deepEqual(lab.expired(3), [1n]);
});

test("one that was given out to be revoked comes again only when that took too long", () => {
  const lab = LessorLab.primary();
  lab.grant(1n, 5);
  lab.pass(5);
  assert.deepEqual(lab.expired(10, 3000), [1n]);
  lab.pass(2.9);
  assert.deepEqual(lab.expired(10, 3000), []);
  lab.pass(0.1);
  assert.deepEqual(lab.expired(10, 3000), [1n]);
  lab.lessor.revoke(1n);
  lab.pass(100);
  assert.deepEqual(lab.expired(), []);
  assert.equal(lab.lessor.get(1n), undefined);
});

test("a renewal begins the whole time anew", () => {
  const lab = LessorLab.primary();
  lab.grant(1n, 10);
  for (let count = 0; count < 20; count++) {
    lab.pass(9);
    assert.deepEqual(lab.expired(), []);
    assert.equal(typeof lab.lessor.renew(1n), "object");
    assert.equal(lab.left(1n), 10);
  }
  lab.pass(10);
  assert.deepEqual(lab.expired(), [1n]);
});

test("what is not there is not renewed, nor what has ended and waits for its entry", () => {
  const lab = LessorLab.primary();
  assert.equal(lab.lessor.renew(7n), undefined);
  lab.grant(1n, 10);
  lab.pass(10);
  assert.equal(lab.lessor.renew(1n), "ended");
  assert.deepEqual(lab.expired(), [1n]);
  assert.equal(lab.lessor.renew(1n), "ended");
});

test("a member that is not the primary lets nothing end", () => {
  const lab = new LessorLab();
  lab.grant(1n, 2);
  assert.equal(lab.left(1n), Infinity);
  lab.pass(1e6);
  assert.deepEqual(lab.expired(), []);
});

test("a new primary gives every lease its whole time and something on top, and one that is primary no more lets nothing end", () => {
  const lab = LessorLab.primary();
  lab.grant(1n, 10);
  lab.pass(9);
  lab.lessor.demote();
  lab.pass(100);
  assert.deepEqual(lab.expired(), []);
  assert.equal(lab.left(1n), Infinity);
  lab.lessor.promote(1500);
  assert.equal(lab.left(1n), 11.5);
  lab.pass(11.499);
  assert.deepEqual(lab.expired(), []);
  lab.clock.nowMs += 1;
  assert.deepEqual(lab.expired(), [1n]);
});

test("a promotion forgets that a revocation was asked for: it may have been lost with the leader before", () => {
  const lab = LessorLab.primary();
  lab.grant(1n, 5);
  lab.pass(5);
  assert.deepEqual(lab.expired(10, 1e9), [1n]);
  lab.lessor.demote();
  lab.lessor.promote(0);
  lab.pass(5);
  assert.deepEqual(lab.expired(), [1n]);
});

test("what a checkpoint says is left counts for the next primary, until another says that it is the whole again", () => {
  const lab = LessorLab.primary();
  lab.grant(1n, 100);
  lab.lessor.checkpoint(1n, 30);
  lab.lessor.checkpoint(9n, 30);
  assert.equal(lab.left(1n), 100);
  // A renewal alone, which no other member knows of, changes nothing of what was said.
  lab.lessor.renew(1n);
  assert.equal(lab.lessor.get(1n)?.remainingSeconds, 30);
  lab.lessor.promote(1000);
  assert.equal(lab.left(1n), 31);
  lab.lessor.checkpoint(1n, 0);
  lab.lessor.promote(1000);
  assert.equal(lab.left(1n), 101);
});

test("after a restart the same leases are there, with what was kept of checkpoints, and end only under a primary", () => {
  const lab = LessorLab.primary();
  lab.grant(1n, 10);
  lab.grant(-2n, 20);
  lab.grant(3n, 30);
  lab.grant(4n, 40);
  lab.lessor.checkpoint(1n, 5);
  lab.lessor.checkpoint(3n, 5);
  lab.lessor.revoke(4n);
  const again = lab.newLessor();
  assert.deepEqual(
    again.all().map(({ id, ttlSeconds, remainingSeconds }) => [id, ttlSeconds, remainingSeconds]),
    [
      [1n, 10, 5],
      [-2n, 20, 0],
      [3n, 30, 5],
    ],
  );
  assert.equal(again.isPrimary, false);
  lab.pass(1000);
  assert.deepEqual(again.takeExpired(10, 1000), []);
  again.promote(0);
  assert.deepEqual(
    again.all().map((lease) => again.remainingMs(lease)),
    [5000, 5000, 20_000],
  );
});

test("a record that is no lease, or another's, is refused as corrupt", () => {
  const record = (id: bigint): Uint8Array => {
    const lab = new LessorLab();
    lab.grant(id, 10);
    return [...lab.bucket.records.values()][0] as Uint8Array;
  };
  for (const [key, value] of [
    [leaseKey(1n), record(2n)],
    [leaseKey(1n).subarray(1), record(1n)],
    [new Uint8Array(0), record(1n)],
    [leaseKey(1n), Uint8Array.of(0x08)],
    [leaseKey(1n), Uint8Array.of(0xff, 0xff)],
    [leaseKey(1n), new Uint8Array(0)],
  ] as const) {
    const lab = new LessorLab();
    lab.bucket.put("lease", key, value);
    assert.throws(() => lab.newLessor(), CorruptionError);
  }
});
