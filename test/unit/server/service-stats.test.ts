import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceStats } from "../../../node/server/service-stats.ts";

test("requests are counted by the version that the client names, of which there are only so many rows", () => {
  const stats = new ServiceStats();
  stats.requestsOf("3.7").unary += 1;
  stats.requestsOf("3.7").stream += 1;
  assert.deepEqual(stats.clientRequests.get("3.7"), { unary: 1, stream: 1 });
  for (let at = 0; at < 1000; at++) stats.requestsOf(`made up ${at}`).unary += 1;
  assert.ok(stats.clientRequests.size <= 101, `${stats.clientRequests.size} rows`);
  let all = 0;
  for (const { unary } of stats.clientRequests.values()) all += unary;
  assert.equal(all, 1001);
});
