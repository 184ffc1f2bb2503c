/** What the tests of TLS stand on: test/support/pki. That its wrong certificates are wrong as they should be stands in x509.test.ts. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { connect, createServer, type TLSSocket } from "node:tls";
import {
  replaceFile,
  swapSecret,
  writeFiles,
  writeSecretDirectory,
} from "../../support/pki/files.ts";
import { makePki, TestCa } from "../../support/pki.ts";

const folder = mkdtempSync(join(tmpdir(), "etcd-ts-pki-"));
after(() => rmSync(folder, { recursive: true }));

/** One handshake in which both sides show a certificate; resolves with why the server would refuse the client. */
async function handshake(
  server: { cert: string; key: string; ca: string },
  client: { cert: string; key: string; ca: string },
): Promise<Error | undefined> {
  const listener = createServer({ ...server, requestCert: true, rejectUnauthorized: false });
  const accepted = new Promise<TLSSocket>((resolve) => listener.once("secureConnection", resolve));
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { port: number };
  const socket = connect({ ...client, port, host: "127.0.0.1" });
  try {
    await new Promise((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    return (await accepted).authorizationError;
  } finally {
    socket.destroy();
    listener.close();
  }
}

const read = (path: string): string => readFileSync(path, "utf8");

test("the files of makePki make a connection that both sides have verified", async () => {
  const { files } = makePki(join(folder, "pki"));
  const ca = read(files.ca);
  const server = { cert: read(files.serverCert), key: read(files.serverKey), ca };
  const client = { cert: read(files.clientCert), key: read(files.clientKey), ca };
  assert.equal(await handshake(server, client), null);
  assert.equal(await handshake(server, server), null);
  await assert.rejects(handshake(client, client), /purpose|altnames/);
});

test("a chain is shown whole", async () => {
  const root = TestCa.create("root");
  const leaf = root.intermediate("first").intermediate("second").leaf();
  assert.equal(leaf.chainPem.match(/BEGIN/g)?.length, 3);
  const shown = { cert: leaf.chainPem, key: leaf.keyPem, ca: root.certPem };
  assert.equal(await handshake(shown, shown), null);
  const alone = { ...shown, cert: leaf.certPem };
  await assert.rejects(handshake(alone, shown), { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
});

test("a Secret is changed by one rename, and paths stay", () => {
  const dir = join(folder, "secret");
  const paths = writeSecretDirectory(dir, { "tls.crt": "1", "tls.key": "2" });
  assert.deepEqual(paths, { "tls.crt": join(dir, "tls.crt"), "tls.key": join(dir, "tls.key") });
  assert.equal(readlinkSync(join(dir, "tls.crt")), "..data/tls.crt");
  const before = readlinkSync(join(dir, "..data"));
  assert.match(before, /^\.\.\d/);
  assert.equal(read(paths["tls.crt"]), "1");
  swapSecret(dir, { "tls.crt": "3", "ca.crt": "4" });
  assert.notEqual(readlinkSync(join(dir, "..data")), before);
  assert.equal(read(paths["tls.crt"]), "3");
  assert.equal(read(join(dir, "ca.crt")), "4");
  assert.deepEqual(
    readdirSync(dir).filter((name) => !/^\.\.\d/.test(name)),
    ["..data", "ca.crt", "tls.crt"],
  );
  assert.equal(readdirSync(dir).length, 4);
});

test("a file is written in place, or replaced by another file", () => {
  const dir = join(folder, "files");
  const { a } = writeFiles(dir, { a: "1" });
  const inode = statSync(a).ino;
  writeFiles(dir, { a: "2" });
  assert.equal(statSync(a).ino, inode);
  assert.equal(replaceFile(a, "3"), a);
  assert.notEqual(statSync(a).ino, inode);
  assert.equal(read(a), "3");
  assert.deepEqual(readdirSync(dir), ["a"]);
});
