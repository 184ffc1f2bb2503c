import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { TlsIdentity } from "../../../node/tls/identity.ts";
import type { TlsSettings } from "../../../node/tls/settings.ts";
import {
  replaceFile,
  swapSecret,
  writeFiles,
  writeSecretDirectory,
} from "../../support/pki/files.ts";
import { TestCa, type TestLeaf } from "../../support/pki.ts";
import { handshakeWith, type LogLine, openIdentity, temporaryDir, until } from "./handshakes.ts";

const ca = TestCa.create("ca");
const shows = ({ certPem, keyPem }: TestLeaf) => ({ cert: certPem, key: keyPem });
const secretOf = (leaf: TestLeaf, caPem: string) => ({
  "tls.crt": leaf.certPem,
  "tls.key": leaf.keyPem,
  "ca.crt": caPem,
});

interface Side {
  readonly identity: TlsIdentity;
  readonly lines: LogLine[];
  readonly dir: string;
  readonly paths: Readonly<Record<"tls.crt" | "tls.key" | "ca.crt", string>>;
}

async function openSide(
  t: TestContext,
  kind: "secret" | "files",
  settings: Partial<TlsSettings> = {},
): Promise<Side> {
  const dir = temporaryDir(t);
  const write = kind === "secret" ? writeSecretDirectory : writeFiles;
  const paths = write(dir, secretOf(ca.leaf(), ca.certPem));
  const opened = await openIdentity(t, {
    side: "peer",
    certFile: paths["tls.crt"],
    keyFile: paths["tls.key"],
    trustedCaFile: paths["ca.crt"],
    ...settings,
  });
  return { ...opened, dir, paths };
}

const errors = (lines: readonly LogLine[]): LogLine[] =>
  lines.filter(({ level }) => level === "error");

describe("a change of the files", { concurrency: true }, () => {
  test("of a Kubernetes secret comes into use whole, with a line and a count; nothing else is told of", async (t) => {
    const { identity, lines, dir } = await openSide(t, "secret");
    let runs = 0;
    identity.onReload(() => {
      runs += 1;
    });
    const before = identity.serverOptions().secureContext;
    const nextCa = TestCa.create("next ca");
    for (let round = 1; round <= 3; round++) {
      swapSecret(dir, secretOf(ca.leaf(), ca.certPem + nextCa.certPem));
      await until(() => identity.stats.reloads === round);
    }
    assert.equal(runs, 3);
    assert.notEqual(identity.serverOptions().secureContext, before);
    assert.deepEqual(errors(lines), []);
    assert.equal(lines.filter(({ message }) => message === "reloaded TLS files").length, 3);
    assert.equal(identity.stats.reloadFailures, 0);
    assert.equal((await handshakeWith(identity, shows(nextCa.leaf()))).refusal, undefined);
    assert.equal((await handshakeWith(identity, shows(ca.leaf()))).refusal, undefined);
  });

  test("of the CA bundle: who leaves it is refused, who enters is admitted", async (t) => {
    const { identity, paths } = await openSide(t, "files");
    const nextCa = TestCa.create("next ca");
    replaceFile(paths["ca.crt"], nextCa.certPem);
    await until(() => identity.stats.reloads === 1);
    const [old, next] = [ca.leaf(), nextCa.leaf()];
    assert.match(
      (await handshakeWith(identity, shows(old))).refusal ?? "admitted",
      /unknown authority$/,
    );
    assert.equal((await handshakeWith(identity, shows(next))).refusal, undefined);
  });

  test("of the revocation list, written in place", async (t) => {
    const dir = temporaryDir(t);
    const leaf = ca.leaf();
    const { crl } = writeFiles(dir, { crl: ca.crl([]).der });
    const { identity } = await openSide(t, "files", { crlFile: crl });
    assert.equal((await handshakeWith(identity, shows(leaf))).refusal, undefined);
    writeFileSync(crl, ca.crl([leaf]).pem);
    await until(() => identity.stats.reloads === 1);
    assert.match((await handshakeWith(identity, shows(leaf))).refusal ?? "admitted", /revoked$/);
  });

  test("that only touches them, or writes them again, is none", async (t) => {
    const { identity, dir, lines } = await openSide(t, "secret");
    const other = await openSide(t, "files");
    const leaf = ca.leaf();
    swapSecret(dir, secretOf(leaf, ca.certPem));
    await until(() => identity.stats.reloads === 1);
    swapSecret(dir, secretOf(leaf, ca.certPem));
    // The other side is followed by the same timers: what it has seen, this one has had the time to see.
    replaceFile(other.paths["ca.crt"], TestCa.create("x").certPem);
    await until(() => other.identity.stats.reloads === 1);
    replaceFile(other.paths["ca.crt"], TestCa.create("y").certPem);
    await until(() => other.identity.stats.reloads === 2);
    assert.equal(identity.stats.reloads, 1);
    assert.deepEqual(errors(lines), []);
  });
});

describe("files that are bad", { concurrency: true }, () => {
  const bad: readonly [string, (side: Side) => void, flag: string][] = [
    [
      "a key of another certificate",
      ({ paths }) => void replaceFile(paths["tls.key"], ca.leaf().keyPem),
      "--peer-key-file",
    ],
    [
      "a certificate of another key",
      ({ paths }) => void replaceFile(paths["tls.crt"], ca.leaf().certPem),
      "--peer-key-file",
    ],
    [
      "half a certificate",
      ({ paths }) => writeFileSync(paths["tls.crt"], ca.leaf().certPem.slice(0, 300)),
      "--peer-cert-file",
    ],
    [
      "half a bundle",
      ({ paths }) =>
        writeFileSync(paths["ca.crt"], ca.certPem + TestCa.create("n").certPem.slice(0, 300)),
      "--peer-trusted-ca-file",
    ],
    [
      "an empty bundle",
      ({ paths }) => writeFileSync(paths["ca.crt"], ""),
      "--peer-trusted-ca-file",
    ],
    ["a missing key", ({ paths }) => rmSync(paths["tls.key"]), "--peer-key-file"],
  ];
  for (const [name, spoil, flag] of bad) {
    test(`${name}: the last good ones stay in use, one line tells of it, and whole ones come into use`, async (t) => {
      const side = await openSide(t, "files");
      const { identity, lines, paths, dir } = side;
      const context = identity.serverOptions().secureContext;
      spoil(side);
      await until(() => identity.stats.isStale);
      assert.equal(identity.serverOptions().secureContext, context);
      assert.equal((await handshakeWith(identity, shows(ca.leaf()))).refusal, undefined);
      // Two more looks at the same bad content say nothing new.
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      const told = errors(lines);
      assert.equal(told.length, 1);
      assert.equal(told[0]?.fields["flag"], flag);
      assert.ok(String(told[0].fields["file"]).startsWith(dir));
      assert.equal(identity.stats.reloadFailures, 1);
      const whole = ca.leaf();
      writeFiles(dir, secretOf(whole, ca.certPem));
      await until(() => !identity.stats.isStale);
      assert.equal(identity.stats.reloads, 1);
      assert.equal(errors(lines).length, 1);
      assert.ok(paths["tls.crt"] === join(dir, "tls.crt"));
    });
  }

  test("each other bad content is told of once, and what is in use already is no reload", async (t) => {
    const { identity, lines, paths } = await openSide(t, "files");
    const good = ca.certPem;
    for (const [round, text] of ["first", "second"].entries()) {
      writeFileSync(paths["ca.crt"], text);
      await until(() => identity.stats.reloadFailures === round + 1);
    }
    assert.equal(errors(lines).length, 2);
    writeFileSync(paths["ca.crt"], good);
    await until(() => !identity.stats.isStale);
    assert.equal(identity.stats.reloads, 0);
    assert.ok(lines.some(({ message }) => message === "TLS files are again what is in use"));
  });

  test("a certificate that is followed by its key within a moment is no error", async (t) => {
    const { identity, lines, paths } = await openSide(t, "files");
    for (let round = 1; round <= 3; round++) {
      const { certPem, keyPem } = ca.leaf();
      replaceFile(paths["tls.crt"], certPem);
      await new Promise((resolve) => setTimeout(resolve, 20));
      replaceFile(paths["tls.key"], keyPem);
      await until(() => identity.stats.reloads === round);
    }
    assert.deepEqual(errors(lines), []);
  });
});

describe("a session ticket of before", { concurrency: true }, () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const only = { minVersion: version, maxVersion: version } as const;
    test(`is worthless after a change of the leaf, ${version}`, async (t) => {
      const { identity, dir } = await openSide(t, "secret", { trustedCaFile: "" });
      const { session } = await handshakeWith(identity, only);
      assert.equal((await handshakeWith(identity, { ...only, session })).isResumed, true);
      swapSecret(dir, secretOf(ca.leaf(), ca.certPem));
      await until(() => identity.stats.reloads === 1);
      const after = await handshakeWith(identity, { ...only, session });
      assert.deepEqual([after.isResumed, after.refusal], [false, undefined]);
    });

    test(`is worthless after a change of the CA or of the revocation list, ${version}`, async (t) => {
      const { crl } = writeFiles(temporaryDir(t), { crl: ca.crl([]).der });
      const { identity, paths } = await openSide(t, "files", { crlFile: crl });
      const leaf = ca.leaf();
      const client = { ...shows(leaf), ...only };
      const { session } = await handshakeWith(identity, client);
      writeFileSync(crl, ca.crl([ca.leaf()]).der);
      await until(() => identity.stats.reloads === 1);
      const again = await handshakeWith(identity, { ...client, session });
      assert.deepEqual([again.isResumed, again.refusal], [false, undefined]);
      replaceFile(paths["ca.crt"], TestCa.create("next").certPem);
      await until(() => identity.stats.reloads === 2);
      const after = await handshakeWith(identity, { ...client, session });
      assert.equal(after.isResumed, false);
      assert.match(after.refusal ?? "admitted", /unknown authority$/);
    });
  }
});

test("after close nothing is followed any more", async (t) => {
  const { identity, paths } = await openSide(t, "files");
  const other = await openSide(t, "files");
  identity.close();
  replaceFile(paths["ca.crt"], TestCa.create("x").certPem);
  replaceFile(other.paths["ca.crt"], TestCa.create("x").certPem);
  await until(() => other.identity.stats.reloads === 1);
  assert.equal(identity.stats.reloads, 0);
});
