import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, test } from "node:test";
import { clientLimits, Http1, type Http1Limits, peerLimits } from "../../../node/http/http1.ts";
import { emptyBytes } from "../../../node/lib/bytes.ts";
import { systemNet } from "../../../node/lib/platform/net.ts";

/** Every limit that is one, made so short that a test can wait for it. */
function shortened(limits: Http1Limits): Http1Limits {
  const short = (ms: number): number => (ms === 0 ? 0 : 120);
  return {
    idleMs: short(limits.idleMs),
    headMs: short(limits.headMs),
    requestMs: short(limits.requestMs),
    keepAliveMs: short(limits.keepAliveMs),
    checkEveryMs: 20,
  };
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

/** A connection to a server with these limits, which answers a request when it is whole. */
async function open(limits: Http1Limits): Promise<{ socket: Socket; text: () => string }> {
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    let bytes = 0;
    request.on("error", () => undefined);
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on("end", () => response.end(`got ${bytes}`));
  };
  const http = new Http1(handle, limits);
  const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (socket) =>
    http.serve(socket, emptyBytes),
  );
  const socket = connect(listener.address.port, "127.0.0.1");
  await once(socket, "connect");
  let text = "";
  socket.on("error", () => undefined);
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  cleanups.push(async () => {
    socket.destroy();
    http.close();
    await listener.close();
  });
  return { socket, text: () => text };
}

const passes = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A body of 40 bytes that takes 800 ms, more than six times every shortened limit. */
async function trickle(socket: Socket): Promise<void> {
  socket.write("POST /raft/snapshot HTTP/1.1\r\nHost: b\r\nContent-Length: 40\r\n\r\n");
  for (let at = 0; at < 40; at++) {
    await passes(20);
    if (socket.closed) return;
    socket.write("x");
  }
}

test("the limits in use", () => {
  assert.deepEqual(peerLimits, {
    idleMs: 0,
    headMs: 60_000,
    requestMs: 0,
    keepAliveMs: 0,
    checkEveryMs: 30_000,
  });
  assert.deepEqual(clientLimits, {
    idleMs: 300_000,
    headMs: 60_000,
    requestMs: 300_000,
    keepAliveMs: 5000,
    checkEveryMs: 30_000,
  });
});

test("a snapshot that comes slower than any limit of a client's request is taken on the peer port", async () => {
  const { socket, text } = await open(shortened(peerLimits));
  await trickle(socket);
  while (!text().includes("got 40")) await once(socket, "data");
  assert.match(text(), /^HTTP\/1\.1 200 OK/);
});

test("the same request is cut on the client port", async () => {
  const { socket, text } = await open(shortened(clientLimits));
  await trickle(socket);
  assert.match(text(), /^HTTP\/1\.1 408 Request Timeout/);
});

test("a body that stands still, and a pipeline between two messages, are left alone on the peer port", async () => {
  const { socket, text } = await open(shortened(peerLimits));
  socket.write("POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nx");
  await passes(400);
  socket.write("x");
  while (!text().includes("got 2")) await once(socket, "data");
  await passes(400);
  socket.write("POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nxyz");
  while (!text().includes("got 3")) await once(socket, "data");
});

test("a head that does not end is cut on both ports", async () => {
  for (const limits of [peerLimits, clientLimits]) {
    const { socket } = await open({ ...shortened(limits), idleMs: 0 });
    socket.write("POST /raft HTTP/1.1\r\nHost: ");
    if (!socket.closed) await once(socket, "close");
  }
});

test("a connection on which no request begins is cut on both ports", async () => {
  for (const limits of [peerLimits, clientLimits]) {
    const { socket } = await open({ ...shortened(limits), idleMs: 0 });
    socket.resume();
    if (!socket.closed) await once(socket, "close");
  }
});
