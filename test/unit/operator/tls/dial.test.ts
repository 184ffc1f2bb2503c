/** Proofs by real connections on loopback: what is shown, and who is let in. */
import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { createServer as createPlainServer, type Server, type Socket } from "node:net";
import { after, describe, test } from "node:test";
import { createServer, type TlsOptions } from "node:tls";
import { type ProvingClient, proveTls } from "../../../../operator/tls/dial.ts";
import { fingerprintOf } from "../../../../operator/tls/pem.ts";
import { TestCa, type TestLeaf } from "../../../support/pki.ts";

const serverName = "etcd-a.etcd-peers.prod.svc.cluster.local";
const old = TestCa.create("old CA");
const next = TestCa.create("next CA");
const leafOf = (ca: TestCa): TestLeaf => ca.leaf({ dnsNames: [serverName] });
const pairOf = (leaf: TestLeaf): { certificate: string; key: string } => ({
  certificate: leaf.certPem,
  key: leaf.keyPem,
});
const clientOf = (ca: TestCa): ProvingClient => {
  const pair = pairOf(ca.leaf({ dnsNames: [], ipAddresses: [], usages: ["clientAuth"] }));
  return { authority: fingerprintOf(ca.certificate), clientPair: pair, peerPair: pair };
};
const open = new Set<Server>();
const sockets = new Set<Socket>();
after(() => {
  for (const server of open) server.close();
  for (const socket of sockets) socket.destroy();
});

async function listening(server: Server): Promise<number> {
  open.add(server);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** `judges`: after the handshake, without a word, as our own server does; otherwise by OpenSSL. */
function member(
  leaf: TestLeaf,
  trusted: readonly TestCa[],
  options: TlsOptions & { judges?: boolean } = {},
): Promise<number> {
  const { judges = false, ...rest } = options;
  const server = createServer({
    cert: leaf.certPem,
    key: leaf.keyPem,
    ca: trusted.map(({ certPem }) => certPem),
    requestCert: true,
    rejectUnauthorized: !judges,
    ALPNProtocols: ["http/1.1"],
    ...rest,
  });
  server.on("tlsClientError", () => undefined);
  server.on("secureConnection", (socket) => {
    socket.on("error", () => undefined);
    if (judges && !socket.authorized) socket.destroy();
    else socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  });
  return listening(server);
}

const prove = (clientPort: number, peerPort: number, clients = [clientOf(old), clientOf(next)]) =>
  proveTls({
    host: "127.0.0.1",
    clientPort,
    peerPort,
    serverName,
    ca: old.certPem + next.certPem,
    operatorPair: pairOf(old.leaf({ usages: ["clientAuth"] })),
    clients,
    timeoutMs: 1_000,
  });

const fingerprints = { old: fingerprintOf(old.certificate), next: fingerprintOf(next.certificate) };

describe("a proof", () => {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const judges of [false, true]) {
      test(`tells what is shown, and by which CAs clients are let in (${maxVersion}, refused ${judges ? "after" : "in"} the handshake)`, async () => {
        const [server, peer] = [leafOf(old), leafOf(next)];
        const options = { maxVersion, judges };
        const clientPort = await member(server, [old, next], options);
        const peerPort = await member(peer, [old], options);
        assert.deepEqual(await prove(clientPort, peerPort), {
          serverFingerprint: fingerprintOf(server.certificate),
          peerFingerprint: fingerprintOf(peer.certificate),
          trusts: [fingerprints.old],
        });
        const both = await member(peer, [old, next], options);
        assert.deepEqual((await prove(clientPort, both)).trusts, [
          fingerprints.old,
          fingerprints.next,
        ]);
      });
    }
  }

  test("does not take a client for let in whose handshake is done, before an answer came", async () => {
    const leaf = leafOf(old);
    const port = await listening(createServer({ cert: leaf.certPem, key: leaf.keyPem }));
    assert.deepEqual(await prove(port, port), {
      serverFingerprint: fingerprintOf(leaf.certificate),
      peerFingerprint: fingerprintOf(leaf.certificate),
      trusts: [],
    });
  });

  test("believes nobody with a certificate of another CA, or for another name", async () => {
    const stranger = TestCa.create("old CA");
    const elsewhere = await member(stranger.leaf({ dnsNames: [serverName] }), [old, next], {
      rejectUnauthorized: false,
    });
    const misnamed = await member(
      old.leaf({ dnsNames: ["etcd-b.etcd-peers.prod.svc.cluster.local"] }),
      [old, next],
    );
    assert.deepEqual(await prove(elsewhere, misnamed), {
      serverFingerprint: "",
      peerFingerprint: "",
      trusts: [],
    });
  });

  test("is empty where nobody listens, or somebody who says nothing, and leaves no socket", async () => {
    const mute = await listening(createPlainServer(() => undefined));
    const closed = createPlainServer();
    const free = await listening(closed);
    await new Promise((resolve) => closed.close(resolve));
    assert.deepEqual(await prove(mute, free), {
      serverFingerprint: "",
      peerFingerprint: "",
      trusts: [],
    });
    await new Promise((resolve) => setImmediate(resolve));
    const left = process.getActiveResourcesInfo().filter((kind) => kind === "TLSWrap");
    assert.equal(left.length, 0);
  });

  test("ends with its signal, and with a pair that cannot be used", async () => {
    const mute = await listening(createPlainServer(() => undefined));
    const request = {
      host: "127.0.0.1",
      clientPort: mute,
      peerPort: mute,
      serverName,
      ca: old.certPem,
      clients: [],
      timeoutMs: 60_000,
    };
    const empty = { serverFingerprint: "", peerFingerprint: "", trusts: [] };
    const stop = new AbortController();
    const proof = proveTls({ ...request, operatorPair: pairOf(leafOf(old)), signal: stop.signal });
    stop.abort();
    assert.deepEqual(await proof, empty);
    assert.deepEqual(
      await proveTls({ ...request, operatorPair: { certificate: "no", key: "no" } }),
      empty,
    );
  });
});
