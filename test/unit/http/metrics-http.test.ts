import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricsHttp } from "../../../node/http/metrics-http.ts";
import { HealthLab, metricsWith } from "./health-lab.ts";
import { type Answer, exchange, get } from "./loopback.ts";

const contentType = "text/plain; version=0.0.4; charset=utf-8";
const metrics = metricsWith(() => Promise.resolve({ contentType, body: "up 1\n" }));

async function ask(http: MetricsHttp, request: string): Promise<Answer> {
  try {
    return await exchange((socket) => http.serve(socket), request);
  } finally {
    http.close();
  }
}

function opened(): MetricsHttp {
  const http = new MetricsHttp();
  http.routes = new Map([...new HealthLab().health.routes, ...metrics]);
  return http;
}

test("a metrics listener serves metrics and health, and nothing else of the client port", async () => {
  for (const path of ["/metrics", "/health", "/livez", "/readyz"]) {
    assert.equal((await ask(opened(), get(path))).status, 200, path);
  }
  for (const path of ["/", "/version", "/debug/vars", "/metrics/"]) {
    const { status, body } = await ask(opened(), get(path));
    assert.equal(status, 404, path);
    assert.equal(body, "404 page not found\n");
  }
});

test("web pages are not told that they may ask it", async () => {
  const { headers } = await ask(opened(), get("/metrics"));
  assert.equal(headers.get("access-control-allow-origin"), undefined);
});

test("before the member is opened every answer is a 503 that says so", async () => {
  for (const path of ["/livez", "/readyz", "/health", "/metrics", "/version"]) {
    const { status, body } = await ask(new MetricsHttp(), get(path));
    assert.equal(status, 503, path);
    assert.equal(body, "the member has not started yet\n");
  }
});

test("metrics are given to every method, as Prometheus' own handler does", async () => {
  for (const method of ["GET", "POST", "OPTIONS"]) {
    const { status, body } = await ask(opened(), get("/metrics", method));
    assert.equal(status, 200);
    assert.equal(body, "up 1\n");
  }
  const head = await ask(opened(), get("/metrics", "HEAD"));
  assert.equal(head.status, 200);
  assert.equal(head.body, "");
});
