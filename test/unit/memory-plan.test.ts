import assert from "node:assert/strict";
import { test } from "node:test";
import { planMemory } from "../../node/memory-plan.ts";

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

test("a container of 1 GiB gives an eighth to values and a quarter to V8", () => {
  assert.deepEqual(planMemory(gibibyte), {
    valueCacheBytes: 128 * mebibyte,
    heapBytes: 256 * mebibyte,
  });
});

test("a small container still gets what a member needs to run", () => {
  assert.deepEqual(planMemory(16 * mebibyte), {
    valueCacheBytes: 8 * mebibyte,
    heapBytes: 64 * mebibyte,
  });
});

test("a large machine is not filled for its own sake", () => {
  assert.deepEqual(planMemory(1024 * gibibyte), {
    valueCacheBytes: 384 * mebibyte,
    heapBytes: 4 * gibibyte,
  });
});

test("more memory never means less of a part, and from 192 MiB on the parts leave half and more to the keys", () => {
  let before = planMemory(0);
  for (let bytes = 64 * mebibyte; bytes < 64 * gibibyte; bytes *= 1.1) {
    const plan = planMemory(bytes);
    assert.ok(plan.valueCacheBytes >= before.valueCacheBytes && plan.heapBytes >= before.heapBytes);
    if (bytes >= 192 * mebibyte) assert.ok(plan.valueCacheBytes + plan.heapBytes <= bytes / 2);
    before = plan;
  }
});
