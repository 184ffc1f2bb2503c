import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, Socket } from "node:net";
import { test } from "node:test";
import { TLSSocket } from "node:tls";
import { SystemTimers, systemClock } from "../../../node/lib/platform/clock.ts";
import { gateLimits, HandshakeGate } from "../../../node/tls/handshake-gate.ts";
import { TestCa } from "../../support/pki.ts";
import { until } from "./handshakes.ts";
import { closed, readUntil, TlsLab } from "./tls-lab.ts";

const noHandshake = "tls: first record does not look like a TLS handshake";

test("an admitted client is a connection of bytes, both ways, that says it is secure", async (t) => {
  const lab = await TlsLab.open(t);
  const client = lab.tls();
  const socket = await lab.untilAdmitted(1);
  assert.equal(socket.isSecure, true);
  assert.equal(socket.remoteAddress, `127.0.0.1:${client.localPort}`);
  client.write("question");
  assert.equal(await readUntil(socket, "question"), "question");
  assert.equal(socket.write(Buffer.from("answer")), true);
  socket.end();
  const [answer] = (await once(client, "data")) as [Buffer];
  assert.equal(answer.toString(), "answer");
  const { handshakes, resumed, handshakeFailures } = lab.identity.stats;
  assert.deepEqual(
    { handshakes, resumed, handshakeFailures },
    {
      handshakes: 1,
      resumed: 0,
      handshakeFailures: 0,
    },
  );
});

test("bytes right behind the handshake wait for whoever takes the connection, whole and in order", async (t) => {
  const lab = await TlsLab.open(t);
  const client = lab.tls();
  const sent = Buffer.alloc(300_000, "0123456789abcdef");
  client.end(sent);
  const socket = await lab.untilAdmitted(1);
  // Longer than a turn: a connection of which nobody takes note would be over by now.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  const received = await readUntil(socket, "never");
  assert.equal(received.length, sent.length);
  assert.ok(received === sent.toString());
});

test("a client without a certificate is refused, gets the alert that Go shows, and is logged", async (t) => {
  const lab = await TlsLab.open(t);
  const client = lab.anonymous({ servername: "member.test" });
  const alert = once(client, "error");
  const { localPort } = (await once(client, "connect"), client);
  assert.deepEqual(await lab.rejection(), {
    "remote-addr": `127.0.0.1:${localPort}`,
    "server-name": "member.test",
    error: "tls: client didn't provide a certificate",
  });
  const [error] = (await alert) as [{ code: string }];
  assert.equal(error.code, "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED");
  assert.equal(lab.admitted.length, 0);
  assert.equal(lab.identity.stats.handshakeFailures, 1);
});

test("where no certificate is asked for, nobody needs one", async (t) => {
  const lab = await TlsLab.open(t, { settings: { trustedCaFile: "" } });
  lab.anonymous();
  await lab.untilAdmitted(1);
});

test("who is refused after the handshake is cut, with what his certificate says in the log", async (t) => {
  const lab = await TlsLab.open(t);
  const { certPem: cert, keyPem: key } = TestCa.create("another").leaf();
  const client = lab.tls({ cert, key });
  client.write("a request that nobody may see");
  await closed(client);
  const { error, ...names } = await lab.rejection();
  assert.match(String(error), /certificate signed by unknown authority$/);
  assert.deepEqual(names["dns-names"], ["localhost"]);
  assert.deepEqual(names["ip-addresses"], ["127.0.0.1", "::1"]);
  assert.equal(lab.admitted.length, 0);
});

test("plain HTTP and garbage are refused in words that a person knows", async (t) => {
  const lab = await TlsLab.open(t);
  for (const bytes of [
    "GET /health HTTP/1.1\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\0\0\0\0\0\0",
  ]) {
    const client = await lab.tcp();
    client.write(bytes);
    await closed(client);
    assert.equal((await lab.rejection())["error"], noHandshake, bytes);
  }
  const client = await lab.tcp();
  client.write(Buffer.from([22, 3, 1, 0, 4, 1, 2, 3, 4]));
  await closed(client);
  assert.match(String((await lab.rejection())["error"]), /^tls: /);
});

test("whoever looks whether the port is open is a debug line and no failed handshake", async (t) => {
  const lab = await TlsLab.open(t);
  (await lab.tcp()).end();
  await until(() => lab.lines.length > 0);
  const [line] = lab.lines;
  assert.deepEqual([line?.level, line?.fields["error"]], ["debug", "EOF"]);
  assert.equal(lab.identity.stats.handshakeFailures, 0);
});

test("a connection that closes in the middle of the handshake leaves nothing behind", async (t) => {
  const lab = await TlsLab.open(t);
  const client = await lab.tcp();
  client.write(Buffer.from([22, 3, 1]));
  await until(() => lab.timers.waits.length > 0);
  client.end();
  await until(() => lab.lines.length > 0);
  assert.equal(lab.lines[0]?.fields["error"], "EOF");
  assert.equal(lab.identity.stats.handshakeFailures, 1);
  assert.deepEqual(lab.timers.waits, []);
});

test("silent ones and slow ones have ten seconds, and keep nobody else from his handshake", async (t) => {
  const lab = await TlsLab.open(t);
  const silent = await Promise.all(Array.from({ length: 50 }, () => lab.tcp()));
  const slow = await Promise.all(Array.from({ length: 50 }, () => lab.tcp()));
  for (const client of slow) client.write(Buffer.from([22, 3, 1, 2, 0, 1]));
  lab.tls();
  const admitted = await lab.untilAdmitted(1);
  await until(() => lab.timers.waits.length === 100);
  lab.timers.pass(9_000);
  assert.equal(lab.timers.waits.length, 100);
  const gone = Promise.all([...silent, ...slow].map((client) => closed(client)));
  lab.timers.pass(10_000);
  await gone;
  assert.deepEqual(lab.timers.waits, [1000], "the log's period is all that is left");
  assert.equal(lab.rejections[0]?.["error"], "i/o timeout: no TLS handshake within 10 s");
  assert.equal(admitted.write(Buffer.from("still here")), true);
});

test("300 connections at once are all admitted, by a gate that begins a few in a turn", async (t) => {
  const timers = new SystemTimers();
  let inTurn = 0;
  let inTurnMax = 0;
  class CountingGate extends HandshakeGate {
    override enter(endpoint: string, handshake: Parameters<HandshakeGate["enter"]>[1]): void {
      const begin = handshake.begin.bind(handshake);
      handshake.begin = (): void => {
        if (inTurn === 0) setImmediate(() => (inTurn = 0));
        inTurn += 1;
        inTurnMax = Math.max(inTurnMax, inTurn);
        begin();
      };
      super.enter(endpoint, handshake);
    }
  }
  const gate = new CountingGate({ clock: systemClock, timers });
  const lab = await TlsLab.open(t, { gate });
  // Connected first, and then all of them speak within a turn: it is the first bytes that cost.
  const sockets = await Promise.all(Array.from({ length: 300 }, () => lab.tcp()));
  await until(() => lab.timers.waits.length === 300);
  for (const socket of sockets) lab.tls({ socket });
  await lab.untilAdmitted(300);
  // Two batches: one at the turn's beginning by a timer, one before it.
  assert.ok(inTurnMax <= 2 * gateLimits.perTurn, `${inTurnMax} in one turn`);
  assert.equal(lab.identity.stats.handshakes, 300);
  assert.equal(gate.size, 0);
});

test("a line that is full sends connections away", async (t) => {
  const limits = { ...gateLimits, perTurn: 1, youngMax: 0, waitingMax: 2 };
  const gate = new HandshakeGate({ clock: systemClock, timers: new SystemTimers(), limits });
  const lab = await TlsLab.open(t, { gate });
  for (let at = 0; at < 3; at++) lab.tls();
  assert.equal((await lab.rejection())["error"], "too many TLS handshakes are waiting");
  assert.equal(lab.identity.stats.handshakeFailures, 1);
  await lab.close();
});

test("connections that say nothing have a number, beyond which the oldest is sent away", async (t) => {
  const limits = { ...gateLimits, silentMax: 2 };
  const gate = new HandshakeGate({ clock: systemClock, timers: new SystemTimers(), limits });
  const lab = await TlsLab.open(t, { gate });
  const silent = [await lab.tcp(), await lab.tcp(), await lab.tcp()];
  await closed(silent[0]!);
  assert.equal(
    (await lab.rejection())["error"],
    "too many connections have not begun a TLS handshake",
  );
  assert.deepEqual(
    silent.map(({ destroyed }) => destroyed),
    [true, false, false],
  );
  lab.tls({ socket: silent[1] });
  await lab.untilAdmitted(1);
  silent[2]!.destroy();
  await until(() => gate.size === 0);
});

test("a listener that closes cuts those who are not admitted yet, and nobody else", async (t) => {
  const lab = await TlsLab.open(t);
  const client = lab.tls();
  await lab.untilAdmitted(1);
  const silent = await lab.tcp();
  await until(() => lab.timers.waits.length > 0);
  await lab.close();
  await closed(silent);
  client.write("still here");
  assert.equal(await readUntil(lab.admitted[0]!, "here"), "still here");
  assert.deepEqual(lab.rejections, []);
});

test("a detached connection is the TLS socket, with the unread bytes in front", async (t) => {
  const lab = await TlsLab.open(t);
  const client = lab.tls();
  const socket = await lab.untilAdmitted(1);
  client.write("GET ");
  const first = await readUntil(socket, "GET ");
  const raw = socket.detach(Buffer.from(first));
  assert.ok(raw instanceof TLSSocket && raw instanceof Socket);
  client.end("/health");
  let text = "";
  for await (const chunk of raw) text += String(chunk);
  assert.equal(text, "GET /health");
});

test("a broken record after the handshake ends the connection, also where the other end stays", async (t) => {
  const lab = await TlsLab.open(t);
  const toServer = await lab.tcp();
  const middle = createServer((toClient) => {
    toClient.on("error", () => undefined).on("data", (bytes: Buffer) => toServer.write(bytes));
    toServer.on("data", (bytes) => toClient.write(bytes));
  });
  middle.listen(0, "127.0.0.1");
  await once(middle, "listening");
  t.after(() => middle.close());
  const client = lab.tls({ port: (middle.address() as AddressInfo).port });
  const socket = await lab.untilAdmitted(1);
  const over = new Promise<void>((resolve) => {
    socket.onData(() => undefined);
    socket.onClose(resolve);
  });
  // Nobody who could close it hears of the alert.
  toServer.removeAllListeners("data").pause();
  toServer.write(Buffer.from([23, 3, 3, 0, 20, ...new Array<number>(20).fill(7)]));
  await over;
  client.destroy();
});

test("the address check of peers: by the names of the certificate, before anybody gets the connection", async (t) => {
  const hosts = {
    namesOf: async () => ["here.test."],
    addressesOf: async (name: string) => Promise.reject(new Error(`lookup ${name}: no such host`)),
  };
  const lab = await TlsLab.open(t, { endpoint: "peer", hosts });
  const shown = (dnsNames: string[]) => {
    const { certPem: cert, keyPem: key } = lab.pki.ca.leaf({ dnsNames });
    return lab.tls({ cert, key });
  };
  shown(["*.test"]);
  await lab.untilAdmitted(1);
  await closed(shown(["there.test"]));
  const { error } = await lab.rejection();
  assert.equal(
    error,
    'tls: "127.0.0.1" does not match any of DNSNames ["there.test"] (lookup there.test: no such host)',
  );
  assert.equal(lab.lines.at(-1)?.message, "rejected connection on peer endpoint");
  assert.equal(lab.admitted.length, 1);
});

test("a peer that goes away while DNS is asked is given to nobody", async (t) => {
  const asked = Promise.withResolvers<undefined>();
  const answer = Promise.withResolvers<string[]>();
  const hosts = {
    namesOf: () => {
      asked.resolve(undefined);
      return answer.promise;
    },
    addressesOf: async () => [],
  };
  const lab = await TlsLab.open(t, { endpoint: "peer", hosts });
  const { certPem: cert, keyPem: key } = lab.pki.ca.leaf({ dnsNames: ["here.test"] });
  const client = lab.tls({ cert, key });
  await asked.promise;
  client.destroy();
  await until(() => lab.lines.some(({ fields }) => fields["error"] === "EOF"));
  answer.resolve(["here.test"]);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(lab.admitted.length, 0);
});

test("a small write is taken at once: TLS has encrypted it, and its buffer may be used again", async (t) => {
  const lab = await TlsLab.open(t);
  const client = lab.tls();
  const socket = await lab.untilAdmitted(1);
  const buffer = Buffer.from("one");
  assert.equal(socket.write(buffer), true);
  buffer.write("xxx");
  socket.end();
  let text = "";
  for await (const chunk of client) text += String(chunk);
  assert.equal(text, "one");
});

test("what the other end does not read is kept from the second write on, until the drain", async (t) => {
  const lab = await TlsLab.open(t);
  const client = lab.tls();
  client.pause();
  const socket = await lab.untilAdmitted(1);
  const drained = new Promise<void>((resolve) => socket.onDrain(resolve));
  let sent = 0;
  const write = (): boolean => socket.write(Buffer.alloc(1_000_000, String(sent++ % 10)));
  while (write()) {
    assert.ok(sent < 100, "it does not see that nobody reads");
    await new Promise((resolve) => setImmediate(resolve));
  }
  let received = 0;
  client.on("data", (chunk: Buffer) => (received += chunk.length));
  client.resume();
  await drained;
  assert.equal(write(), true);
  socket.end();
  await once(client, "end");
  assert.equal(received, sent * 1_000_000);
});
