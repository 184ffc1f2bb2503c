import assert from "node:assert/strict";
import { test } from "node:test";
import { Routes } from "../../../node/grpc/route.ts";

const path = "/etcdserverpb.KV/Put";
const handlers = { kind: "unary", unary: () => undefined } as const;

test("a call is measured from its handler's beginning to its end, whatever its code", () => {
  let nowMs = 1000;
  const routes = new Routes({ monotonicMs: () => nowMs, unixMs: () => 0 });
  routes.add(path, handlers);
  const route = routes.find(path);
  assert.ok(route !== null);
  for (const [tookMs, code] of [
    [4, 0],
    [300, 14],
  ] as const) {
    const call = { beganMs: 0 };
    route.begin(call);
    nowMs += tookMs;
    route.end(call, code);
  }
  const { handlingSeconds, handled, started } = route.stats;
  assert.equal(started, 2);
  assert.deepEqual([handled[0], handled[14]], [1, 1]);
  assert.ok(handlingSeconds !== undefined);
  assert.equal(handlingSeconds.count, 2);
  assert.equal(handlingSeconds.sum, 0.304);
  assert.deepEqual([...handlingSeconds.counts], [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
});

test("without --metrics extensive no clock is read, and there is no histogram", () => {
  const routes = new Routes();
  routes.add(path, handlers);
  const route = routes.find(path);
  assert.ok(route !== null);
  const call = { beganMs: 0 };
  route.begin(call);
  route.end(call, 0);
  assert.equal(call.beganMs, 0);
  assert.equal(route.stats.handlingSeconds, undefined);
  assert.equal(route.stats.started, 1);
});
