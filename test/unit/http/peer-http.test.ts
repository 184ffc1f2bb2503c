import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import { PeerHttp } from "../../../node/http/peer-http.ts";
import { clusterId } from "../../../node/lib/units.ts";
import type { HashKvOutcome } from "../../../node/mvcc/kv-hash.ts";
import type { Member } from "../../../node/server/member.ts";
import type { ReadWaiter } from "../../../node/server/read-index.ts";
import { type Answer, exchange, get } from "./loopback.ts";

interface Store {
  hashKv(revision: number): Promise<HashKvOutcome>;
}

const hashes: Store = {
  hashKv: (revision) =>
    Promise.resolve(
      revision > 9
        ? { kind: "futureRevision" }
        : revision === 2
          ? { kind: "compacted" }
          : ({
              kind: "ok",
              hash: 1084519789,
              compactRevision: -1,
              hashRevision: revision > 0 ? revision : 9,
              revision: 9,
            } as HashKvOutcome),
    ),
};

interface Situation {
  readonly isOpen?: boolean;
  readonly store?: Store;
  /** The rest of what a member is. */
  readonly member?: object;
}

async function ask(request: string, situation: Situation = {}): Promise<Answer> {
  const network = {
    handle: ({ url = "" }: IncomingMessage, response: ServerResponse): boolean => {
      if (url.startsWith("/raft")) response.end("the network's");
      return url.startsWith("/raft");
    },
  };
  const http = new PeerHttp(network);
  if (situation.isOpen !== false) {
    const cluster = { version: "3.7.0", storageVersion: "3.7.0" };
    const { store = hashes } = situation;
    const id = clusterId(0xcdf818194e3a8c32n);
    http.member = { cluster, clusterId: id, store, ...situation.member } as unknown as Member;
  }
  const answer = await exchange((socket) => http.serve(socket), request);
  http.close();
  return answer;
}

const hashRequest = (body: string, head = ""): string =>
  `GET /members/hashkv HTTP/1.1\r\nHost: b\r\nConnection: close\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`;

test("the network is asked first, also before the member is there", async () => {
  for (const isOpen of [true, false]) {
    assert.equal((await ask(get("/raft/probing"), { isOpen })).body, "the network's");
  }
});

test("what only the member can answer is a 503 until it is there", async () => {
  for (const path of ["/version", "/members/hashkv"]) {
    const { status, body } = await ask(get(path), { isOpen: false });
    assert.deepEqual([status, body], [503, "the member has not started yet\n"], path);
  }
  assert.equal((await ask(get("/elsewhere"), { isOpen: false })).status, 404);
});

test("/downgrade/enabled says no, behind a linearizable read", async () => {
  const readable = { linearizableRead: (waiter: ReadWaiter) => waiter.readable() };
  const { status, body, headers } = await ask(get("/downgrade/enabled"), { member: readable });
  assert.deepEqual([status, body, headers.get("content-type")], [200, "false", "text/plain"]);
  const refusing = { linearizableRead: (waiter: ReadWaiter) => waiter.refused("Timeout") };
  const refused = await ask(get("/downgrade/enabled"), { member: refusing });
  assert.equal(refused.status, 500);
  assert.equal(refused.body, "failed linearized read: etcdserver: request timed out\n");
});

test("/version is the same as on the client port", async () => {
  const { body } = await ask(get("/version"));
  assert.equal(body, '{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}');
  const { status, headers } = await ask(get("/version", "POST"));
  assert.deepEqual([status, headers.get("allow")], [405, "GET"]);
});

test("/members/hashkv is etcd's JSON under the cluster's id", async () => {
  const { status, headers, body } = await ask(hashRequest('{"revision":5}'));
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(headers.get("x-etcd-cluster-id"), "cdf818194e3a8c32");
  assert.equal(
    body,
    '{"header":{"revision":9},"hash":1084519789,"compact_revision":-1,"hash_revision":5}',
  );
});

test("a revision is read as Go reads it; none stands for the current one", async () => {
  const answers: readonly (readonly [string, number])[] = [
    ["{}", 9],
    ["null", 9],
    ['{"revision":0}', 9],
    ['{"revision":null}', 9],
    ['{"REVISION":3,"other":[1.5]}', 3],
    ['{"revision":-5}', -5],
    [' { "revision" : 7 } ', 7],
  ];
  for (const [request, hashRevision] of answers) {
    const { status, body } = await ask(hashRequest(request));
    assert.equal(status, 200, request);
    assert.match(body, new RegExp(`"hash_revision":${hashRevision}}$`), request);
  }
});

test("what is no request is a 400 with etcd's text", async () => {
  for (const request of [
    "",
    "5",
    "[]",
    '"revision"',
    '{"revision":1.5}',
    '{"revision":"1"}',
    '{"revision":1e2}',
    '{"revision":9223372036854775808}',
    '{"revision":1',
  ]) {
    const { status, body } = await ask(hashRequest(request));
    assert.deepEqual([status, body], [400, "error unmarshalling request\n"], request);
  }
  const { status, body } = await ask(hashRequest(`{"x":"${"y".repeat(70_000)}"}`));
  assert.deepEqual([status, body], [400, "error reading body\n"]);
});

test("a revision that is not there is a 400 with the store's text", async () => {
  const compacted = await ask(hashRequest('{"revision":2}'));
  const future = await ask(hashRequest('{"revision":9223372036854775807}'));
  assert.deepEqual(
    [compacted.status, compacted.body],
    [400, "mvcc: required revision has been compacted\n"],
  );
  assert.deepEqual(
    [future.status, future.body],
    [400, "mvcc: required revision is a future revision\n"],
  );
});

test("a member of another cluster is not told the hash; one that does not say is", async () => {
  const { status, body } = await ask(hashRequest("{}", "X-Etcd-Cluster-ID: 1\r\n"));
  assert.deepEqual([status, body], [412, "cluster ID mismatch\n"]);
  const own = "X-Etcd-Cluster-ID: cdf818194e3a8c32\r\n";
  assert.equal((await ask(hashRequest("{}", own))).status, 200);
  const { headers } = await ask(get("/members/hashkv", "POST"));
  assert.equal(headers.get("allow"), "GET");
});

test("corruption that hashing meets ends the member, and the one who asked hears of it", async () => {
  const found: unknown[] = [];
  const damage = new Error("a damaged record");
  const store = { hashKv: () => Promise.reject(damage) };
  const member = { failed: (error: unknown) => found.push(error) };
  const { status } = await ask(hashRequest("{}"), { store, member });
  assert.equal(status, 400);
  assert.deepEqual(found, [damage]);
});

test("other paths are Go's 404", async () => {
  for (const path of ["/", "/members/hashkv/x", "/health", "/metrics"]) {
    const { status, body } = await ask(get(path));
    assert.deepEqual([status, body], [404, "404 page not found\n"], path);
  }
});

test("a path that is no URL is answered, and the member lives on", async () => {
  for (const path of ["//", "http://["]) assert.equal((await ask(get(path))).status, 404, path);
});
