import assert from "node:assert/strict";
import { test } from "node:test";
import { mvccpb } from "../../../node/proto/generated/messages.js";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { encodeDelete, encodePut, kv, kvOf, Lab, type PutOptions } from "./apply-lab.ts";

function put(lab: Lab, key: string, value: string, options: PutOptions = {}) {
  const result = lab.apply(internalRequest.put, encodePut(key, value, options));
  if (result.kind === "refused") return result.error;
  assert.ok(result.kind === "put");
  const { revision, prevKv } = result;
  return { revision, prev: prevKv && kvOf(mvccpb.KeyValue.decode(prevKv)) };
}

test("each put is a revision of its own and counts the key's version up", async () => {
  const lab = await Lab.open();
  assert.deepEqual(put(lab, "a", "1"), { revision: 2, prev: undefined });
  assert.deepEqual(put(lab, "a", "2"), { revision: 3, prev: undefined });
  assert.deepEqual(lab.range("a"), {
    revision: 3,
    kvs: [kv("a", "2", 2, 3, 2)],
    count: 1,
    more: false,
  });
});

test("prev_kv tells what was there before, and nothing for a new key", async () => {
  const lab = await Lab.open();
  assert.deepEqual(put(lab, "a", "1", { prevKv: true }), { revision: 2, prev: undefined });
  assert.deepEqual(put(lab, "a", "2", { prevKv: true }), {
    revision: 3,
    prev: kv("a", "1", 2, 2, 1),
  });
});

test("a previous value that is larger than the cache comes back whole", async () => {
  const lab = await Lab.open(16);
  const large = "x".repeat(10_000);
  put(lab, "a", large);
  for (let at = 0; at < 20; at++) put(lab, `b${at}`, large);
  const answer = put(lab, "a", "2", { prevKv: true });
  assert.ok(typeof answer === "object");
  assert.equal(answer.prev?.value, large);
});

test("ignore_value keeps the value, makes a new revision and can tell the previous one", async () => {
  const lab = await Lab.open();
  put(lab, "a", "kept");
  assert.deepEqual(put(lab, "a", "", { ignoreValue: true, prevKv: true }), {
    revision: 3,
    prev: kv("a", "kept", 2, 2, 1),
  });
  assert.deepEqual(lab.range("a"), {
    revision: 3,
    kvs: [kv("a", "kept", 2, 3, 2)],
    count: 1,
    more: false,
  });
});

test("ignore_lease takes the new value", async () => {
  const lab = await Lab.open();
  put(lab, "a", "1");
  put(lab, "a", "2", { ignoreLease: true });
  assert.equal(lab.holds(), true);
  assert.deepEqual(lab.range("a"), {
    revision: 3,
    kvs: [kv("a", "2", 2, 3, 2)],
    count: 1,
    more: false,
  });
});

test("ignore_value and ignore_lease need a key that exists, and a refusal changes nothing", async () => {
  const lab = await Lab.open();
  put(lab, "gone", "1");
  lab.delete("gone");
  for (const key of ["never", "gone"]) {
    assert.equal(put(lab, key, "", { ignoreValue: true }), "KeyNotFound");
    assert.equal(put(lab, key, "1", { ignoreLease: true }), "KeyNotFound");
  }
  assert.equal(lab.store.currentRevision, 3);
  assert.equal(lab.keys("\0", { end: "\0" }), "");
});

test("a lease that nobody granted is refused before the missing key is", async () => {
  const lab = await Lab.open();
  assert.equal(put(lab, "a", "1", { lease: 7n }), "LeaseNotFound");
  assert.equal(put(lab, "a", "", { lease: -1n, ignoreValue: true }), "LeaseNotFound");
  assert.equal(lab.store.currentRevision, 1);
});

test("a key that was deleted starts anew", async () => {
  const lab = await Lab.open();
  put(lab, "a", "1");
  put(lab, "a", "2");
  lab.delete("a");
  assert.deepEqual(put(lab, "a", "3", { prevKv: true }), { revision: 5, prev: undefined });
  assert.deepEqual(lab.range("a"), {
    revision: 5,
    kvs: [kv("a", "3", 5, 5, 1)],
    count: 1,
    more: false,
  });
});

test("the store keeps nothing of the request's own buffer", async () => {
  const lab = await Lab.open();
  const message = encodePut("a", "1");
  lab.apply(internalRequest.put, message);
  message.fill(0x78);
  assert.equal(lab.keys("a"), "a");
});

test("delete-range counts what it deletes and gives the previous pairs in key order", async () => {
  const lab = await Lab.open();
  for (const key of ["c", "a", "b", "d"]) put(lab, key, key.toUpperCase());
  const result = lab.apply(internalRequest.deleteRange, encodeDelete("a", "d", true));
  assert.ok(result.kind === "deleteRange");
  assert.equal(result.revision, 6);
  assert.equal(result.deleted, 3);
  assert.deepEqual(
    result.prevKvs.map((bytes) => kvOf(mvccpb.KeyValue.decode(bytes))),
    [kv("a", "A", 3, 3, 1), kv("b", "B", 4, 4, 1), kv("c", "C", 2, 2, 1)],
  );
  assert.equal(lab.keys("\0", { end: "\0" }), "d");
});

test("delete-range of nothing keeps the revision", async () => {
  const lab = await Lab.open();
  put(lab, "a", "1");
  for (const [key, end] of [
    ["b", ""],
    ["b", "c"],
    ["b", "a"],
    ["a", "a"],
  ] as const) {
    const result = lab.apply(internalRequest.deleteRange, encodeDelete(key, end, true));
    assert.deepEqual(result, { kind: "deleteRange", revision: 2, deleted: 0, prevKvs: [] });
  }
});

test("delete-range to a single zero byte deletes every key from the first on", async () => {
  const lab = await Lab.open();
  for (const key of ["a", "b", "c"]) put(lab, key, key);
  assert.equal(lab.delete("b", "\0"), 2);
  assert.equal(lab.keys("\0", { end: "\0" }), "a");
});
