import assert from "node:assert/strict";
import { createServer, get, type IncomingMessage, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createSocketServer } from "node:net";
import { afterEach, test } from "node:test";
import { idToHex, type MemberId, memberId, type Term } from "../../../node/lib/units.ts";
import { headersOf } from "../../../node/peer/headers.ts";
import { MessageDecoder } from "../../../node/peer/message-frames.ts";
import { MsgAppV2Decoder } from "../../../node/peer/msgapp-v2.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import {
  append,
  connected,
  entry,
  heartbeat,
  LabMember,
  labCluster,
  stopAll,
  until,
} from "./peer-lab.ts";

afterEach(stopAll);

const stranger = memberId(0x5en);
const strangerHeaders = (to: MemberId): Record<string, string> => ({
  ...headersOf({ memberId: stranger, clusterId: labCluster, peerUrls: ["http://127.0.0.1:9"] }),
  "X-Raft-To": idToHex(to),
});

/** A member that dials as `stranger` and reads, or does not. */
function dialStream(
  to: LabMember,
  { kind = "message", headers = {} } = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = get(`${to.url}/raft/stream/${kind}/${idToHex(stranger)}`, {
      agent: false,
      headers: { ...strangerHeaders(to.id), ...headers },
    });
    request.on("error", reject);
    request.on("response", (response) => {
      response.on("error", () => undefined);
      resolve(response);
    });
  });
}

async function listening(onRequest: RequestListener): Promise<{ url: string; close(): void }> {
  const server = createServer(onRequest);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

const proposal = (from: LabMember, to: MemberId, data: Uint8Array): Message =>
  message({
    type: "MsgProp",
    from: from.id,
    to,
    entries: [{ ...entry(0, data), term: 0 as Term }],
  });

test("each stream keeps the order in which its messages were sent", async () => {
  const [a, b] = await Promise.all([LabMember.start({ id: 0xan }), LabMember.start({ id: 0xbn })]);
  a.knows(b);
  await connected(a, b);
  const turns = 200;
  for (let turn = 0; turn < turns; turn++) {
    // Sizes around the slice that one write takes.
    const data = Buffer.alloc(turn % 10 === 0 ? 300_000 : turn * 7, turn);
    a.transport.send([
      append(a, b.id, { index: turn * 2, entries: [entry(turn * 2 + 1, data)] }),
      heartbeat(a, b.id, turn + 1),
      append(a, b.id, { index: turn * 2 + 1, entries: [entry(turn * 2 + 2)] }),
    ]);
    if (turn % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => b.received.length === 3 * turns, "all messages");
  const appends = b.received.filter(({ type }) => type === "MsgApp");
  assert.deepEqual(
    appends.map(({ index }) => index),
    Array.from({ length: 2 * turns }, (_, at) => at),
  );
  for (const { index, entries } of appends) {
    assert.equal(entries[0]?.index, index + 1);
    if (index % 20 === 0) assert.equal(entries[0].data.length, 300_000);
  }
  const beats = b.received.filter(({ type }) => type === "MsgHeartbeat");
  assert.deepEqual(
    beats.map(({ commit }) => commit),
    Array.from({ length: turns }, (_, at) => at + 1),
  );
  assert.deepEqual(a.unreachable, []);
});

test("idle streams live on, as link heartbeats are sent; raft does not see them", async () => {
  const timeoutMs = 240;
  const [a, b] = await Promise.all([
    LabMember.start({ id: 0xan, timeoutMs }),
    LabMember.start({ id: 0xbn, timeoutMs }),
  ]);
  a.knows(b);
  await connected(a, b);
  const sinceMs = a.transport.activeSinceMs(b.id);
  const before = a.network.stats.of(b.id).receivedBytes;
  // As many heartbeats as only several time-outs hold: nine bytes on the one stream, one on the other.
  await until(() => a.network.stats.of(b.id).receivedBytes - before > 150, "heartbeats");
  assert.equal(a.transport.activeSinceMs(b.id), sinceMs);
  assert.equal(a.logged("lost"), 0);
  assert.deepEqual(a.received, []);
});

test("a stream on which nothing comes is given up and dialled again", async () => {
  const [a, b] = await Promise.all([
    LabMember.start({ id: 0xan, timeoutMs: 240 }),
    // Its heartbeats are too slow for the other one.
    LabMember.start({ id: 0xbn, timeoutMs: 60_000 }),
  ]);
  a.knows(b);
  await connected(a, b);
  await until(() => a.logged("lost TCP streaming connection") >= 2, "time-outs");
  assert.ok(a.log.some((line) => line.includes("i/o timeout")));
  const seen = a.logged("established");
  await until(() => a.logged("established") > seen, "a new stream");
});

test("a newer stream takes the place of an older one, which ends", async () => {
  const a = await LabMember.start({ id: 0xan });
  a.transport.setPeer(stranger, ["http://127.0.0.1:9"]);
  const older = await dialStream(a);
  const ended = new Promise((resolve) => older.resume().once("end", resolve));
  const newer = await dialStream(a);
  await ended;
  const types: string[] = [];
  const decoder = new MessageDecoder(({ type }) => types.push(type));
  newer.on("data", (chunk: Buffer) => decoder.take(chunk));
  a.transport.send([heartbeat(a, stranger)]);
  await until(() => types.length > 0, "the message on the newer stream");
  assert.deepEqual(types, ["MsgHeartbeat"]);
  assert.equal(a.logged("closed TCP streaming connection"), 1);
});

test("MsgApp goes by its own stream, everything else by the other", async () => {
  const a = await LabMember.start({ id: 0xan });
  a.transport.setPeer(stranger, ["http://127.0.0.1:9"]);
  const seen: Record<string, string[]> = { msgapp: [], message: [] };
  for (const kind of ["msgapp", "message"] as const) {
    const onMessage = ({ type }: Message): void => void seen[kind]?.push(type);
    const decoder =
      kind === "message"
        ? new MessageDecoder(onMessage)
        : new MsgAppV2Decoder({ local: stranger, remote: a.id, onMessage });
    (await dialStream(a, { kind })).on("data", (chunk: Buffer) => decoder.take(chunk));
  }
  const first = append(a, stranger, { index: 0, entries: [entry(1)] });
  a.transport.send([first, heartbeat(a, stranger), { ...first, type: "MsgProp" }, first]);
  await until(() => Object.values(seen).flat().length === 4, "all");
  assert.deepEqual(seen, { msgapp: ["MsgApp", "MsgApp"], message: ["MsgHeartbeat", "MsgProp"] });
});

test("a reader that stands still costs a bounded amount of memory, and raft is told", async () => {
  const [a, b] = await Promise.all([LabMember.start({ id: 0xan }), LabMember.start({ id: 0xbn })]);
  a.transport.setPeer(stranger, ["http://127.0.0.1:9"]);
  a.knows(b);
  await until(() => a.logged("stream Message") >= 2, "b");
  const frozen = await dialStream(a);
  frozen.socket.pause();
  const data = Buffer.alloc(1 << 20, 7);
  let sent = 0;
  while (a.unreachable.length === 0) {
    a.transport.send([proposal(a, stranger, data), heartbeat(a, b.id, sent + 1)]);
    sent += 1;
    assert.ok(sent < 200, "no bound on what waits");
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(a.unreachable, [stranger]);
  assert.equal(a.logged("dropped internal Raft message"), 1);
  // The other member has been served all the time.
  await until(() => b.received.length === sent, "heartbeats at b");
  // What waited comes, in order and whole, when the reader goes on.
  let bytes = 0;
  let taken = 0;
  const decoder = new MessageDecoder(({ entries }) => {
    taken += 1;
    bytes += entries[0]?.data.length ?? 0;
  });
  frozen.on("data", (chunk: Buffer) => decoder.take(chunk));
  frozen.socket.resume();
  await until(() => taken === sent - 1, "what waited");
  assert.equal(bytes, (sent - 1) * data.length);
});

test("messages that wait are bounded in number", async () => {
  const a = await LabMember.start({ id: 0xan });
  a.transport.setPeer(stranger, ["http://127.0.0.1:9"]);
  const frozen = await dialStream(a);
  frozen.socket.pause();
  const block = Buffer.alloc(1 << 20);
  // Fills what the system takes, so that the connection is blocked for good.
  for (let at = 0; at < 20; at++) a.transport.send([proposal(a, stranger, block)]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(a.unreachable, []);
  const many = Array.from({ length: 4200 }, () => heartbeat(a, stranger));
  a.transport.send(many);
  // Raft is at work when it sends, and is told later.
  assert.deepEqual(a.unreachable, []);
  await until(() => a.unreachable.length > 0, "the report");
  assert.equal(a.logged("dropped internal Raft message"), 1);
  const dropped = a.network.stats.of(stranger).sentFailures;
  assert.ok(dropped >= 4200 - 4096 && dropped <= 4200 - 4096 + 20, `${dropped} dropped`);
});

test("a reader that stands still for the write time-out loses its stream", async () => {
  const a = await LabMember.start({ id: 0xan, timeoutMs: 240 });
  a.transport.setPeer(stranger, ["http://127.0.0.1:9"]);
  const frozen = await dialStream(a);
  frozen.socket.pause();
  const block = Buffer.alloc(1 << 20);
  for (let at = 0; at < 30; at++) a.transport.send([proposal(a, stranger, block)]);
  await until(() => a.log.some((line) => /lost.*Message.*i\/o timeout/.test(line)), "the time-out");
  await until(() => a.unreachable.includes(stranger), "the report");
});

test("half of a frame, and then the end, harms nobody: the next stream begins anew", async () => {
  const [a, b] = await Promise.all([LabMember.start({ id: 0xan }), LabMember.start({ id: 0xbn })]);
  a.knows(b);
  await connected(a, b);
  a.transport.send([proposal(a, b.id, Buffer.alloc(8 << 20))]);
  // The connection is cut while the message is on its way.
  for (const socket of a.sockets) socket.destroy();
  await until(() => b.logged("established") > 4, "new streams");
  await until(() => a.transport.activeSinceMs(b.id) !== undefined, "a sees b again");
  await until(() => {
    a.transport.send([heartbeat(a, b.id, 9)]);
    return b.received.some(({ commit }) => commit === 9);
  }, "a message on the new stream");
  assert.equal(b.types().includes("MsgProp"), false);
});

test("bytes that are no frame end the stream, and it is dialled again", async () => {
  const a = await LabMember.start({ id: 0xan });
  let dials = 0;
  const { url, close } = await listening((_request, response) => {
    dials += 1;
    response.writeHead(200);
    response.write(Buffer.alloc(64, 0xff));
  });
  a.transport.setPeer(stranger, [url]);
  await until(() => dials >= 6, "attempts");
  assert.deepEqual(a.received, []);
  assert.ok(a.network.stats.of(stranger).receivedFailures >= 4);
  close();
});

test("who does not say that it is etcd-ts is none, also beside a connection that says so", async () => {
  const a = await LabMember.start({ id: 0xan });
  // Attempts at it neither fail nor succeed.
  const { url, close } = await listening(() => undefined);
  a.transport.setPeer(stranger, [url]);
  const ours = await dialStream(a, { kind: "msgapp" });
  await until(() => a.transport.activeSinceMs(stranger) !== undefined, "the first");
  assert.equal(a.transport.isEtcdTs(stranger), true);
  const etcds = await dialStream(a, { headers: { "X-Etcd-Ts": "" } });
  assert.equal(a.transport.isEtcdTs(stranger), false);
  ours.destroy();
  etcds.destroy();
  close();
});

test("attempts pause, and end when the peer is removed", async () => {
  const a = await LabMember.start({ id: 0xan });
  let dials = 0;
  const { url, close } = await listening((_request, response) => {
    dials += 1;
    response.statusCode = 404;
    response.end("error sender not found\n");
  });
  const beganMs = performance.now();
  a.transport.setPeer(stranger, [url]);
  await until(() => dials >= 6, "attempts");
  assert.ok(dials <= 2 * (2 + (performance.now() - beganMs) / 100), `${dials} attempts`);
  // The next one is due in a while.
  await new Promise((resolve) => setTimeout(resolve, 40));
  a.transport.removePeer(stranger);
  const before = dials;
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.equal(dials, before);
  close();
});

test("requests for a stream are refused as etcd refuses them, in its order", async () => {
  const removed = memberId(0x90n);
  const a = await LabMember.start({ id: 0xan, removed: new Set([removed]) });
  const ask = async (path: string, { method = "GET", headers = {} } = {}): Promise<string> => {
    const response = await fetch(a.url + path, {
      method,
      headers: { ...strangerHeaders(a.id), ...headers },
    });
    return `${response.status} ${await response.text()}`;
  };
  const path = `/raft/stream/message/${idToHex(stranger)}`;
  assert.equal(await ask(path, { method: "POST" }), "405 Method Not Allowed\n");
  const wrongCluster = { "X-Etcd-Cluster-ID": "1" };
  const old = { "X-Server-Version": "2.3.0", ...wrongCluster };
  assert.equal(await ask("/raft/stream/x/y", { headers: old }), "412 incompatible version\n");
  assert.equal(
    await ask("/raft/stream/x/y", { headers: wrongCluster }),
    "412 cluster ID mismatch\n",
  );
  assert.equal(await ask("/raft/stream/message"), "404 invalid path\n");
  assert.equal(await ask(`/raft/stream/x/${idToHex(stranger)}`), "404 invalid path\n");
  assert.equal(await ask("/raft/stream/message/xyz"), "404 invalid from\n");
  assert.equal(await ask(`/raft/stream/message/${idToHex(removed)}`), "410 removed member\n");
  const wrongTo = { "X-Raft-To": "b" };
  assert.equal(await ask(path, { headers: wrongTo }), "404 error sender not found\n");
  assert.equal(a.logged("added new remote peer"), 1);
  a.transport.setPeer(stranger, ["http://127.0.0.1:9"]);
  assert.equal(await ask(path, { headers: wrongTo }), "412 to field mismatch\n");
  assert.equal(await ask("/raft/other"), "404 404 page not found\n");
});

test("closing ends streams on both sides, and no attempt follows", async () => {
  const [a, b] = await Promise.all([LabMember.start({ id: 0xan }), LabMember.start({ id: 0xbn })]);
  a.knows(b);
  await connected(a, b);
  a.transport.close();
  await until(() => a.sockets.size === 0, "the streams that b read");
  const { url } = b;
  await b.stop();
  const lines = a.log.length;
  a.transport.send([heartbeat(a, b.id)]);
  a.transport.setPeer(b.id, [url]);
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.equal(a.log.length, lines);
});

test("a port that accepts and says nothing is tried again and again, with one line in the log", async () => {
  const a = await LabMember.start({ id: 0xan, timeoutMs: 120 });
  let accepted = 0;
  const silent = createSocketServer((socket) => {
    accepted += 1;
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as { port: number };
  a.transport.setPeer(stranger, [`http://127.0.0.1:${port}`]);
  await until(() => accepted >= 8, "attempts");
  assert.equal(a.transport.activeSinceMs(stranger), undefined);
  assert.ok(a.log.length <= 3, a.log.join("\n"));
  await a.stop();
  silent.close();
});
