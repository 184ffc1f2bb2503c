import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, beforeEach, test } from "node:test";
import type { EtcdErrorKind } from "../../../node/lib/etcd-error.ts";
import { clusterId, memberId } from "../../../node/lib/units.ts";
import type { Member } from "../../../node/membership/member.ts";
import { ClusterClient } from "../../../node/peer/cluster-client.ts";
import { Dialer } from "../../../node/peer/dial.ts";
import { MembersHandler } from "../../../node/peer/members-handler.ts";
import { freePort } from "../../support/server-process.ts";
import { HandTimers, KeptLog, quiet } from "./hand-timers.ts";
import { HttpStub } from "./http-stub.ts";

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

let timers: HandTimers;
let log: KeptLog;
let dialer: Dialer;
let client: ClusterClient;
const stubs: HttpStub[] = [];

beforeEach(() => {
  timers = new HandTimers();
  log = new KeptLog();
  dialer = new Dialer({ dialTimeoutMs: 5000 });
  client = new ClusterClient({ dialer, timers, logger: log });
});

afterEach(() => {
  dialer.close();
  for (const stub of stubs.splice(0)) stub.stop();
});

async function stubWith(answer: Answering): Promise<HttpStub> {
  const stub = await HttpStub.start(answer);
  stubs.push(stub);
  return stub;
}

const nobody = async (): Promise<string> => `http://127.0.0.1:${await freePort()}`;

const listAnswer =
  (body: string, id = "cdf818194e3a8c32", status = 200): Answering =>
  (_request, response) => {
    if (id !== "") response.setHeader("X-Etcd-Cluster-ID", id);
    response.statusCode = status;
    response.end(body);
  };

const goodList =
  '[{"id":18446744073709551615,"peerURLs":["http://b:2380"],"isLearner":true},' +
  '{"id":9007199254740993,"peerURLs":["http://a:2380"],"name":"a","clientURLs":["http://a:2379"]}]\n';

const goodCluster = {
  clusterId: 0xcdf818194e3a8c32n,
  members: [
    {
      id: 2n ** 64n - 1n,
      peerUrls: ["http://b:2380"],
      isLearner: true,
      name: "",
      clientUrls: [],
    },
    {
      id: 2n ** 53n + 1n,
      peerUrls: ["http://a:2380"],
      isLearner: false,
      name: "a",
      clientUrls: ["http://a:2379"],
    },
  ],
};

test("the members come with all digits of their ids, and the cluster's id", async () => {
  const stub = await stubWith(listAnswer(goodList));
  assert.deepEqual(await client.fetchCluster([stub.url]), goodCluster);
  assert.deepEqual(stub.asked, ["GET /members"]);
});

test("the first address that answers well is taken, and those after it are not asked", async () => {
  const bad: readonly Answering[] = [
    listAnswer("nonsense"),
    listAnswer("[]"),
    listAnswer("null"),
    listAnswer("{}"),
    listAnswer('[{"peerURLs":["http://a:2380"]}]'),
    listAnswer(goodList, ""),
    listAnswer(goodList, "nonsense"),
    listAnswer(goodList, "cdf818194e3a8c32", 503),
    (request) => request.destroy(),
    (_request, response) => {
      response.writeHead(302, { Location: "http://127.0.0.1:1/members" });
      response.end();
    },
    (_request, response) => {
      response.writeHead(200, { "Content-Length": "100" });
      response.write("[");
      setImmediate(() => response.destroy());
    },
  ];
  const refusing = await Promise.all(bad.map(stubWith));
  const good = await stubWith(listAnswer(goodList));
  const later = await stubWith(listAnswer(goodList));
  const urls = [await nobody(), ...refusing.map(({ url }) => url), good.url, later.url];
  assert.deepEqual(await client.fetchCluster(urls), goodCluster);
  assert.deepEqual(later.asked, []);
  for (const stub of refusing) assert.equal(stub.asked.length, 1);
  assert.equal(log.lines.length, 1 + bad.length, "a line for each that did not");
});

test("nobody answers: no cluster", async () => {
  assert.equal(await client.fetchCluster([await nobody(), "nonsense"]), undefined);
  assert.equal(await client.fetchCluster([]), undefined);
});

test("an address that keeps silent is left after its time", async () => {
  const asked = Promise.withResolvers<undefined>();
  const silent = await stubWith(() => asked.resolve(undefined));
  const good = await stubWith(listAnswer(goodList));
  const fetching = client.fetchCluster([silent.url, good.url]);
  await asked.promise;
  assert.deepEqual(timers.waits, [5000]);
  timers.pass(5000);
  assert.deepEqual(await fetching, goodCluster);
  assert.deepEqual(timers.waits, [], "no timer stays behind");
});

test("an answer without end is not kept", async () => {
  const endless = await stubWith((_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write("x".repeat(60_000)));
      response.once("drain", more);
    };
    more();
  });
  assert.equal(await client.fetchCluster([endless.url]), undefined);
  assert.match(String(log.lines[0]?.fields["error"]), /more than 4194304 bytes/);
});

test("versions are those of the members that answer", async () => {
  const versions = '{"etcdserver":"3.6.9","etcdcluster":"3.6.0","storage":"3.6.0"}';
  const old = await stubWith((_request, response) => response.end(versions));
  const strange = await stubWith((_request, response) => response.end('{"etcdserver":3}'));
  const empty = await stubWith((_request, response) => response.end("null"));
  const peers = new Map([
    [memberId(1n), [await nobody(), old.url]],
    [memberId(2n), [await nobody()]],
    [memberId(3n), [strange.url]],
    [memberId(4n), [empty.url]],
  ]);
  assert.deepEqual(
    [...(await client.versions(peers))],
    [
      [1n, "3.6.9"],
      [2n, undefined],
      [3n, undefined],
      [4n, undefined],
    ],
  );
  assert.deepEqual(old.asked, ["GET /version"]);
});

const promoteAnswer =
  (status: number, text: string): Answering =>
  (_request, response) => {
    response.statusCode = status;
    response.end(`${text}\n`);
  };

test("the answers of a real etcd to a promotion are understood", async () => {
  const rows: readonly (readonly [number, string, EtcdErrorKind | undefined])[] = [
    [200, "[]", undefined],
    [404, "membership: ID not found", "MemberNotFound"],
    [412, "membership: can only promote a learner member", "MemberNotLearner"],
    [
      412,
      "etcdserver: can only promote a learner member which is in sync with leader",
      "LearnerNotReady",
    ],
    [408, "etcdserver: request timed out", "Timeout"],
  ];
  for (const [status, text, error] of rows) {
    const stub = await stubWith(promoteAnswer(status, text));
    assert.equal(await client.promote([stub.url], memberId(2n ** 64n - 1n)), error, text);
    assert.deepEqual(stub.asked, ["POST /members/promote/18446744073709551615"]);
  }
});

test("a promotion that no answer decides rejects, after every address was asked", async () => {
  const refusing = await stubWith(promoteAnswer(500, '{"message":"Internal Server Error"}'));
  const strange = await stubWith(promoteAnswer(412, "incompatible version"));
  const urls = [await nobody(), refusing.url, strange.url];
  await assert.rejects(client.promote(urls, memberId(1n)), /status 412: incompatible version/);
  assert.equal(refusing.asked.length, 1);
  await assert.rejects(client.promote([], memberId(1n)), /without peer URLs/);
});

test("what one member answers, another one understands", async () => {
  const members: Member[] = goodCluster.members.map((member) => ({
    ...member,
    id: memberId(member.id),
  }));
  let outcome: EtcdErrorKind | undefined;
  const handler = new MembersHandler({
    receiver: {
      members: () => ({ clusterId: clusterId(goodCluster.clusterId), members }),
      promote: () => Promise.resolve(outcome),
    },
    logger: quiet,
  });
  const stub = await stubWith((request, response) =>
    handler.handle(request, response, request.url ?? ""),
  );
  assert.deepEqual(await client.fetchCluster([stub.url]), goodCluster);
  for (outcome of [undefined, "MemberNotFound", "MemberNotLearner", "LearnerNotReady"] as const) {
    assert.equal(await client.promote([stub.url], memberId(1n)), outcome);
  }
  outcome = "NotLeader";
  await assert.rejects(client.promote([stub.url], memberId(1n)), /status 500/);
});

test("the requests say who asks, once that is known", async () => {
  const stub = await stubWith(listAnswer(goodList));
  await client.fetchCluster([stub.url]);
  const headers = { "X-Server-From": "a1" };
  await new ClusterClient({ dialer, timers, logger: log, headers }).fetchCluster([stub.url]);
  assert.deepEqual(
    stub.heads.map((head) => head["x-server-from"]),
    [undefined, "a1"],
  );
});
