import assert from "node:assert/strict";
import { test } from "node:test";
import { SliceBudget } from "../../../node/apply/slices.ts";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { del, encodeDelete, Lab, put, range } from "./apply-lab.ts";

async function labOf(keys: number, sliceKeys: number, value = ""): Promise<Lab> {
  const lab = await Lab.open(1e6, sliceKeys);
  for (let at = 0; at < keys; at++) lab.put(`k${String(at).padStart(5, "0")}`, value);
  return lab;
}

/** Slices that `run` takes. */
function slicesOf(lab: Lab, run: () => void): number {
  let slices = 1;
  lab.betweenSlices = () => {
    slices += 1;
  };
  run();
  return slices;
}

test("a delete of many keys takes as many slices as its keys need, and one revision", async () => {
  const lab = await labOf(25, 10);
  const { currentRevision } = lab.store;
  assert.equal(
    slicesOf(lab, () => assert.equal(lab.delete("k", "l"), 25)),
    3,
  );
  assert.equal(lab.store.currentRevision, currentRevision + 1);
  assert.equal(lab.store.keyCount, 0);
});

test("a delete of few keys, or of one, is done in one go", async () => {
  const lab = await labOf(25, 10);
  assert.equal(
    slicesOf(lab, () => assert.equal(lab.delete("k00003"), 1)),
    1,
  );
  assert.equal(
    slicesOf(lab, () => assert.equal(lab.delete("k00005", "k00009"), 4)),
    1,
  );
});

test("keys that were deleted before and not compacted cost a slice too", async () => {
  const lab = await labOf(25, 10);
  lab.delete("k", "l");
  assert.equal(
    slicesOf(lab, () => assert.equal(lab.delete("k", "l"), 0)),
    3,
  );
});

test("many small deletes of one transaction share the slices", async () => {
  const lab = await labOf(100, 10);
  const success = Array.from({ length: 10 }, (_, at) => del(`k000${at}`, `k000${at}5`));
  assert.equal(
    slicesOf(lab, () => void lab.txn({ success })),
    6,
  );
  assert.equal(lab.store.keyCount, 50);
});

test("large previous values end a slice before its keys are used up", async () => {
  const lab = await labOf(64, 100, "x".repeat(40_000));
  let prevKvs = 0;
  const slices = slicesOf(lab, () => {
    const result = lab.apply(internalRequest.deleteRange, encodeDelete("k", "l", true));
    prevKvs = result.kind === "deleteRange" ? result.prevKvs.length : 0;
  });
  assert.equal(prevKvs, 64);
  assert.ok(slices >= 5, `${slices}`);
});

test("an answer whose previous values take several slices is whole", async () => {
  const lab = await labOf(30, 10, "x".repeat(5000));
  const answer = lab.txn({ success: [put("a", "1"), del("k", "l", true), range("a")] });
  assert.ok(typeof answer === "object");
  const [, deleted, ranged] = answer.answers;
  assert.ok(deleted?.op === "delete" && ranged?.op === "range");
  assert.equal(deleted.deleted, 30);
  assert.deepEqual(
    deleted.prev.map(({ value }) => value.length),
    Array.from({ length: 30 }, () => 5000),
  );
  assert.equal(ranged.kvs[0]?.value, "1");
});

test("no other entry is applied within one that is under way", async () => {
  const lab = await labOf(25, 10);
  lab.betweenSlices = () => {
    lab.betweenSlices = () => undefined;
    assert.throws(() => lab.put("other", ""), /while another one is being applied/);
  };
  assert.equal(lab.delete("k", "l"), 25);
});

test("a budget that was overdrawn still lets a slice look at one key", () => {
  const budget = new SliceBudget(4);
  budget.spend(3);
  assert.equal(budget.left, 1);
  budget.spendBytes(100 * 4096);
  assert.equal(budget.isSpent, true);
  assert.equal(budget.left, 1);
  budget.renew();
  assert.equal(budget.left, 4);
});
