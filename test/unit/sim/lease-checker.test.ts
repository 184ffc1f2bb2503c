import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { LeaseChecker } from "../../sim/checkers/lease-checker.ts";
import { TrueHistory } from "../../sim/checkers/true-history.ts";
import { grantRequest, revokeRequest } from "../../sim/requests.ts";
import { entryOf } from "./entry-of.ts";

suite("the checker of leases", () => {
  let nowMs: number;
  let violations: string[];
  let checker: LeaseChecker;
  let history: TrueHistory;

  beforeEach(() => {
    nowMs = 0;
    violations = [];
    checker = new LeaseChecker({
      nowMs: () => nowMs,
      clockDriftMax: 0.02,
      electionTimeoutMs: 1000,
      onViolation: (text) => violations.push(text),
    });
    history = new TrueHistory({
      nowMs: () => nowMs,
      minTtlSeconds: 1,
      onRevoked: (lease, isByClient) => checker.revoked(lease, isByClient),
    });
  });

  /** Lease 7 with five seconds, granted at once. */
  function grant(): void {
    checker.began(7n);
    history.committed(entryOf(1, grantRequest(7n, 5)));
    checker.ended(7n, nowMs);
    checker.renewed(7n, nowMs, 5);
  }

  const revoke = (id: number): void => history.committed(entryOf(2, revokeRequest(7n), id));

  test("lets a lease end when its time is over on the fastest clock", () => {
    grant();
    nowMs = 4910;
    revoke(0);
    assert.deepEqual(violations, []);
    assert.equal(checker.judged, 1);
  });

  test("finds one that ends before its time", () => {
    grant();
    nowMs = 4890;
    revoke(0);
    assert.match(violations.join(), /revoked 12 ms before its time/);
  });

  test("counts from the sending of the last renewal that was acknowledged", () => {
    grant();
    nowMs = 6000;
    checker.renewed(7n, 3000, 5);
    revoke(0);
    assert.match(violations.join(), /before its time/);
  });

  test("lets a client end it at any time", () => {
    grant();
    checker.givenUp(7n);
    revoke(5);
    assert.deepEqual(violations, []);
  });

  test("finds a client that is told too early that it is gone", () => {
    grant();
    nowMs = 1000;
    checker.toldGone(7n);
    assert.match(violations.join(), /told that it is gone/);
  });

  test("finds one that stays although nobody renews it", () => {
    grant();
    nowMs = 14_000;
    checker.look(history, 0);
    assert.deepEqual(violations, []);
    nowMs = 14_200;
    checker.look(history, 0);
    checker.look(history, 0);
    assert.equal(violations.length, 1);
    assert.match(violations.join(), /it is still there/);
  });

  test("gives the cluster time while it has no steady leader, and while a renewal may come", () => {
    grant();
    nowMs = 30_000;
    checker.look(history, 29_000);
    checker.ended(7n, 25_000);
    checker.look(history, 0);
    checker.began(7n);
    nowMs = 90_000;
    checker.look(history, 0);
    assert.deepEqual(violations, []);
  });

  test("finds a time left that cannot be", () => {
    grant();
    nowMs = 1000;
    checker.toldRemaining(7n, 3, 5);
    checker.toldRemaining(7n, 6, 5);
    assert.deepEqual(violations, []);
    checker.toldRemaining(7n, 2, 5);
    checker.toldRemaining(7n, 7, 5);
    assert.equal(violations.length, 2);
  });
});
