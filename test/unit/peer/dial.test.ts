import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type ClientRequest, createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { Dialer, type DialKind, errorText } from "../../../node/peer/dial.ts";
import { freePort } from "../../support/server-process.ts";

let server: Server;
let dialer: Dialer;
const connections: Socket[] = [];

beforeEach(async () => {
  connections.length = 0;
  server = createServer((_request, response) => response.end("yes"));
  server.on("connection", (socket: Socket) => connections.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  dialer = new Dialer({ dialTimeoutMs: 1000 });
});

afterEach(() => {
  dialer.close();
  server.closeAllConnections();
  server.close();
});

const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const dial = (kind: DialKind, to = url()): ClientRequest =>
  dialer.request(to, { path: "/x", method: "GET", headers: { "X-Mine": "1" }, kind });

async function ask(kind: DialKind): Promise<IncomingMessage> {
  const request = dial(kind);
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  await once(request, "close");
  return response;
}

const failureOf = async (request: ClientRequest): Promise<string> => {
  request.end();
  const [error] = (await once(request, "error")) as [Error];
  return errorText(error);
};

test("pipelines and probes keep their connection for the next request", async () => {
  for (const kind of ["pipeline", "probe"] as const) {
    connections.length = 0;
    await ask(kind);
    await ask(kind);
    assert.equal(connections.length, 1, kind);
  }
});

test("every stream and every snapshot has a connection of its own, which ends with it", async () => {
  for (const kind of ["stream", "snapshot"] as const) {
    connections.length = 0;
    const response = await ask(kind);
    // Said the way Go's client does: it is not this head that ends the connection.
    assert.equal(response.headers.connection, "keep-alive");
    await ask(kind);
    assert.equal(connections.length, 2, kind);
  }
});

test("kinds do not share connections", async () => {
  await ask("pipeline");
  await ask("probe");
  assert.equal(connections.length, 2);
});

test("a connection is made without Nagle, and has no time limit once it is there", async () => {
  const request = dial("stream");
  request.end();
  const [socket] = (await once(request, "socket")) as [Socket];
  if (socket.connecting) await once(socket, "connect");
  assert.equal(socket.timeout, 0);
  assert.equal(socket.listenerCount("timeout"), 1, "only the agent's own, for idle ones");
});

test("an idle connection is given up before a real etcd would, and a used one is not", async () => {
  const first = dial("pipeline");
  first.end();
  const [socket] = (await once(first, "socket")) as [Socket];
  const [response] = (await once(first, "response")) as [IncomingMessage];
  response.resume();
  await once(first, "close");
  assert.equal(socket.timeout, 4500);
  const second = dial("pipeline");
  second.end();
  const [again] = (await once(second, "socket")) as [Socket];
  assert.equal(again, socket);
  assert.equal(socket.timeout, 0);
});

test("nobody has to listen for what goes wrong", async () => {
  const request = dial("probe", `http://127.0.0.1:${await freePort()}`);
  request.end();
  await new Promise((resolve) => request.on("close", resolve));
});

test("a refused connection is told", async () => {
  const to = `http://127.0.0.1:${await freePort()}`;
  assert.match(await failureOf(dial("pipeline", to)), /ECONNREFUSED/);
});

test("a URL that is none, or of another scheme, is told as an error of the request", async () => {
  for (const bad of ["", "nonsense", "http://", "unix:///tmp/x"]) {
    assert.match(
      await failureOf(dial("pipeline", bad)),
      /^cannot dial .*: no URL of http or https$/,
      bad,
    );
  }
});

test("a URL of https where nothing is set up for it is told as an error of the request", async () => {
  assert.equal(
    await failureOf(dial("stream", "https://127.0.0.1:1")),
    "cannot dial https://127.0.0.1:1: TLS is not set up for peers here (--peer-cert-file)",
  );
});

test("an address of IPv6, and a URL with a path, are dialled", async () => {
  assert.equal(dial("probe", "http://[::1]:2380").host, "::1");
  assert.equal(dial("probe", `${url()}/below/`).path, "/below/x");
});

/** A listener that never accepts, with its queue full: the kernel answers no further connection. */
async function deafListener(): Promise<{ url: string; stop: () => void }> {
  const script = `const server = require("node:net").createServer();
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  child.kill("SIGSTOP");
  const fillers = Array.from({ length: 4 }, () => connect(port, "127.0.0.1"));
  for (const filler of fillers) filler.on("error", () => undefined);
  await once(fillers[0] as Socket, "connect");
  await once(fillers[1] as Socket, "connect");
  const stop = (): void => {
    for (const filler of fillers) filler.destroy();
    child.kill("SIGKILL");
  };
  return { url: `http://127.0.0.1:${port}`, stop };
}

test("a connection that is not made in time ends the request", async () => {
  const deaf = await deafListener();
  const hasty = new Dialer({ dialTimeoutMs: 50 });
  const headers = {};
  const request = hasty.request(deaf.url, { path: "/", method: "GET", headers, kind: "probe" });
  assert.equal(await failureOf(request), "could not connect within 50 ms");
  hasty.close();
  deaf.stop();
});

test("close cuts requests under way, and those after it fail", async () => {
  server.removeAllListeners("request");
  const waiting = dial("stream");
  const failed = failureOf(waiting);
  await once(waiting, "socket");
  dialer.close();
  assert.match(await failed, /the network is closed/);
  assert.match(await failureOf(dial("probe")), /the network is closed/);
});

test("an error of several addresses is told with all of them", () => {
  const several = new AggregateError([new Error("one"), new Error("two")]);
  assert.equal(errorText(several), "one; two");
  assert.equal(errorText("text"), "text");
});
