import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { TLSSocket } from "node:tls";
import { SystemTimers } from "../../../node/lib/platform/clock.ts";
import { Dialer, errorText } from "../../../node/peer/dial.ts";
import { tlsConnect } from "../../../node/tls/tls-dial.ts";
import { writeFiles } from "../../support/pki/files.ts";
import { TestCa } from "../../support/pki.ts";
import { HandTimers } from "../peer/hand-timers.ts";
import { openIdentity, temporaryDir, until } from "./handshakes.ts";
import { TlsLab } from "./tls-lab.ts";

/** An identity that dials: with the client's pair of the lab, and the CA of its servers unless told otherwise. */
async function dialling(t: TestContext, lab: TlsLab, settings: { trustedCaFile?: string } = {}) {
  const { files } = lab.pki;
  const { identity } = await openIdentity(t, {
    side: "peer",
    certFile: files.serverCert,
    keyFile: files.serverKey,
    clientCertFile: files.clientCert,
    clientKeyFile: files.clientKey,
    trustedCaFile: files.ca,
    ...settings,
  });
  return identity;
}

const otherCa = (t: TestContext): string =>
  writeFiles(temporaryDir(t), { "ca.crt": TestCa.create("another").certPem })["ca.crt"];

test("a dialled connection is there when both ends are content; it has no ALPN, and the name by SNI", async (t) => {
  const lab = await TlsLab.open(t);
  const identity = await dialling(t, lab);
  const connect = tlsConnect(identity, new SystemTimers());
  for (const [host, name] of [
    ["localhost", "localhost"],
    ["127.0.0.1", false],
  ] as const) {
    const socket = await connect({ host, port: lab.port }, 5000);
    const admitted = (await lab.untilAdmitted(1)).detach(new Uint8Array(0));
    assert.ok(admitted instanceof TLSSocket);
    assert.equal(socket.alpnProtocol, false);
    assert.equal(Reflect.get(admitted, "servername"), name);
    socket.destroy();
    admitted.destroy();
    await until(() => admitted.destroyed);
    lab.admitted.length = 0;
  }
  assert.equal(identity.stats.handshakes, 2);
});

test("not a byte leaves for a server that is refused", async (t) => {
  const lab = await TlsLab.open(t);
  const identity = await dialling(t, lab, { trustedCaFile: otherCa(t) });
  const secure = tlsConnect(identity, new SystemTimers());
  const dialer = new Dialer({ dialTimeoutMs: 5000, secure });
  const received: string[] = [];
  const request = dialer.request(`https://127.0.0.1:${lab.port}`, {
    path: "/raft",
    method: "POST",
    headers: {},
    kind: "pipeline",
  });
  request.end("a message");
  const [error] = (await once(request, "error")) as [Error];
  assert.match(errorText(error), /x509: certificate signed by unknown authority$/);
  // TLS 1.3: the server is content before it knows that the client is not.
  for (const socket of lab.admitted) {
    socket.onData((chunk) => received.push(Buffer.from(chunk).toString()));
    await new Promise<void>((resolve) => socket.onClose(resolve));
  }
  assert.deepEqual(received, []);
  assert.equal(identity.stats.handshakeFailures, 1);
  dialer.close();
});

/** Accepts, and does with the socket what the test says. */
async function listener(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    sockets.push(socket);
    onSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test("a server that does not go on with its handshake is given up after the limit", async (t) => {
  const lab = await TlsLab.open(t);
  const accepted = Promise.withResolvers<Socket>();
  const port = await listener(t, (socket) => accepted.resolve(socket));
  const timers = new HandTimers();
  const dialled = tlsConnect(await dialling(t, lab), timers)({ host: "127.0.0.1", port }, 2000);
  const socket = await accepted.promise;
  assert.deepEqual(timers.waits, [2000]);
  timers.pass(2000);
  await assert.rejects(dialled, { message: "could not connect within 2000 ms" });
  socket.resume();
  await once(socket, "close");
});

test("what is no TLS server, or none at all, is told in known words", async (t) => {
  const lab = await TlsLab.open(t);
  const timers = new HandTimers();
  const connect = tlsConnect(await dialling(t, lab), timers);
  const http = await listener(t, (socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await assert.rejects(connect({ host: "127.0.0.1", port: http }, 5000), {
    message: "tls: first record does not look like a TLS handshake",
  });
  const hasty = await listener(t, (socket) => socket.destroy());
  await assert.rejects(connect({ host: "127.0.0.1", port: hasty }, 5000), Error);
  await lab.close();
  await assert.rejects(connect({ host: "127.0.0.1", port: lab.port }, 5000), /ECONNREFUSED/);
  assert.deepEqual(timers.waits, []);
});

test("a server that refuses our certificate is told with its alert, though it comes behind the handshake", async (t) => {
  const lab = await TlsLab.open(t);
  const { identity } = await openIdentity(t, { trustedCaFile: lab.pki.files.ca });
  const dialer = new Dialer({
    dialTimeoutMs: 5000,
    secure: tlsConnect(identity, new SystemTimers()),
  });
  const request = dialer.request(`https://127.0.0.1:${lab.port}`, {
    path: "/raft",
    method: "GET",
    headers: {},
    kind: "probe",
  });
  request.end();
  const [error] = (await once(request, "error")) as [Error];
  assert.equal(errorText(error), "remote error: tls: certificate required");
  dialer.close();
});
