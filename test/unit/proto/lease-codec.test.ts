import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { etcdserverpb, leasepb } from "../../../node/proto/generated/messages.js";
import {
  decodeLeaseCheckpoints,
  decodeLeaseGrant,
  decodeLeaseRecord,
  decodeLeaseRevoke,
  encodeLeaseCheckpoints,
  encodeLeaseGrant,
  encodeLeaseRecord,
  encodeLeaseRevoke,
  leaseKey,
} from "../../../node/proto/lease-codec.ts";
import { int64Long } from "../../../node/proto/long.ts";
import { WireError } from "../../../node/proto/wire.ts";

const id = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const seconds = fc.oneof(
  fc.constantFrom(0, 1, 9_000_000_000, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
);
const long = (value: number | bigint): ReturnType<typeof int64Long> => int64Long(BigInt(value));

/** Generated encoders write fields that are set; those of the wire leave defaults out. */
const set = <Fields extends object>(fields: Fields): Fields =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => {
      const { low, high } = value as { low: number; high: number };
      return low !== 0 || high !== 0;
    }),
  ) as Fields;

test("records are those of the generated leasepb.Lease, byte for byte", () => {
  fc.assert(
    fc.property(id, seconds, seconds, (one, ttlSeconds, remainingSeconds) => {
      const record = { id: one, ttlSeconds, remainingSeconds };
      const bytes = encodeLeaseRecord(record);
      const fields = { ID: long(one), TTL: long(ttlSeconds), RemainingTTL: long(remainingSeconds) };
      assert.deepEqual(bytes, new Uint8Array(leasepb.Lease.encode(set(fields)).finish()));
      assert.deepEqual(decodeLeaseRecord(bytes), record);
    }),
  );
});

test("grants and revocations are those of the generated messages, byte for byte", () => {
  fc.assert(
    fc.property(id, seconds, (one, ttlSeconds) => {
      const grant = encodeLeaseGrant({ id: one, ttlSeconds });
      const { LeaseGrantRequest, LeaseRevokeRequest } = etcdserverpb;
      const fields = { TTL: long(ttlSeconds), ID: long(one) };
      assert.deepEqual(grant, new Uint8Array(LeaseGrantRequest.encode(set(fields)).finish()));
      assert.deepEqual(decodeLeaseGrant(grant), { id: one, ttlSeconds });
      const revoke = encodeLeaseRevoke(one);
      const expected = LeaseRevokeRequest.encode(set({ ID: long(one) })).finish();
      assert.deepEqual(revoke, new Uint8Array(expected));
      assert.equal(decodeLeaseRevoke(revoke), one);
    }),
  );
});

test("checkpoints are those of the generated message, byte for byte", () => {
  const checkpoint = fc.record({ id, remainingSeconds: seconds }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(checkpoint, { maxLength: 20 }), (checkpoints) => {
      const bytes = encodeLeaseCheckpoints(checkpoints);
      const expected = etcdserverpb.LeaseCheckpointRequest.encode({
        checkpoints: checkpoints.map((one) =>
          set({ ID: long(one.id), remaining_TTL: long(one.remainingSeconds) }),
        ),
      }).finish();
      assert.deepEqual(bytes, new Uint8Array(expected));
      assert.deepEqual(decodeLeaseCheckpoints(bytes), checkpoints);
    }),
  );
});

test("times at the ends of int64 are read as the ends of what a number holds", () => {
  for (const [ttl, read] of [
    [2n ** 63n - 1n, Number.MAX_SAFE_INTEGER],
    [-(2n ** 63n), Number.MIN_SAFE_INTEGER],
    [-1n, -1],
  ] as const) {
    const bytes = etcdserverpb.LeaseGrantRequest.encode({ TTL: long(ttl), ID: long(5) }).finish();
    assert.deepEqual(decodeLeaseGrant(bytes), { id: 5n, ttlSeconds: read });
  }
});

test("fields of a later etcd are passed over, and what ends early is refused", () => {
  const record = encodeLeaseRecord({ id: 5n, ttlSeconds: 10, remainingSeconds: 0 });
  const later = Uint8Array.of(...record, 0x7a, 0x01, 0x61);
  assert.deepEqual(decodeLeaseRecord(later), { id: 5n, ttlSeconds: 10, remainingSeconds: 0 });
  assert.throws(() => decodeLeaseRecord(record.subarray(0, record.length - 1)), WireError);
  assert.throws(() => decodeLeaseCheckpoints(Uint8Array.of(0x0a, 0x05, 0x08)), WireError);
});

test("keys of records are ids in eight bytes, as etcd writes them", () => {
  assert.deepEqual([...leaseKey(1n)], [0, 0, 0, 0, 0, 0, 0, 1]);
  assert.deepEqual([...leaseKey(-2n)], [255, 255, 255, 255, 255, 255, 255, 254]);
});
