import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { EtcdErrorKind } from "../../../node/lib/etcd-error.ts";
import { clusterId, type MemberId, memberId } from "../../../node/lib/units.ts";
import type { Member } from "../../../node/membership/member.ts";
import { MembersHandler } from "../../../node/peer/members-handler.ts";
import { quiet } from "./hand-timers.ts";
import { HttpStub } from "./http-stub.ts";

const members: readonly Member[] = [
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

const list =
  '[{"id":9223372036854775809,"peerURLs":["http://a:2380"],"name":"a","clientURLs":["http://a:2379"]},' +
  '{"id":18446744073709551615,"peerURLs":["http://b:2380"],"isLearner":true}]\n';

let stub: HttpStub | undefined;
afterEach(() => stub?.stop());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

const promoted: MemberId[] = [];

async function ask(
  path: string,
  method: string,
  promote: () => Promise<EtcdErrorKind | undefined> = () => Promise.resolve(undefined),
): Promise<Answer> {
  const handler = new MembersHandler({
    receiver: {
      members: () => ({ clusterId: clusterId(0xcdf818194e3a8c32n), members }),
      promote: (id) => {
        promoted.push(id);
        return promote();
      },
    },
    logger: quiet,
  });
  stub?.stop();
  stub = await HttpStub.start((request, response) =>
    handler.handle(request, response, request.url ?? ""),
  );
  const response = await fetch(stub.url + path, { method });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

test("/members is etcd's list, ids with all their digits, under the cluster's id", async () => {
  const { status, headers, body } = await ask("/members", "GET");
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(headers.get("x-etcd-cluster-id"), "cdf818194e3a8c32");
  assert.equal(body, list);
});

test("a promotion is answered with the members, and the id is a decimal one of 64 bits", async () => {
  promoted.length = 0;
  const { status, headers, body } = await ask("/members/promote/18446744073709551615", "POST");
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(headers.get("x-etcd-cluster-id"), "cdf818194e3a8c32");
  assert.equal(body, list);
  assert.deepEqual(promoted, [2n ** 64n - 1n]);
});

test("what is no id is a 404 with etcd's text, and nobody is promoted", async () => {
  promoted.length = 0;
  for (const text of ["", "xyz", "0x1", "-1", "18446744073709551616", "1/2"]) {
    const { status, headers, body } = await ask(`/members/promote/${text}`, "POST");
    assert.deepEqual([status, body], [404, `member ${text} not found in cluster\n`]);
    assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(headers.get("x-etcd-cluster-id"), "cdf818194e3a8c32");
  }
  assert.deepEqual(promoted, []);
});

test("the errors that etcd tells have its statuses and texts; the others are a 500 that tells nothing", async () => {
  const rows: readonly (readonly [EtcdErrorKind, number, string])[] = [
    ["MemberNotFound", 404, "membership: ID not found\n"],
    ["MemberNotLearner", 412, "membership: can only promote a learner member\n"],
    [
      "LearnerNotReady",
      412,
      "etcdserver: can only promote a learner member which is in sync with leader\n",
    ],
    ["NotLeader", 500, '{"message":"Internal Server Error"}'],
    ["MemberNotEnoughStarted", 500, '{"message":"Internal Server Error"}'],
    ["Timeout", 500, '{"message":"Internal Server Error"}'],
  ];
  for (const [error, status, body] of rows) {
    const answer = await ask("/members/promote/1", "POST", () => Promise.resolve(error));
    assert.deepEqual([answer.status, answer.body], [status, body], error);
    const type = status === 500 ? "application/json" : "text/plain; charset=utf-8";
    assert.equal(answer.headers.get("content-type"), type);
  }
  const broken = await ask("/members/promote/1", "POST", () => Promise.reject(new Error("no")));
  assert.equal(broken.status, 500);
});

test("other methods are told the one that is allowed, before anything else", async () => {
  for (const [path, method, allowed] of [
    ["/members", "POST", "GET"],
    ["/members/promote/1", "GET", "POST"],
    ["/members/promote/x", "PUT", "POST"],
  ] as const) {
    const { status, headers, body } = await ask(path, method);
    assert.deepEqual([status, body], [405, "Method Not Allowed\n"]);
    assert.equal(headers.get("allow"), allowed);
    assert.equal(headers.get("x-etcd-cluster-id"), null);
  }
});
