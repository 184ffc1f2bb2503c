/** HTTP on all ports, over HTTP/1 and HTTP/2, with --cors, --host-whitelist, --listen-client-http-urls and without: as etcd answers. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import { askHttp1, askHttp2, HttpSides, type Question } from "./http-sides.ts";

const origin = "http://page.example:8080";
const questions: readonly Question[] = [
  { path: "/health" },
  { path: "/health", method: "POST" },
  { path: "/health", method: "HEAD" },
  { path: "/health", headers: { origin } },
  { path: "/version" },
  { path: "/version", method: "OPTIONS", headers: { origin } },
  { path: "/nothing", method: "OPTIONS", headers: { origin: "http://other.example" } },
  { path: "/livez" },
  { path: "/livez?verbose" },
  { path: "/livez/serializable_read?verbose&exclude=serializable_read" },
  { path: "/livez/nothing" },
  { path: "/livez/" },
  { path: "/readyz" },
  { path: "/readyz", method: "POST" },
  { path: "/readyz", method: "HEAD" },
  { path: "/readyz/non_learner?verbose" },
  { path: "/readyz/linearizable_read" },
  { path: "/readyz/data_corruption", method: "DELETE" },
  {
    path: "/readyz?verbose&exclude=data_corruption&exclude=serializable_read&exclude=linearizable_read&exclude=none",
  },
  { path: "/debug/vars", method: "POST" },
  { path: "/debug/pprof/" },
  { path: "/debug/pprof/profile?seconds=1" },
  { path: "/nothing" },
];

const nameOf = ({ method = "GET", path, headers = {} }: Question): string =>
  [method, path, ...Object.values(headers)].join(" ");

describe("HTTP is answered as by etcd", needs("etcd"), () => {
  let sides: HttpSides;
  before(async () => {
    sides = await HttpSides.start((ports, client) => [
      `--listen-client-urls=http://${client},https://127.0.0.1:${ports.tls}`,
      `--listen-metrics-urls=http://127.0.0.1:${ports.metrics}`,
      "--auto-tls",
      `--cors=${origin}`,
      "--host-whitelist=127.0.0.1",
    ]);
  });
  after(() => sides.stop());

  for (const question of questions) {
    test(`over HTTP/1, with and without TLS, and HTTP/2: ${nameOf(question)}`, async () => {
      const plain = await sides.both(({ client }) => askHttp1(`http://${client}`, question));
      assert.deepEqual(plain[1], plain[0]);
      const secure = await sides.both(({ ports }) =>
        askHttp1(`https://127.0.0.1:${ports.tls}`, question),
      );
      assert.deepEqual(secure[1], secure[0]);
      const multiplexed = await sides.both(({ ports }) =>
        askHttp2(`https://127.0.0.1:${ports.tls}`, question),
      );
      assert.deepEqual(multiplexed[1], multiplexed[0]);
    });
  }

  test("for hosts that --host-whitelist does not name: 421 in plaintext, served over TLS", async () => {
    for (const host of ["evil.example", "evil.example:2379", "LOCALHOST", "127.0.0.1:1"]) {
      const question = { path: "/version", headers: { host } };
      const plain = await sides.both(({ client }) => askHttp1(`http://${client}`, question));
      assert.deepEqual(plain[1], plain[0]);
      const secure = await sides.both(({ ports }) =>
        askHttp1(`https://127.0.0.1:${ports.tls}`, question),
      );
      assert.deepEqual(secure[1], secure[0]);
      assert.equal(secure[1].status, 200);
    }
  });

  test("in plaintext HTTP/2, which etcd refuses with 415, our routes answer too, by the same rules", async () => {
    const [, ours] = sides.sides;
    const url = `http://${ours.client}`;
    assert.equal((await askHttp2(url, { path: "/health" })).status, 200);
    const evil = { path: "/health", headers: { ":authority": "evil.example" } };
    assert.equal((await askHttp2(url, evil)).status, 421);
  });

  test("on the metrics port any host is served, and no path beside those of probes and metrics", async () => {
    for (const path of ["/health", "/readyz", "/version", "/debug/vars", "/debug/pprof/"]) {
      const question = { path, headers: { host: "evil.example" } };
      const [etcd, ours] = await sides.both(({ ports }) =>
        askHttp1(`http://127.0.0.1:${ports.metrics}`, question),
      );
      assert.deepEqual(ours, etcd);
    }
  });

  test("on the peer port /version is there, and health is not", async () => {
    for (const question of [
      { path: "/version" },
      { path: "/version", method: "POST" },
      { path: "/health" },
      { path: "/metrics" },
    ]) {
      const [etcd, ours] = await sides.both(({ peer }) => askHttp1(`http://${peer}`, question));
      assert.deepEqual(ours, etcd);
    }
  });

  test("/debug/vars has etcd's variables, and raft.status its keys", async () => {
    const [etcd, ours] = await sides.both(async ({ client }) => {
      const { status, headers, body } = await askHttp1(`http://${client}`, { path: "/debug/vars" });
      assert.deepEqual([status, headers["content-type"]], [200, "application/json; charset=utf-8"]);
      const vars = JSON.parse(body) as Record<string, Record<string, unknown>>;
      const raft = vars["raft.status"] as Record<string, unknown>;
      const progress = Object.values(raft["progress"] as object) as Record<string, unknown>[];
      return {
        names: Object.keys(vars),
        fileLimit: vars["file_descriptor_limit"],
        raft: Object.keys(raft),
        state: raft["raftState"],
        progress: progress.map((one) => [Object.keys(one), one["state"]]),
      };
    });
    assert.deepEqual(ours, etcd);
  });
});

describe("--listen-client-http-urls parts HTTP from gRPC as on etcd", needs("etcd"), () => {
  let sides: HttpSides;
  before(async () => {
    sides = await HttpSides.start((ports, client) => [
      `--listen-client-urls=http://127.0.0.1:${ports.grpc}`,
      `--listen-client-http-urls=http://${client},https://127.0.0.1:${ports.tls}`,
      "--auto-tls",
    ]);
  });
  after(() => sides.stop());

  test("the HTTP ports serve HTTP, with TLS also over HTTP/2", async () => {
    for (const path of ["/health", "/version", "/nothing"]) {
      const plain = await sides.both(({ client }) => askHttp1(`http://${client}`, { path }));
      assert.deepEqual(plain[1], plain[0]);
      for (const ask of [askHttp1, askHttp2]) {
        const url = (tls: number): string => `https://127.0.0.1:${tls}`;
        const secure = await sides.both(({ ports }) => ask(url(ports.tls), { path }));
        assert.deepEqual(secure[1], secure[0]);
      }
    }
  });

  test("the gRPC port closes HTTP/1, and refuses plain HTTP/2 with 415", async () => {
    for (const { ports } of sides.sides) {
      const url = `http://127.0.0.1:${ports.grpc}`;
      await assert.rejects(askHttp1(url, { path: "/health" }));
      assert.equal((await askHttp2(url, { path: "/health" })).status, 415);
    }
  });
});
