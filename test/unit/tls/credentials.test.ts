import assert from "node:assert/strict";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TlsSettings } from "../../../node/tls/settings.ts";
import { writeFiles } from "../../support/pki/files.ts";
import { TestCa } from "../../support/pki.ts";
import { handshakeWith, openIdentity, temporaryDir } from "./handshakes.ts";

const ca = TestCa.create("ca");
const leaf = ca.leaf();
const good = { cert: leaf.certPem, key: leaf.keyPem, ca: ca.certPem, crl: ca.crl([]).der };
type Contents = Partial<Record<keyof typeof good, string | Uint8Array>>;

describe("a start with a bad file names its flag and path", { concurrency: true }, () => {
  const table: readonly [string, Contents, file: string, flag: string, reason: RegExp][] = [
    ["an empty certificate", { cert: "" }, "cert", "--cert-file", /it is empty$/],
    [
      "a key for a certificate",
      { cert: leaf.keyPem },
      "cert",
      "--cert-file",
      /no certificate, but PEM blocks of type PRIVATE KEY$/,
    ],
    [
      "a certificate for a key",
      { key: leaf.certPem },
      "key",
      "--key-file",
      /no private key, but PEM blocks of type CERTIFICATE$/,
    ],
    [
      "text for a key",
      { key: "secret" },
      "key",
      "--key-file",
      /no private key, nor any PEM block$/,
    ],
    [
      "another's key",
      { key: ca.leaf().keyPem },
      "key",
      "--key-file",
      /private key does not match public key of \S+cert$/,
    ],
    [
      "another kind of key",
      { key: ca.leaf({ keyType: "ed25519" }).keyPem },
      "key",
      "--key-file",
      /does not match/,
    ],
    [
      "a key in the bundle",
      { ca: ca.certPem + leaf.keyPem },
      "ca",
      "--trusted-ca-file",
      /must hold certificates/,
    ],
    ["broken base64", { ca: ca.certPem.replace(/.{40}\n/, "\n") }, "ca", "--trusted-ca-file", /./],
    [
      "a certificate as CRL",
      { crl: ca.certPem },
      "crl",
      "--client-crl-file",
      /no certificate revocation list$/,
    ],
  ];
  for (const [name, contents, file, flag, reason] of table) {
    test(name, async (t) => {
      const dir = temporaryDir(t);
      const paths = writeFiles(dir, { ...good, ...contents });
      const opening = openIdentity(t, {
        certFile: paths.cert,
        keyFile: paths.key,
        trustedCaFile: paths.ca,
        crlFile: paths.crl,
      });
      await assert.rejects(opening, (error: Error) => {
        assert.ok(error.message.startsWith(`${flag} ${join(dir, file)}: `), error.message);
        assert.match(error.message, reason);
        assert.ok(!error.message.includes("secret"));
        return true;
      });
    });
  }

  const missing: readonly [keyof TlsSettings, flag: string][] = [
    ["certFile", "--peer-cert-file"],
    ["keyFile", "--peer-key-file"],
    ["clientCertFile", "--peer-client-cert-file"],
    ["clientKeyFile", "--peer-client-key-file"],
    ["trustedCaFile", "--peer-trusted-ca-file"],
    ["crlFile", "--peer-crl-file"],
  ];
  for (const [setting, flag] of missing) {
    test(`a missing ${flag}`, async (t) => {
      const dir = temporaryDir(t);
      const { cert, key } = writeFiles(dir, good);
      const pair = { certFile: cert, keyFile: key, clientCertFile: cert, clientKeyFile: key };
      const path = join(dir, "missing");
      await assert.rejects(
        openIdentity(t, { side: "peer", ...pair, [setting]: path }),
        (error: Error) => error.message.startsWith(`${flag} ${path}: ENOENT`),
      );
    });
  }

  test("one of a pair alone, a directory, and files that may not be read", async (t) => {
    const dir = temporaryDir(t);
    const { cert, key } = writeFiles(dir, good);
    await assert.rejects(openIdentity(t, { certFile: cert }), /--cert-file .*must both be named/);
    mkdirSync(join(dir, "sub"));
    await assert.rejects(
      openIdentity(t, { certFile: cert, keyFile: join(dir, "sub") }),
      /^TlsFileError: --key-file \S+sub: EISDIR/,
    );
    chmodSync(key, 0o000);
    // Root reads everything.
    if (process.getuid?.() !== 0)
      await assert.rejects(
        openIdentity(t, { certFile: cert, keyFile: key }),
        /--key-file .*EACCES/,
      );
  });
});

describe("keys", { concurrency: true }, () => {
  for (const keyType of [
    "ecdsa-p256",
    "ecdsa-p384",
    "ecdsa-p521",
    "ed25519",
    "rsa-2048",
  ] as const) {
    test(`a listener with ${keyType} is dialled by TLS 1.2 and 1.3`, async (t) => {
      const { certPem, keyPem } = ca.leaf({ keyType });
      const { cert, key } = writeFiles(temporaryDir(t), { cert: certPem, key: keyPem });
      const { identity } = await openIdentity(t, { certFile: cert, keyFile: key });
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const { protocol, refusal } = await handshakeWith(identity, {
          ca: ca.certPem,
          rejectUnauthorized: true,
          minVersion: version,
          maxVersion: version,
        });
        assert.deepEqual([protocol, refusal], [version, undefined]);
      }
    });
  }

  test("a file with parameters in front of its key, and one with both key and certificate, are read", async (t) => {
    const parameters =
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    const both = parameters + leaf.keyPem + leaf.certPem;
    const { file } = writeFiles(temporaryDir(t), { file: both });
    const { identity } = await openIdentity(t, { certFile: file, keyFile: file });
    assert.equal((await handshakeWith(identity, {})).refusal, undefined);
  });
});

test("a side without a certificate dials, and does not listen", async (t) => {
  const { ca: path } = writeFiles(temporaryDir(t), good);
  const { identity } = await openIdentity(t, { trustedCaFile: path });
  assert.equal(identity.clientOptions().verifies, true);
  assert.throws(() => identity.serverOptions(), /who listens has a certificate/);
});
