import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { DiskUsage } from "../../../node/server/disk-usage.ts";

test("files are counted when somebody asks, at most every five seconds, and nobody waits for it", async () => {
  let counts = 0;
  let nowMs = 0;
  const backend = {
    sizeOnDisk: () => {
      counts += 1;
      return counts === 3 ? Promise.reject(new Error("gone")) : Promise.resolve(counts * 100);
    },
  };
  const usage = new DiskUsage(() => backend, { monotonicMs: () => nowMs, unixMs: () => 0 });
  assert.equal(usage.bytes, 0);
  await setImmediate();
  assert.deepEqual([usage.bytes, counts], [100, 1]);
  nowMs = 4999;
  assert.deepEqual([usage.bytes, counts], [100, 1]);
  nowMs = 5000;
  assert.deepEqual([usage.bytes, counts], [100, 2]);
  await setImmediate();
  nowMs = 10_000;
  assert.deepEqual([usage.bytes, counts], [200, 3]);
  await setImmediate();
  assert.equal(usage.bytes, 200);
});
