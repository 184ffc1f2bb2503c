import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { tryLockFile } from "../../../../node/lib/platform/file-lock.ts";

const home = mkdtempSync(join(tmpdir(), "etcd-ts-lock-"));
after(() => rmSync(home, { recursive: true }));

function file(name: string): string {
  const path = join(home, name);
  writeFileSync(path, "x");
  return path;
}

test("a file can be locked once at a time, in one process too, and again when it was released", async () => {
  const path = file("once");
  const lock = await tryLockFile(path);
  assert.notEqual(lock, undefined);
  assert.equal(await tryLockFile(path), undefined);
  await lock?.release();
  const again = await tryLockFile(path);
  assert.notEqual(again, undefined);
  await again?.release();
});

test("another open and close of the file does not lose its lock, nor does a new name", async () => {
  const path = file("opened");
  const lock = await tryLockFile(path);
  closeSync(openSync(path, "r+"));
  assert.equal(await tryLockFile(path), undefined);
  renameSync(path, `${path}.new`);
  assert.equal(await tryLockFile(`${path}.new`), undefined);
  await lock?.release();
});

test("another process is kept out", async () => {
  const path = file("shared");
  const module = new URL("../../../../node/lib/platform/file-lock.ts", import.meta.url).href;
  const script = `import { tryLockFile } from ${JSON.stringify(module)};
    console.log((await tryLockFile(${JSON.stringify(path)})) === undefined ? "locked" : "free");
    process.exit(0);`;
  const ask = (): string =>
    execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  const lock = await tryLockFile(path);
  assert.equal(ask().trim(), "locked");
  await lock?.release();
  assert.equal(ask().trim(), "free");
});

test("a lock outlives the garbage collector", async () => {
  const path = file("collected");
  await tryLockFile(path);
  for (let round = 0; round < 20; round++) {
    void Array.from({ length: 100_000 }, () => ({}));
    await new Promise(setImmediate);
  }
  assert.equal(await tryLockFile(path), undefined);
});

test("a file that is not there is told as such", async () => {
  await assert.rejects(tryLockFile(join(home, "none")), { code: "ENOENT" });
});
