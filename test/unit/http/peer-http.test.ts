import assert from "node:assert/strict";
import { test } from "node:test";
import { PeerHttp } from "../../../node/http/peer-http.ts";
import { clusterId, memberId } from "../../../node/lib/units.ts";
import type { Member } from "../../../node/server/member.ts";
import { type Answer, exchange, get } from "./loopback.ts";

const members = [
  {
    id: memberId(2n ** 63n + 1n),
    peerUrls: ["http://a:2380"],
    isLearner: false,
    name: "a",
    clientUrls: ["http://a:2379"],
  },
  {
    id: memberId(2n ** 64n - 1n),
    peerUrls: ["http://b:2380"],
    isLearner: true,
    name: "",
    clientUrls: [],
  },
];

async function ask(request: string): Promise<Answer> {
  const cluster = { version: "3.7.0", members };
  const member = { cluster, clusterId: clusterId(0xcdf818194e3a8c32n) } as unknown as Member;
  const http = new PeerHttp(member);
  const answer = await exchange((socket) => http.serve(socket), request);
  http.close();
  return answer;
}

test("/members is etcd's list, ids with all their digits, under the cluster's id", async () => {
  const { status, headers, body } = await ask(get("/members"));
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(headers.get("x-etcd-cluster-id"), "cdf818194e3a8c32");
  assert.equal(
    body,
    '[{"id":9223372036854775809,"peerURLs":["http://a:2380"],"name":"a","clientURLs":["http://a:2379"]},' +
      '{"id":18446744073709551615,"peerURLs":["http://b:2380"],"isLearner":true}]\n',
  );
});

test("/version is the same as on the client port", async () => {
  const { body } = await ask(get("/version"));
  assert.equal(body, '{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}');
});

test("other paths are Go's 404", async () => {
  const { status, body } = await ask(get("/raft/stream"));
  assert.equal(status, 404);
  assert.equal(body, "404 page not found\n");
});

test("a path that is no URL is answered, and the member lives on", async () => {
  for (const path of ["//", "http://["]) assert.equal((await ask(get(path))).status, 404, path);
});
