import assert from "node:assert/strict";
import { createServer, request as httpRequest, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { type LogIndex, type MemberId, memberId } from "../../../node/lib/units.ts";
import { headersOf } from "../../../node/peer/headers.ts";
import { readMessage, writeMessage } from "../../../node/peer/message-codec.ts";
import { Writer } from "../../../node/proto/wire.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import { append, heartbeat, LabMember, labCluster, stopAll, until } from "./peer-lab.ts";

const servers: Server[] = [];
afterEach(async () => {
  await stopAll();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const other = memberId(0xbn);

/** A POST that waits for its answer. */
interface WaitingPost {
  readonly message: Message;
  readonly headers: IncomingMessage["headers"];
  answer(status: number, text?: string): void;
}

/** A member without streams; the posts it got and did not answer. */
async function streamless(): Promise<{ url: string; posts: WaitingPost[]; seen: Message[] }> {
  const posts: WaitingPost[] = [];
  const seen: Message[] = [];
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      response.statusCode = 404;
      response.end("error sender not found\n");
      return;
    }
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const arrived = readMessage(Buffer.concat(chunks));
      seen.push(arrived);
      posts.push({
        message: arrived,
        headers: request.headers,
        answer: (status, text) => {
          response.statusCode = status;
          response.end(text);
        },
      });
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, posts, seen };
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
}

function post(
  to: LabMember,
  body: Uint8Array,
  { method = "POST", headers = {}, path = "/raft" } = {},
): Promise<Answer> {
  const self = { memberId: other, clusterId: labCluster, peerUrls: [] };
  return new Promise((resolve, reject) => {
    const request = httpRequest(to.url + path, {
      method,
      headers: { ...headersOf(self), ...headers },
      agent: false,
    });
    request.on("error", reject);
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
      );
    });
    request.end(body);
  });
}

const bytesOf = (sent: Message): Uint8Array => {
  const writer = new Writer();
  writeMessage(writer, sent);
  return writer.buffer.subarray(0, writer.position);
};

const from = (id: MemberId, to: MemberId, commit = 3): Message =>
  message({ type: "MsgHeartbeat", from: id, to, commit: commit as LogIndex });

test("without streams messages go by POST, four at a time and 64 waiting; more are dropped and raft is told", async () => {
  const a = await LabMember.start({ id: 0xan });
  const { url, posts, seen } = await streamless();
  a.transport.setPeer(other, [url]);
  a.transport.send(Array.from({ length: 70 }, (_, at) => heartbeat(a, other, at)));
  await until(() => posts.length === 4, "four posts");
  assert.equal(a.unreachable.length, 1);
  assert.equal(a.network.stats.of(other).sentFailures, 2);
  assert.equal(posts[0]?.headers["content-type"], "application/protobuf");
  assert.equal(posts[0].headers["x-server-from"], "a");
  assert.equal(posts[0].headers["x-peerurls"], a.url);
  let most = 0;
  for (let answered = 0; answered < 68; answered++) {
    await until(() => posts.length > 0, "a post");
    most = Math.max(most, posts.length);
    posts.shift()?.answer(204);
  }
  assert.ok(most <= 4);
  await until(() => a.logged("became active") > 0, "it counts as connected");
  const sent = seen.map(({ commit }) => Number(commit)).sort((x, y) => x - y);
  assert.deepEqual(
    sent,
    Array.from({ length: 68 }, (_, at) => at),
  );
});

test("a post that fails is not sent again, and raft is told", async () => {
  const a = await LabMember.start({ id: 0xan });
  const { url, posts, seen } = await streamless();
  a.transport.setPeer(other, [url]);
  const proposal = message({ type: "MsgProp", from: a.id, to: other });
  a.transport.send([proposal]);
  await until(() => posts.length === 1, "the post");
  posts.shift()?.answer(500, "error processing raft message\n");
  await until(() => a.unreachable.length === 1, "the report");
  a.transport.send([heartbeat(a, other)]);
  await until(() => posts.length === 1, "the next post");
  assert.deepEqual(
    seen.map(({ type }) => type),
    ["MsgProp", "MsgHeartbeat"],
  );
});

test("a member that takes posts and does not answer is found unreachable, and later posts go through", async () => {
  const a = await LabMember.start({ id: 0xan, timeoutMs: 120 });
  const { url, posts } = await streamless();
  a.transport.setPeer(other, [url]);
  a.transport.send(Array.from({ length: 8 }, () => heartbeat(a, other)));
  await until(() => posts.length === 8, "the second four, when the first are given up");
  assert.deepEqual(a.unreachable.slice(0, 1), [other]);
});

test("the other one says that this member was removed: told; that it has another id: not", async () => {
  const a = await LabMember.start({ id: 0xan });
  const { url, posts } = await streamless();
  a.transport.setPeer(other, [url]);
  a.transport.send([heartbeat(a, other), heartbeat(a, other)]);
  await until(() => posts.length === 2, "posts");
  posts[0]?.answer(403, '{"message":"cannot process message to mismatch member"}');
  await until(() => a.unreachable.length === 1, "the report");
  assert.deepEqual(a.removedBy, []);
  posts[1]?.answer(403, '{"message":"cannot process message from removed member"}');
  await until(() => a.removedBy.length === 1, "the news");
  assert.deepEqual(a.removedBy, [other]);
});

test("addresses of a member are tried in turn", async () => {
  const a = await LabMember.start({ id: 0xan });
  const { url, posts } = await streamless();
  a.transport.setPeer(other, ["http://127.0.0.1:1", "http://127.0.0.1:2", url]);
  await until(() => {
    a.transport.send([heartbeat(a, other)]);
    return posts.length > 0;
  }, "a post at the third address");
});

test("new addresses are used from the next message on", async () => {
  const a = await LabMember.start({ id: 0xan });
  const [first, second] = await Promise.all([streamless(), streamless()]);
  a.transport.setPeer(other, [first.url]);
  a.transport.send([heartbeat(a, other)]);
  await until(() => first.posts.length === 1, "the first address");
  a.transport.setPeer(other, [second.url]);
  a.transport.send([heartbeat(a, other)]);
  await until(() => second.posts.length === 1, "the second address");
  assert.equal(first.seen.length, 1);
});

test("posts are taken and refused as etcd does it, in its order", async () => {
  const removed = memberId(0x90n);
  const a = await LabMember.start({ id: 0xan, removed: new Set([removed]) });
  const good = bytesOf(from(other, a.id));
  const taken = await post(a, good);
  assert.deepEqual([taken.status, taken.text], [204, ""]);
  assert.equal(taken.headers["x-etcd-cluster-id"], labCluster.toString(16));
  assert.equal(a.received.length, 1);
  const get = await post(a, Buffer.alloc(0), { method: "GET" });
  assert.deepEqual(
    [get.status, get.text, get.headers.allow],
    [405, "Method Not Allowed\n", "POST"],
  );
  const old = await post(a, good, { headers: { "X-Min-Cluster-Version": "9.0.0" } });
  assert.deepEqual([old.status, old.text], [412, "incompatible version\n"]);
  const stray = await post(a, good, { headers: { "X-Etcd-Cluster-ID": "77" } });
  assert.deepEqual([stray.status, stray.text], [412, "cluster ID mismatch\n"]);
  const broken = await post(a, Uint8Array.of(0xff, 0xff));
  assert.deepEqual([broken.status, broken.text], [400, "error unmarshalling raft message\n"]);
  const gone = await post(a, bytesOf(from(removed, a.id)));
  assert.deepEqual(
    [gone.status, gone.text],
    [403, '{"message":"cannot process message from removed member"}'],
  );
  assert.equal(gone.headers["content-type"], "application/json");
  const elsewhere = await post(a, bytesOf(from(other, memberId(0xcn))));
  assert.deepEqual([elsewhere.status, elsewhere.text], [500, "error processing raft message\n"]);
  assert.equal(a.received.length, 1);
  a.transport.close();
  const late = await post(a, good);
  assert.deepEqual([late.status, late.text], [500, "error processing raft message\n"]);
  assert.equal(a.received.length, 1);
});

test("a stranger that says where it is gets answers there, and is a peer when it is made one", async () => {
  const a = await LabMember.start({ id: 0xan });
  const { url, posts } = await streamless();
  await post(a, bytesOf(from(other, a.id)), { headers: { "X-PeerURLs": url } });
  a.transport.send([heartbeat(a, other, 1)]);
  await until(() => posts.length === 1, "the answer");
  assert.equal(a.transport.activeSinceMs(other), undefined);
  assert.equal(a.logged("added new remote peer"), 1);
  const b = await LabMember.start({ id: other });
  b.transport.setPeer(a.id, [a.url]);
  a.transport.setPeer(other, [b.url]);
  await until(() => a.transport.activeSinceMs(other) !== undefined, "the peer");
  a.transport.send([heartbeat(a, other, 2)]);
  await until(() => b.received.length === 1, "a message to the peer");
  assert.equal(posts.length, 1);
});

test("strangers are kept in a small number, and none that is removed", async () => {
  const removed = memberId(0x90n);
  const a = await LabMember.start({ id: 0xan, removed: new Set([removed]) });
  const { url, posts } = await streamless();
  for (let id = 0x100n; id < 0x100n + 20n; id++) {
    const headers = { "X-PeerURLs": url, "X-Server-From": id.toString(16) };
    await post(a, bytesOf(from(memberId(id), a.id)), { headers });
  }
  await post(a, bytesOf(from(removed, a.id)), {
    headers: { "X-PeerURLs": url, "X-Server-From": removed.toString(16) },
  });
  const ids = [removed, ...Array.from({ length: 20 }, (_, at) => memberId(0x100n + BigInt(at)))];
  a.transport.send(ids.map((id) => heartbeat(a, id)));
  await until(() => posts.length === 16, "answers to the last sixteen");
  assert.deepEqual(
    posts.map((each) => each.message.to).sort((x, y) => (x < y ? -1 : 1)),
    ids.slice(5),
  );
});

test("entries arrive whole by POST", async () => {
  const a = await LabMember.start({ id: 0xan });
  const { url, seen } = await streamless();
  a.transport.setPeer(other, [url]);
  const data = Buffer.alloc(3 << 20, 9);
  const entries = [{ term: 5, index: 8, type: 0, data }] as unknown as Message["entries"];
  a.transport.send([append(a, other, { index: 7, entries })]);
  await until(() => seen.length === 1, "the message");
  assert.deepEqual(Buffer.from(seen[0]?.entries[0]?.data ?? []).equals(data), true);
});
