import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../../node/lib/assert.ts";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { memberId } from "../../../node/lib/units.ts";
import { emptyConfState } from "../../../node/membership/conf-state-json.ts";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import {
  encodeClusterMemberAttrSet,
  encodeClusterVersionSet,
} from "../../../node/proto/membership-codec.ts";
import { WireError } from "../../../node/proto/wire.ts";
import { encodeDelete, encodePut, encodeTxn, Lab, put } from "./apply-lab.ts";

const id = 2n ** 63n + 1n;

test("put, delete-range and txn are told apart by the field of the entry", async () => {
  const lab = await Lab.open();
  assert.deepEqual(lab.apply(internalRequest.put, encodePut("a", "1")), {
    kind: "put",
    revision: 2,
    prevKv: undefined,
  });
  assert.equal(lab.apply(internalRequest.deleteRange, encodeDelete("a")).kind, "deleteRange");
  const txn = encodeTxn({ success: [put("b", "2")] });
  assert.equal(lab.apply(internalRequest.txn, txn).kind, "txn");
  assert.equal(lab.keys("a", { end: "\0" }), "b");
});

test("the cluster's version and a member's attributes go to the cluster, and not to the key space", async () => {
  const lab = await Lab.open();
  const peerUrls = ["http://a:2380"];
  const member = { id: memberId(id), peerUrls, isLearner: false, name: "", clientUrls: [] };
  const confState = { ...emptyConfState, voters: [member.id] };
  lab.cluster.applyChange([{ kind: "add", member }], confState);
  const clientUrls = ["http://a:2379"];
  const attributes = encodeClusterMemberAttrSet({ memberId: id, name: "a", clientUrls });
  assert.deepEqual(lab.apply(internalRequest.clusterMemberAttrSet, attributes), { kind: "done" });
  const version = encodeClusterVersionSet("3.7.0");
  assert.deepEqual(lab.apply(internalRequest.clusterVersionSet, version), { kind: "done" });
  assert.deepEqual(lab.cluster.member(memberId(id)), { ...member, name: "a", clientUrls });
  assert.equal(lab.cluster.version, "3.7.0");
  assert.equal(lab.store.currentRevision, 1);
});

test("a request of a kind that is not known stops the member: skipping it would split the states", async () => {
  const lab = await Lab.open();
  for (const field of [1000, internalRequest.downgradeInfoSet, 99]) {
    assert.throws(() => lab.apply(field, new Uint8Array(0)), CorruptionError);
  }
});

test("bytes that are no request are told as such", async () => {
  const lab = await Lab.open();
  const torn = encodePut("a", "1").subarray(0, 2);
  assert.throws(() => lab.apply(internalRequest.put, torn), WireError);
  assert.equal(lab.store.currentRevision, 1);
  lab.put("a", "1");
});

test("a put of an empty key, which no service lets through, is a bug", async () => {
  const lab = await Lab.open();
  assert.throws(() => lab.apply(internalRequest.put, encodePut("", "1")), AssertionError);
});
