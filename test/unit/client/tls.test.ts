/** A client over TLS: whom it believes, what it shows, what it says when it is refused, and how its certificates are renewed. */
import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "../../../node/client/client.ts";
import { ClientError } from "../../../node/client/client-error.ts";
import type { TlsOptions } from "../../../node/client/tls-credentials.ts";
import { TestCa, type TestLeaf } from "../../support/pki.ts";
import { ScriptedServer, type ServerPlace } from "./scripted-server.ts";

const text = (pem: string): Uint8Array => new TextEncoder().encode(pem);
const putPath = "/etcdserverpb.KV/Put";
const streamPath = "/etcdserverpb.KV/RangeStream";

const ca = TestCa.create("cluster");
const stranger = TestCa.create("stranger");
const named = (commonName: string, issuer = ca): TestLeaf => issuer.leaf({ commonName });

const serverTls = (leaf: TestLeaf, clients = ca): NonNullable<ServerPlace["tls"]> => ({
  ca: clients.certPem,
  cert: leaf.certPem,
  key: leaf.keyPem,
});
const shown = (leaf: TestLeaf, authority = ca): TlsOptions => ({
  ca: text(authority.certPem),
  cert: text(leaf.certPem),
  key: text(leaf.keyPem),
});

async function serve(t: TestContext, place: ServerPlace): Promise<ScriptedServer> {
  const empty = new Uint8Array(0);
  const server = await ScriptedServer.start({ [putPath]: empty }, place);
  t.after(() => server.stop());
  return server;
}

function clientOf(t: TestContext, endpoints: readonly string[], tls?: TlsOptions): Client {
  const client = new Client({ endpoints, ...(tls === undefined ? {} : { tls }) });
  t.after(() => client.close());
  return client;
}

/** The text with which a put is refused. */
async function refusal(client: Client): Promise<string> {
  try {
    await client.put("k", "v", { deadlineMs: 20_000 });
  } catch (error) {
    assert(error instanceof ClientError);
    assert.equal(error.code, 14);
    return error.text.replace(/^No connection established to https:\/\/[^ ]+: /, "");
  }
  return "accepted";
}

/** A put after a restart of the server: the first ones may still meet the connection that has gone. */
async function putAnew(client: Client): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.put("k", "v");
      return;
    } catch (error) {
      assert(error instanceof ClientError);
      assert(tries < 500, error.message);
      assert([1, 14].includes(error.code), error.message);
      assert.equal(client.lastFailure, undefined);
      await sleep(10);
    }
  }
}

suite("a client over mutual TLS", () => {
  test("shows its certificate, and believes a server of its CA by name and by address", async (t) => {
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on("warning", listen);
    t.after(() => process.off("warning", listen));
    const server = await serve(t, { tls: serverTls(named("server")) });
    const port = server.address.split(":")[1] ?? "";
    for (const host of ["127.0.0.1", "localhost"])
      assert.equal(
        await refusal(clientOf(t, [`https://${host}:${port}/`], shown(named(host)))),
        "accepted",
      );
    assert.deepEqual(
      server.seen.map(({ commonName }) => commonName),
      ["127.0.0.1", "localhost"],
    );
    await new Promise(setImmediate);
    assert.deepEqual(warnings, []);
  });

  test("of another CA says so, with or without a CA of its own", async (t) => {
    const server = await serve(t, { tls: serverTls(named("server", stranger)) });
    const endpoints = [`https://${server.address}`];
    const unknown =
      "tls: failed to verify certificate: x509: certificate signed by unknown authority";
    assert.equal(await refusal(clientOf(t, endpoints, shown(named("me")))), unknown);
    assert.equal(await refusal(clientOf(t, endpoints)), unknown);
    assert.equal(server.seen.length, 0);
  });

  test("refuses certificates that are expired, not yet valid, or for another name", async (t) => {
    for (const [leaf, expected] of [
      [
        ca.leaf({ validity: "expired" }),
        /certificate has expired or is not yet valid: it has expired$/,
      ],
      [
        ca.leaf({ validity: "future" }),
        /certificate has expired or is not yet valid: it is not yet/,
      ],
      [ca.leaf({ dnsNames: ["m1.example"] }), /failed to verify certificate: .*127\.0\.0\.1/],
    ] as const) {
      const server = await serve(t, { tls: serverTls(leaf) });
      assert.match(
        await refusal(clientOf(t, [`https://${server.address}`], shown(named("me")))),
        expected,
      );
    }
  });

  test("is told why a server refused its certificate, or that it may have done so", async (t) => {
    // A server of Node's sends no alert for a certificate that it does not trust.
    const server = await serve(t, { tls: serverTls(named("server")) });
    const endpoints = [`https://${server.address}`];
    const silent = /^tls: the server closed the connection without a word: it may have refused/;
    for (const [tls, expected] of [
      [{ ca: text(ca.certPem) }, /^remote error: tls: certificate required$/],
      [shown(named("me", stranger)), silent],
    ] as const) {
      const client = clientOf(t, endpoints, tls);
      assert.match(await refusal(client), expected);
      assert.match(client.lastFailure ?? "", expected);
      await assert.rejects(client.connect({ deadlineMs: 300 }), (error) => {
        assert(error instanceof ClientError);
        assert.match(error.text, /^no connection to https:.* \(.*tls: .*\) within 300 ms$/);
        return error.code === 4;
      });
    }
    assert.equal(server.seen.length, 0);
  });

  test("believes a server by the name it is told, for all endpoints or for one", async (t) => {
    const leaf = ca.leaf({ dnsNames: ["m1.example"] });
    const server = await serve(t, { tls: serverTls(leaf) });
    const endpoints = [`https://${server.address}`];
    const mine = shown(named("me"));
    const accepts = (tls: Partial<TlsOptions>) =>
      refusal(clientOf(t, endpoints, { ...mine, ...tls }));
    assert.equal(await accepts({ serverName: "m1.example" }), "accepted");
    assert.match(await accepts({ serverName: "m2.example" }), /m2\.example/);
    const names = (name: string) => ({ serverNames: { [endpoints[0] ?? ""]: name } });
    assert.equal(await accepts(names("m1.example")), "accepted");
    assert.equal(await accepts({ serverName: "m2.example", ...names("m1.example") }), "accepted");
    assert.match(
      await accepts({ serverName: "m1.example", ...names("m2.example") }),
      /m2\.example/,
    );
  });

  test("with insecureSkipVerify takes any server, and still shows its certificate", async (t) => {
    const server = await serve(t, { tls: serverTls(ca.leaf({ validity: "expired" })) });
    const tls = { ...shown(named("me"), stranger), insecureSkipVerify: true };
    assert.equal(await refusal(clientOf(t, [`https://${server.address}`], tls)), "accepted");
    assert.equal(server.seen[0]?.commonName, "me");
  });

  test("says when the server does not speak TLS, and when nobody listens", async (t) => {
    const server = await serve(t, {});
    const client = clientOf(t, [`https://${server.address}`], shown(named("me")));
    assert.match(
      await refusal(client),
      /does not speak TLS|disconnected before secure TLS|ECONNRESET/,
    );
    server.stop();
    const gone = clientOf(t, [`https://${server.address}`], shown(named("me")));
    assert.match(await refusal(gone), /^connect ECONNREFUSED 127\.0\.0\.1:\d+$/);
  });

  test("bad certificates are refused before anything is sent", () => {
    const make = (tls: TlsOptions) => () => new Client({ endpoints: ["https://127.0.0.1:1"], tls });
    const [one, other] = [named("one"), named("other")];
    assert.throws(make({ cert: text(one.certPem) }), /needs its key/);
    assert.throws(
      make({ cert: text(one.certPem), key: text(other.keyPem) }),
      /key values mismatch/,
    );
    assert.throws(make({ cert: text("junk"), key: text(other.keyPem) }));
  });
});

suite("a client whose certificates are renewed", () => {
  test("keeps connections and calls under way, and shows the new certificate on new connections", async (t) => {
    const tls = serverTls(named("server"));
    const replies = {
      [putPath]: new Uint8Array(0),
      [streamPath]: { messages: [new Uint8Array(0)], end: "silence" },
    } as const;
    const first = await ScriptedServer.start(replies, { tls });
    t.after(() => first.stop());
    const port = Number(first.address.split(":")[1]);
    const client = clientOf(t, [`https://${first.address}`], shown(named("old")));
    const stream = client.rangeStream("k");
    await stream.next();
    client.renewTls(shown(named("new")));
    const more = stream.next();
    more.catch(() => undefined);
    await client.put("k", "v");
    assert.deepEqual(
      first.seen.map(({ commonName }) => commonName),
      ["old", "old"],
    );
    assert.deepEqual(first.cancelled, []);
    first.stop();
    await assert.rejects(more, ClientError);
    const second = await serve(t, { tls, port });
    await putAnew(client);
    assert.deepEqual(
      second.seen.map(({ commonName }) => commonName),
      ["new"],
    );
  });

  test("follows a new CA through a bundle", async (t) => {
    const next = TestCa.create("cluster");
    const first = await ScriptedServer.start(
      { [putPath]: new Uint8Array(0) },
      { tls: serverTls(named("server")) },
    );
    t.after(() => first.stop());
    const port = Number(first.address.split(":")[1]);
    const client = clientOf(t, [`https://${first.address}`], shown(named("me")));
    await client.put("k", "v");
    const bundle = text(ca.certPem + next.certPem);
    client.renewTls({ ...shown(named("me", next)), ca: bundle });
    first.stop();
    await serve(t, { tls: serverTls(named("server", next), next), port });
    await putAnew(client);
  });

  test("keeps the old ones when the new ones are bad", async (t) => {
    const tls = serverTls(named("server"));
    const first = await ScriptedServer.start({ [putPath]: new Uint8Array(0) }, { tls });
    t.after(() => first.stop());
    const port = Number(first.address.split(":")[1]);
    const client = clientOf(t, [`https://${first.address}`], shown(named("old")));
    await client.put("k", "v");
    const bad = { ...shown(named("new")), key: text(named("other").keyPem) };
    assert.throws(() => client.renewTls(bad), /key values mismatch/);
    first.stop();
    const second = await serve(t, { tls, port });
    await putAnew(client);
    assert.equal(second.seen[0]?.commonName, "old");
  });
});
