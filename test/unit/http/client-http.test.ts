import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientHttp } from "../../../node/http/client-http.ts";
import type { Metrics } from "../../../node/http/metrics.ts";
import { emptyBytes } from "../../../node/lib/bytes.ts";
import type { EtcdErrorKind } from "../../../node/lib/etcd-error.ts";
import { clusterId, memberId } from "../../../node/lib/units.ts";
import type { Member } from "../../../node/server/member.ts";
import type { ReadWaiter } from "../../../node/server/read-index.ts";
import { type Answer, exchange, get } from "./loopback.ts";

interface Health {
  readonly hasLeader?: boolean;
  /** Undefined: reads succeed. */
  readonly readError?: EtcdErrorKind;
  readonly version?: string | undefined;
}

/** What /health and /version look at. */
function memberWith(health: Health): Member {
  const { hasLeader = true, readError } = health;
  const version = "version" in health ? health.version : "3.7.0";
  const member = {
    hasLeader,
    linearizableRead: (waiter: ReadWaiter) => {
      setImmediate(() => (readError === undefined ? waiter.readable() : waiter.refused(readError)));
    },
    cluster: { version, storageVersion: version },
    id: memberId(1n),
    clusterId: clusterId(2n),
  };
  return member as unknown as Member;
}

const metricsWith = (text: () => ReturnType<Metrics["text"]>): Metrics =>
  ({ text }) as unknown as Metrics;

const noMetrics = metricsWith(() => Promise.resolve({ contentType: "text/plain", body: "" }));

async function ask(health: Health, request: string, metrics = noMetrics): Promise<Answer> {
  const http = new ClientHttp(memberWith(health), metrics);
  const answer = await exchange((socket) => http.serve(socket, emptyBytes), request);
  http.close();
  return answer;
}

test("/health is true while a linearizable read succeeds", async () => {
  const { status, body } = await ask({}, get("/health"));
  assert.equal(status, 200);
  assert.equal(body, '{"health":"true","reason":""}');
});

test("/health without a leader is etcd's 503 with its reason", async () => {
  const { status, headers, body } = await ask({ hasLeader: false }, get("/health"));
  assert.equal(status, 503);
  assert.equal(body, '{"health":"false","reason":"RAFT NO LEADER"}\n');
  assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
});

test("/health whose read fails tells the error's text", async () => {
  const { status, body } = await ask({ readError: "Timeout" }, get("/health"));
  assert.equal(status, 503);
  assert.equal(body, '{"health":"false","reason":"RANGE ERROR:etcdserver: request timed out"}\n');
});

test("/health?serializable=true asks neither leader nor log", async () => {
  const sick: Health = { hasLeader: false, readError: "Timeout" };
  assert.equal((await ask(sick, get("/health?serializable=true"))).status, 200);
  assert.equal((await ask(sick, get("/health?serializable=false"))).status, 503);
  assert.equal((await ask(sick, get("/health?serializable"))).status, 503);
});

test("/version is etcd's JSON, its fields in Go's order", async () => {
  const { status, headers, body } = await ask({}, get("/version"));
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(body, '{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}');
});

test("/version before the cluster has one says so", async () => {
  const { body } = await ask({ version: undefined }, get("/version"));
  assert.match(body, /"etcdcluster":"not_decided"/);
});

test("/metrics is the text of the moment with its type; a failure to make it is a 500", async () => {
  const contentType = "text/plain; version=0.0.4; charset=utf-8";
  const working = metricsWith(() => Promise.resolve({ contentType, body: "up 1\n" }));
  const { status, headers, body } = await ask({}, get("/metrics"), working);
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), contentType);
  assert.equal(body, "up 1\n");
  const failing = metricsWith(() => Promise.reject(new Error("no file descriptors")));
  assert.equal((await ask({}, get("/metrics"), failing)).status, 500);
});

test("other paths are Go's 404", async () => {
  for (const path of ["/", "/healthz", "/health/", "/version/x"]) {
    const { status, headers, body } = await ask({}, get(path));
    assert.equal(status, 404, path);
    assert.equal(body, "404 page not found\n");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  }
});

test("a path that is no URL is answered, and the member lives on", async () => {
  for (const path of ["//", "///", "http://[", "//:99999"]) {
    assert.equal((await ask({}, get(path))).status, 404, path);
  }
});

test("methods other than GET are 405 and told what is allowed", async () => {
  for (const method of ["POST", "PUT", "DELETE"]) {
    for (const path of ["/health", "/version"]) {
      const { status, headers, body } = await ask({}, get(path, method));
      assert.equal(status, 405);
      assert.equal(headers.get("allow"), "GET");
      assert.equal(body, "Method Not Allowed\n");
    }
  }
});

test("bytes that were read before the connection was handed over are not lost", async () => {
  const http = new ClientHttp(memberWith({}), noMetrics);
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
  const http = new ClientHttp(memberWith({}), noMetrics);
  const keepAlive = "GET /version HTTP/1.1\r\nHost: member\r\n\r\n";
  const both = await exchange(
    (socket) => http.serve(socket, emptyBytes),
    keepAlive + get("/health"),
  );
  assert.match(both.body, /etcdserver.*HTTP\/1\.1 200 OK.*"health":"true"/s);
  http.close();
});

test("bytes that are no HTTP are a 400", async () => {
  assert.equal((await ask({}, "nonsense\r\n\r\n")).status, 400);
});
