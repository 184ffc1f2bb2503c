import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import fc from "fast-check";
import { crc32c } from "../../../node/lib/crc32c.ts";
import { headersOf } from "../../../node/peer/headers.ts";
import { MessageEncoder } from "../../../node/peer/message-frames.ts";
import { type SnapshotResult, SnapshotSender } from "../../../node/peer/snapshot-sender.ts";
import { Writer } from "../../../node/proto/wire.ts";
import type { Message } from "../../../node/raft/messages.ts";
import { SnapshotLab, State, sender, snapMessage, stateOf } from "./snapshot-lab.ts";

let lab: SnapshotLab;
beforeEach(async () => {
  lab = await SnapshotLab.start();
});
afterEach(() => lab.stop());

function ship(
  state: State,
  { to = lab.url, message = snapMessage(), through = new SnapshotSender(lab.context) } = {},
): Promise<SnapshotResult> {
  return new Promise((resolve) => {
    let turns = 0;
    let results = 0;
    through.send(to, message, state, (result) => {
      assert.ok(turns > 0, "done in a later turn");
      assert.ok(++results === 1, "done once");
      assert.ok(state.isReleased, "let go");
      // A second call would come within these turns.
      setImmediate(() => setImmediate(() => resolve(result)));
    });
    turns += 1;
  });
}

const failed = (result: SnapshotResult): { reason: string; isRemoved: boolean } => {
  assert(result.kind === "failed");
  return result;
};

const frameOf = (message: Message): Buffer => {
  const writer = new Writer();
  new MessageEncoder().encode(writer, message);
  return Buffer.from(writer.buffer.subarray(0, writer.position));
};

/** What a real etcd says of itself. */
const etcdHeaders = Object.fromEntries(
  Object.entries(headersOf(sender)).filter(([name]) => name !== "X-Etcd-Ts"),
);

interface RawAnswer {
  readonly status: number | undefined;
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
}

/** A request as a real etcd makes it, or one that is wrong in some way. */
async function raw(
  body: readonly Uint8Array[],
  options: {
    method?: string;
    headers?: Record<string, string>;
    trailers?: Record<string, string>;
  } = {},
): Promise<RawAnswer> {
  const request = httpRequest(`${lab.url}/raft/snapshot`, {
    method: options.method ?? "POST",
    headers: { ...etcdHeaders, "Transfer-Encoding": "chunked", ...options.headers },
  });
  for (const chunk of body) request.write(chunk);
  if (options.trailers !== undefined) request.addTrailers(options.trailers);
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, text, headers: response.headers };
}

test("a state of any chunks comes over as it is, and its message after it", async () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 0, maxLength: 200_000 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(chunks, async (made) => {
      const own = await SnapshotLab.start();
      const result = await ship(stateOf(...made), {
        to: own.url,
        through: new SnapshotSender(own.context),
      });
      assert.deepEqual(result, { kind: "finished" });
      assert.ok(own.taken.bytes.equals(Buffer.concat(made)));
      assert.equal(own.taken.end, "finished");
      assert.deepEqual(own.received, [snapMessage()]);
      own.stop();
    }),
    { numRuns: 25 },
  );
});

test("both sides count what came through", async () => {
  await ship(stateOf(Buffer.alloc(1000)));
  const sent = lab.stats.of(snapMessage().to);
  const got = lab.handlerStats.of(snapMessage().from);
  for (const { successes, failures, inflight, seconds } of [
    sent.snapshotsSent,
    got.snapshotsReceived,
  ]) {
    assert.deepEqual({ successes, failures, inflight }, { successes: 1, failures: 0, inflight: 0 });
    assert.equal(seconds.count, 1);
  }
  assert.equal(got.receivedBytes, 1000);
  assert.ok(sent.sentBytes > 1000);
});

test("a sender that is not known yet says where it can be answered", async () => {
  await ship(stateOf());
  assert.deepEqual(lab.senders, [
    { id: sender.memberId, version: "3.7.1", peerUrls: sender.peerUrls, isEtcdTs: true },
  ]);
});

test("the sender reads no faster than the receiver's disk writes", async () => {
  const chunk = Buffer.alloc(64 * 1024, 7);
  const chunkCount = 1000;
  // What the sockets of both sides hold, at most.
  const aheadBytesMax = 16 * 1024 * 1024;
  const state = new State(async function* () {
    for (let at = 0; at < chunkCount; at++) yield chunk;
  });
  let written = 0;
  let aheadBytes = 0;
  lab.taken.onWrite = async (bytes) => {
    lab.taken.chunks.length = 0;
    await new Promise((resolve) => setTimeout(resolve, written < 100 * chunk.length ? 2 : 0));
    written += bytes.length;
    aheadBytes = Math.max(aheadBytes, state.readBytes - written);
  };
  assert.deepEqual(await ship(state), { kind: "finished" });
  assert.equal(written, chunkCount * chunk.length);
  assert.ok(aheadBytes < aheadBytesMax, `${aheadBytes} bytes ahead`);
});

test("a chunk that fails cuts the connection, and nothing is taken for whole", async () => {
  const state = new State(async function* () {
    yield Buffer.alloc(100_000);
    throw new Error("a damaged record");
  });
  assert.match(failed(await ship(state)).reason, /a damaged record/);
  await settled();
  assert.equal(lab.taken.end, "aborted");
  assert.deepEqual(lab.received, []);
  assert.equal(lab.stats.of(snapMessage().to).snapshotsSent.failures, 1);
  assert.equal(lab.handlerStats.of(snapMessage().from).snapshotsReceived.failures, 1);
});

test("a state that fails before its first chunk is no empty one", async () => {
  const state = new State(() => ({
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("no disk")) }),
  }));
  failed(await ship(state));
  await settled();
  assert.deepEqual(lab.received, []);
  assert.notEqual(lab.taken.end, "finished");
});

test("a state that takes long before its first chunk keeps no connection waiting: a real etcd would cut it", async () => {
  let connections = 0;
  lab.server.on("connection", () => {
    connections += 1;
  });
  let isLookedThrough: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    isLookedThrough = resolve;
  });
  const state = new State(async function* () {
    await first;
    yield Buffer.alloc(1000);
  });
  const result = ship(state);
  await settled();
  assert.equal(connections, 0);
  isLookedThrough();
  assert.deepEqual(await result, { kind: "finished" });
});

test("close gives up a state whose first chunk has not come", async () => {
  const through = new SnapshotSender(lab.context);
  const state = new State(() => ({
    [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }),
  }));
  const result = ship(state, { through });
  through.close();
  assert.equal(failed(await result).reason, "the network is closed");
});

/** A state that goes on until it is let go; `begun` when the receiver has some of it. */
function endless(): { state: State; begun: Promise<void> } {
  const state = new State(async function* () {
    for (;;) {
      yield Buffer.alloc(10_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  const begun = new Promise<void>((resolve) => {
    lab.taken.onWrite = () => {
      resolve();
      return Promise.resolve();
    };
  });
  return { state, begun };
}

/** The handler has seen the end of its request. */
async function settled(): Promise<void> {
  while (lab.taken.end === undefined && lab.taken.chunks.length > 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("a receiver that goes away ends the sending", async () => {
  const { state, begun } = endless();
  const result = ship(state);
  await begun;
  lab.server.closeAllConnections();
  failed(await result);
  await settled();
  assert.equal(lab.taken.end, "aborted");
});

test("close gives up what is on its way, and what comes after it", async () => {
  const through = new SnapshotSender(lab.context);
  const { state, begun } = endless();
  const result = ship(state, { through });
  await begun;
  through.close();
  assert.equal(failed(await result).reason, "the network is closed");
  await settled();
  assert.equal(lab.taken.end, "aborted");
  assert.deepEqual(lab.received, []);
  assert.equal(failed(await ship(stateOf(), { through })).reason, "the network is closed");
});

test("nobody there: the sending fails and the state is let go", async () => {
  const { port } = lab;
  lab.server.close();
  await once(lab.server, "close");
  const result = await ship(stateOf(Buffer.alloc(10)), { to: `http://127.0.0.1:${port}` });
  assert.match(failed(result).reason, /ECONNREFUSED/);
});

test("a piece that does not leave for the stall limit ends the sending; a slow one does not", async () => {
  let letOne: () => void = () => undefined;
  lab.taken.onWrite = () => new Promise((resolve) => (letOne = resolve));
  const through = new SnapshotSender(lab.context, { stallMs: 500, answerMs: 9000 });
  const state = new State(async function* () {
    for (let count = 0; count < 1000; count++) yield Buffer.alloc(64 * 1024);
  });
  const result = ship(state, { through });
  // The receiver takes one piece and no more: until the sockets are full, every piece gets its time anew.
  const stopped = async (): Promise<void> => {
    for (let before = -1; before !== state.readBytes; ) {
      before = state.readBytes;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  await stopped();
  assert.deepEqual(lab.timers.waits, [500]);
  lab.timers.pass(499);
  letOne();
  assert.equal(state.isReleased, false);
  await stopped();
  lab.timers.pass(500);
  assert.equal(failed(await result).reason, "the connection stalls");
  lab.taken.onWrite = () => Promise.resolve();
  letOne();
  await settled();
  assert.deepEqual(lab.received, []);
});

test("the receiver may check for long, but not for ever", async () => {
  const finishing = new Promise<void>((resolve) => {
    lab.taken.onFinish = () => {
      resolve();
      return new Promise(() => undefined);
    };
  });
  const through = new SnapshotSender(lab.context, { stallMs: 500, answerMs: 9000 });
  const result = ship(stateOf(Buffer.alloc(10)), { through });
  await finishing;
  assert.deepEqual(lab.timers.waits, [9000]);
  lab.timers.pass(9000);
  assert.equal(failed(await result).reason, "the receiver does not answer");
});

test("a 204 before the last byte does not stand for the whole", async () => {
  const hasty = createServer((_request, response) => response.writeHead(204).end());
  hasty.listen(0, "127.0.0.1");
  await once(hasty, "listening");
  const { port } = hasty.address() as AddressInfo;
  const { state } = endless();
  assert.match(
    failed(await ship(state, { to: `http://127.0.0.1:${port}` })).reason,
    /status 204|closed|ECONNRESET|EPIPE/,
  );
  hasty.closeAllConnections();
  hasty.close();
});

test("a removed sender is refused with a 403, and knows it", async () => {
  lab.removed.add(sender.memberId);
  const answer = await raw([frameOf(snapMessage()), Buffer.alloc(10)]);
  assert.equal(answer.status, 403);
  assert.equal(answer.text, '{"message":"cannot process message from removed member"}');
  assert.equal(answer.headers["content-type"], "application/json");
  assert.equal(failed(await ship(stateOf(Buffer.alloc(10)))).isRemoved, true);
  assert.deepEqual(lab.received, []);
  assert.equal(lab.taken.end, undefined);
});

test("a snapshot for another member is refused with etcd's 500: a 403 would stop a real etcd", async () => {
  const message = snapMessage({ to: sender.memberId });
  const answer = await raw([frameOf(message)]);
  assert.equal(answer.status, 500);
  assert.equal(
    answer.text,
    "failed to process raft message (cannot process message to mismatch member)\n",
  );
  assert.equal(failed(await ship(stateOf(), { message })).isRemoved, false);
  assert.deepEqual(lab.received, []);
});

test("a removed sender of a large state gets its answer while it sends", async () => {
  lab.removed.add(sender.memberId);
  const { state } = endless();
  assert.equal(failed(await ship(state)).isRemoved, true);
});

test("a refused sender that goes on is read for a while, and then cut", async () => {
  lab.removed.add(sender.memberId);
  const request = httpRequest(`${lab.url}/raft/snapshot`, { method: "POST", headers: etcdHeaders });
  request.on("error", () => undefined);
  request.write(frameOf(snapMessage()));
  const [response] = (await once(request, "response")) as [IncomingMessage];
  assert.equal(response.statusCode, 403);
  response.on("error", () => undefined);
  response.resume();
  // More than the sockets hold: somebody reads.
  for (let count = 0; count < 300; count++) {
    await new Promise<void>((resolve) => request.write(Buffer.alloc(64 * 1024), () => resolve()));
  }
  const closed = new Promise((resolve) => request.on("close", resolve));
  assert.deepEqual(lab.handlerTimers.waits, [5000]);
  lab.handlerTimers.pass(5000);
  await closed;
});

test("the connection of a refused sender ends with the sender", async () => {
  lab.removed.add(sender.memberId);
  for (const message of [snapMessage(), snapMessage({ type: "MsgApp" })]) {
    await ship(
      new State(async function* () {
        for (let count = 0; count < 300; count++) yield Buffer.alloc(64 * 1024);
      }),
      { message },
    );
  }
  const connections = (): Promise<number> =>
    new Promise((resolve) => lab.server.getConnections((_error, count) => resolve(count)));
  while ((await connections()) > 0) await new Promise((resolve) => setImmediate(resolve));
  await settled();
  assert.deepEqual(lab.handlerTimers.waits, []);
});

test("a refusal that breaks off ends the sending", async () => {
  const hasty = createServer((_request, response) => {
    response.writeHead(500, { "Content-Length": 100 });
    response.write("no");
    setTimeout(() => response.socket?.end(), 5);
  });
  hasty.listen(0, "127.0.0.1");
  await once(hasty, "listening");
  const { port } = hasty.address() as AddressInfo;
  failed(await ship(stateOf(Buffer.alloc(10)), { to: `http://127.0.0.1:${port}` }));
  hasty.closeAllConnections();
  hasty.close();
});

test("methods, versions and clusters are refused in etcd's order and words", async () => {
  const wrongCluster = { "X-Etcd-Cluster-ID": "dd" };
  const method = await raw([], { method: "PUT", headers: wrongCluster });
  assert.deepEqual([method.status, method.text], [405, "Method Not Allowed\n"]);
  assert.equal(method.headers.allow, "POST");
  assert.equal(method.headers["x-etcd-cluster-id"], undefined);
  const version = await raw([], { headers: { ...wrongCluster, "X-Server-Version": "2.3.0" } });
  assert.deepEqual([version.status, version.text], [412, "incompatible version\n"]);
  const cluster = await raw([], { headers: wrongCluster });
  assert.deepEqual([cluster.status, cluster.text], [412, "cluster ID mismatch\n"]);
  assert.equal(cluster.headers["x-etcd-cluster-id"], "cc");
  assert.deepEqual(lab.senders, []);
  assert.equal(lab.handlerStats.of(undefined).snapshotsReceived.failures, 3);
});

test("what is no message, or none with a snapshot, is a 400", async () => {
  const lengthOf = (value: bigint): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(value);
    return bytes;
  };
  for (const [body, reason] of [
    [[], /unexpected EOF/],
    [[Buffer.alloc(7)], /unexpected EOF/],
    [[lengthOf(2n ** 63n), Buffer.alloc(100)], /are allowed/],
    [[lengthOf(64n * 2n ** 20n + 1n), Buffer.alloc(100)], /67108864 are allowed/],
    [[lengthOf(64n * 2n ** 20n), Buffer.alloc(100)], /unexpected EOF/],
    [[lengthOf(2n), Buffer.from([0xff, 0xff])], /malformed/],
  ] as const) {
    const { status, text } = await raw(body);
    assert.equal(status, 400);
    assert.match(text, /^failed to decode raft message \(.*\)\n$/);
    assert.match(text, reason);
  }
  for (const message of [snapMessage({ type: "MsgApp" }), snapMessage({ snapshot: undefined })]) {
    const { status, text } = await raw([frameOf(message)]);
    assert.deepEqual([status, text], [400, "wrong raft message type\n"]);
  }
  assert.equal(lab.taken.end, undefined);
  assert.deepEqual(lab.received, []);
});

test("a claim of 64 MiB takes memory as its bytes come", async () => {
  const claim = Buffer.from("0000000004000000", "hex");
  const before = process.memoryUsage().arrayBuffers;
  const sockets = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const request = httpRequest(`${lab.url}/raft/snapshot`, {
        method: "POST",
        headers: etcdHeaders,
      });
      request.on("error", () => undefined);
      await new Promise<void>((resolve) => request.write(claim, () => resolve()));
      return request;
    }),
  );
  while (lab.senders.length < 20) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
  for (const request of sockets) request.destroy();
});

test("a real etcd sends no sum, and its state is taken", async () => {
  const { status, text } = await raw([frameOf(snapMessage()), Buffer.from("state")]);
  assert.deepEqual([status, text], [204, ""]);
  assert.equal(lab.taken.bytes.toString(), "state");
  assert.deepEqual(lab.received, [snapMessage()]);
});

test("a sum that was announced must come, and be that of the state", async () => {
  const headers = { Trailer: "X-Etcd-Ts-Crc32c" };
  const body = [frameOf(snapMessage()), Buffer.from("state")];
  const sum = crc32c(Buffer.from("state")).toString(16);
  for (const trailers of [{}, { "X-Etcd-Ts-Crc32c": crc32c(Buffer.from("stale")).toString(16) }]) {
    const { status, text } = await raw(body, { headers, trailers });
    assert.equal(status, 500);
    assert.match(text, /^failed to save KV snapshot \(the sum of the body is/);
    assert.equal(lab.taken.end, "aborted");
    lab.taken.end = undefined;
    lab.taken.chunks.length = 0;
  }
  assert.deepEqual(lab.received, []);
  const trailers = { "X-Etcd-Ts-Crc32c": sum };
  assert.equal((await raw(body, { headers, trailers })).status, 204);
});

test("a body that is cut off at any place is given up", async () => {
  const body = Buffer.concat([frameOf(snapMessage()), Buffer.alloc(1000, 1)]);
  const head = Object.entries(headersOf(sender)).map(([name, value]) => `${name}: ${value}\r\n`);
  const begin = `POST /raft/snapshot HTTP/1.1\r\nHost: b\r\n${head.join("")}Transfer-Encoding: chunked\r\n\r\n`;
  const whole = Buffer.concat([
    Buffer.from(`${begin}${body.length.toString(16)}\r\n`),
    body,
    Buffer.from("\r\n"),
  ]);
  const frameEnd = begin.length + 5 + frameOf(snapMessage()).length;
  for (const length of [whole.length, whole.length - 1, whole.length - 500, frameEnd + 1]) {
    lab.taken.end = undefined;
    lab.taken.chunks.length = 0;
    const socket = connect(lab.port, "127.0.0.1");
    await once(socket, "connect");
    socket.end(whole.subarray(0, length));
    await once(socket.resume(), "close");
    await settled();
    assert.equal(lab.taken.end, "aborted", `cut at ${length} of ${whole.length}`);
  }
  assert.deepEqual(lab.received, []);
});

test("a disk that fails is a 500 with its reason, and the state is given up", async () => {
  lab.taken.onWrite = () => Promise.reject(new Error("no space left"));
  const first = await raw([frameOf(snapMessage()), Buffer.alloc(10)]);
  assert.deepEqual(
    [first.status, first.text],
    [500, "failed to save KV snapshot (no space left)\n"],
  );
  assert.equal(lab.taken.end, "aborted");
  lab.taken.end = undefined;
  lab.taken.onWrite = () => Promise.resolve();
  lab.taken.onFinish = () => Promise.reject(new Error("not a state"));
  assert.match(failed(await ship(stateOf(Buffer.alloc(10)))).reason, /status 500.*not a state/);
  assert.deepEqual(lab.received, []);
});

test("a sender from which nothing comes any more is given up", async () => {
  const request = httpRequest(`${lab.url}/raft/snapshot`, { method: "POST", headers: etcdHeaders });
  const closed = new Promise((resolve) => request.on("close", resolve));
  request.on("error", () => undefined);
  const begun = new Promise<void>((resolve) => {
    lab.taken.onWrite = () => {
      resolve();
      return Promise.resolve();
    };
  });
  request.write(Buffer.concat([frameOf(snapMessage()), Buffer.alloc(10)]));
  await begun;
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(lab.handlerTimers.waits, [60_000]);
  lab.handlerTimers.pass(60_000);
  await settled();
  assert.equal(lab.taken.end, "aborted");
  await closed;
});
