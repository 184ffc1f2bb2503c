/** The system's CAs, which OpenSSL reads once in a process, so these tests have one of their own. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { createSecureContext } from "node:tls";
import { writeFiles } from "../../support/pki/files.ts";
import { TestCa } from "../../support/pki.ts";
import { dialWith, handshakeWith, openIdentity, temporaryDir } from "./handshakes.ts";

const known = TestCa.create("known to the system");
const unknown = TestCa.create("private");
const dir = mkdtempSync(join(tmpdir(), "etcd-ts-roots-"));
after(() => rmSync(dir, { recursive: true }));
process.env["SSL_CERT_FILE"] = writeFiles(dir, { "roots.pem": known.certPem })["roots.pem"];
process.env["SSL_CERT_DIR"] = dir;

const open = (t: TestContext, clientCertAuth: boolean) => {
  const leaf = unknown.leaf();
  const paths = writeFiles(temporaryDir(t), { c: leaf.certPem, k: leaf.keyPem });
  return openIdentity(t, { certFile: paths.c, keyFile: paths.k, clientCertAuth });
};

test("client certificates without a CA file are verified by the system's CAs, so those of private ones are refused", async (t) => {
  const { identity } = await open(t, true);
  assert.equal(identity.serverOptions().requestsCertificate, true);
  const [good, bad] = [known.leaf(), unknown.leaf()];
  const admitted = await handshakeWith(identity, { cert: good.certPem, key: good.keyPem });
  assert.equal(admitted.refusal, undefined);
  const refused = await handshakeWith(identity, { cert: bad.certPem, key: bad.keyPem });
  assert.match(refused.refusal ?? "admitted", /unknown authority$/);
});

test("who is dialled without a CA file is verified by the system's CAs", async (t) => {
  const { identity } = await open(t, false);
  const showing = (ca: TestCa) => {
    const leaf = ca.leaf();
    return createSecureContext({ cert: leaf.certPem, key: leaf.keyPem, ca: [] });
  };
  assert.equal((await dialWith(identity, showing(known), "127.0.0.1")).refusal, undefined);
  const refused = await dialWith(identity, showing(unknown), "127.0.0.1");
  assert.match(refused.refusal ?? "admitted", /unknown authority$/);
});
