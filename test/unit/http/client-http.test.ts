import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientHttp } from "../../../node/http/client-http.ts";
import { type Routes, versionRoutes } from "../../../node/http/routes.ts";
import { emptyBytes } from "../../../node/lib/bytes.ts";
import { clusterId, memberId } from "../../../node/lib/units.ts";
import type { Member } from "../../../node/server/member.ts";
import { HealthLab, metricsWith } from "./health-lab.ts";
import { type Answer, exchange, get } from "./loopback.ts";

const noMetrics = metricsWith(() => Promise.resolve({ contentType: "text/plain", body: "" }));

/** All that the client port has, of a healthy member. */
function routesWith({ metrics = noMetrics } = {}): Routes {
  const version = "3.7.0";
  const member = {
    cluster: { version, storageVersion: version },
    id: memberId(1n),
    clusterId: clusterId(2n),
  };
  const versions = versionRoutes(member as unknown as Member);
  return new Map([...new HealthLab().health.routes, ...metrics, ...versions]);
}

async function ask(request: string, routes = routesWith()): Promise<Answer> {
  const http = new ClientHttp(routes);
  const answer = await exchange((socket) => http.serve(socket, emptyBytes), request);
  http.close();
  return answer;
}

test("the client port has health, metrics and the version, for any web page", async () => {
  for (const path of ["/health", "/livez", "/readyz", "/metrics", "/version"]) {
    const { status, headers } = await ask(get(path));
    assert.equal(status, 200, path);
    assert.equal(headers.get("access-control-allow-origin"), "*");
  }
  const { status, headers, body } = await ask(get("/livez", "OPTIONS"));
  assert.deepEqual([status, body], [200, ""]);
  assert.equal(headers.get("access-control-allow-methods"), "POST, GET, OPTIONS, PUT, DELETE");
});

test("/version is etcd's JSON, its fields in Go's order", async () => {
  const { status, headers, body } = await ask(get("/version"));
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(body, '{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}');
});

test("/version before the cluster has one says so", async () => {
  const versions = versionRoutes({ cluster: {} } as unknown as Member);
  const { body } = await ask(get("/version"), versions);
  assert.match(body, /"etcdcluster":"not_decided"/);
});

test("/metrics is the text of the moment with its type; a failure to make it is a 500", async () => {
  const contentType = "text/plain; version=0.0.4; charset=utf-8";
  const working = metricsWith(() => Promise.resolve({ contentType, body: "up 1\n" }));
  const { status, headers, body } = await ask(get("/metrics"), routesWith({ metrics: working }));
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), contentType);
  assert.equal(body, "up 1\n");
  const failing = metricsWith(() => Promise.reject(new Error("no file descriptors")));
  assert.equal((await ask(get("/metrics"), routesWith({ metrics: failing }))).status, 500);
});

test("other paths are Go's 404", async () => {
  for (const path of ["/", "/healthz", "/health/", "/livez/", "/version/x"]) {
    const { status, headers, body } = await ask(get(path));
    assert.equal(status, 404, path);
    assert.equal(body, "404 page not found\n");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  }
});

test("a path that is no URL is answered, and the member lives on", async () => {
  for (const path of ["//", "///", "http://[", "//:99999"]) {
    assert.equal((await ask(get(path))).status, 404, path);
  }
});

test("methods other than GET are 405 and told what is allowed", async () => {
  for (const method of ["POST", "PUT", "DELETE"]) {
    for (const path of ["/health", "/livez", "/version"]) {
      const { status, headers, body } = await ask(get(path, method));
      assert.equal(status, 405);
      assert.equal(headers.get("allow"), "GET");
      assert.equal(body, "Method Not Allowed\n");
    }
  }
});

test("bytes that were read before the connection was handed over are not lost", async () => {
  const http = new ClientHttp(routesWith());
  const answer = await exchange((socket) => {
    socket.onData((chunk) => {
      const unread = Buffer.from(chunk);
      http.serve(socket, unread);
    });
  }, get("/health"));
  assert.equal(answer.status, 200);
  http.close();
});

test("a second request on the connection is served too", async () => {
  const http = new ClientHttp(routesWith());
  const keepAlive = "GET /version HTTP/1.1\r\nHost: member\r\n\r\n";
  const both = await exchange(
    (socket) => http.serve(socket, emptyBytes),
    keepAlive + get("/health"),
  );
  assert.match(both.body, /etcdserver.*HTTP\/1\.1 200 OK.*"health":"true"/s);
  http.close();
});

test("bytes that are no HTTP are a 400", async () => {
  assert.equal((await ask("nonsense\r\n\r\n")).status, 400);
});
