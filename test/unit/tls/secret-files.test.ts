import assert from "node:assert/strict";
import { lstatSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type SecretContent, SecretFiles, type Way } from "../../tls/secret-files.ts";

const contentOf = (version: number): SecretContent => ({
  "ca.crt": `ca ${version}`,
  "tls.crt": `cert ${version}`,
  "tls.key": `key ${version}`,
});

test("files of a secret have the new content after every way of writing, in any order, and are links again after a swap", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "etcd-ts-secret-files-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const files = new SecretFiles(join(directory, "secret"), contentOf(0));
  const ways: readonly Way[] = ["renamed", "secret", "in place", "torn", "in place", "secret"];
  for (const [at, way] of ways.entries()) {
    await files.write(contentOf(at + 1), way);
    const found = [files.ca, files.cert, files.key].map((path) => readFileSync(path, "utf8"));
    assert.deepEqual(found, Object.values(contentOf(at + 1)), way);
    const isLink = lstatSync(files.cert).isSymbolicLink();
    if (way === "secret") assert.ok(isLink);
    if (way === "renamed" || way === "torn") assert.ok(!isLink);
  }
});
