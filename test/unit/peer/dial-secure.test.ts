import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { Dialer, type DialKind, errorText, type SecureConnect } from "../../../node/peer/dial.ts";

// TLS is left out: what is looked at is when a request may have a connection, and which.
let server: Server;
let dialer: Dialer;
let asked: { readonly host: string; readonly port: number; readonly timeoutMs: number }[] = [];
let secure: SecureConnect;
const connections: Socket[] = [];

const port = (): number => (server.address() as AddressInfo).port;

async function connected(): Promise<Socket> {
  const socket = connect(port(), "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

beforeEach(async () => {
  connections.length = 0;
  asked = [];
  secure = connected;
  server = createServer((_request, response) => response.end("yes"));
  server.on("connection", (socket: Socket) => connections.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  dialer = new Dialer({
    dialTimeoutMs: 1000,
    secure: (target, timeoutMs) => {
      asked.push({ ...target, timeoutMs });
      return secure(target, timeoutMs);
    },
  });
});

afterEach(() => {
  dialer.close();
  server.closeAllConnections();
  server.close();
});

const dial = (kind: DialKind, to = `https://127.0.0.1:${port()}`): ClientRequest =>
  dialer.request(to, { path: "/x", method: "GET", headers: {}, kind });

async function ask(kind: DialKind, to?: string): Promise<void> {
  const request = dial(kind, to);
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  await once(request, "close");
}

const failureOf = async (request: ClientRequest): Promise<string> => {
  request.end();
  const [error] = (await once(request, "error")) as [Error];
  return errorText(error);
};

test("an https URL is dialled with the target and the limit, 443 where it has no port, addresses without brackets", async () => {
  await ask("probe");
  assert.deepEqual(asked, [{ host: "127.0.0.1", port: port(), timeoutMs: 1000 }]);
  secure = () => Promise.reject(new Error("refused"));
  assert.equal(await failureOf(dial("probe", "https://[::1]")), "refused");
  assert.deepEqual(asked[1], { host: "::1", port: 443, timeoutMs: 1000 });
});

test("connections over TLS are kept, or not, as plain ones are, and the two are never mixed up", async () => {
  for (const kind of ["pipeline", "probe"] as const) {
    connections.length = 0;
    await ask(kind);
    await ask(kind);
    assert.equal(connections.length, 1, kind);
    await ask(kind, `http://127.0.0.1:${port()}`);
    assert.equal(connections.length, 2, kind);
  }
  for (const kind of ["stream", "snapshot"] as const) {
    connections.length = 0;
    await ask(kind);
    await ask(kind);
    assert.equal(connections.length, 2, kind);
  }
});

test("nothing of a request leaves before the connection is handed over", async () => {
  const socket = await connected();
  const admitted = Promise.withResolvers<Socket>();
  secure = () => admitted.promise;
  const request = dial("pipeline");
  request.end();
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  const before = socket.bytesWritten;
  admitted.resolve(socket);
  await once(request, "response");
  assert.equal(before, 0);
  assert.ok(socket.bytesWritten > before);
});

test("the reason for which a member is refused is the error of the request, and the next one dials again", async () => {
  secure = () => Promise.reject(new Error("x509: certificate has expired"));
  assert.equal(await failureOf(dial("pipeline")), "x509: certificate has expired");
  secure = connected;
  await ask("pipeline");
});

test("a connection that ended before it was handed over is an error, not a wait without end", async () => {
  secure = async () => {
    const socket = await connected();
    socket.destroy();
    return socket;
  };
  assert.equal(await failureOf(dial("pipeline")), "the connection was closed");
});

test("close ends requests whose connection is being made, and cuts that when it comes", async () => {
  const made = Promise.withResolvers<Socket>();
  secure = () => made.promise;
  const failed = failureOf(dial("stream"));
  dialer.close();
  assert.equal(await failed, "the network is closed");
  const late = await connected();
  made.resolve(late);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(late.destroyed);
});
