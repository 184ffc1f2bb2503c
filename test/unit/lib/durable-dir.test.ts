import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDirDurable, parentDir } from "../../../node/lib/durable-dir.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { seededRandom } from "../mvcc/key-parts.ts";

test("the parent of a path", () => {
  assert.equal(parentDir("/a/b"), "/a");
  assert.equal(parentDir("/a"), "/");
  assert.equal(parentDir("a/b"), "a");
  assert.equal(parentDir("a"), ".");
});

test("a directory with missing parents is there after a power cut that keeps nothing unsynced", async () => {
  const fs = new MemoryFs();
  await makeDirDurable(fs, "/data/m1.etcd/member/wal");
  const after = fs.crash(seededRandom(1), "nothing");
  assert.equal(await after.exists("/data/m1.etcd/member/wal"), true);
});

test("a plain makeDir is not: the test's disk does lose directories", async () => {
  const fs = new MemoryFs();
  await fs.makeDir("/data/m1.etcd");
  const after = fs.crash(seededRandom(1), "nothing");
  assert.equal(await after.exists("/data"), false);
});

test("parents that are there already stay as they are", async () => {
  const fs = new MemoryFs();
  fs.place("/data/other/file", Uint8Array.of(1));
  await makeDirDurable(fs, "/data/member/wal");
  await makeDirDurable(fs, "/data/member/wal");
  const after = fs.crash(seededRandom(1), "nothing");
  assert.equal(await after.exists("/data/member/wal"), true);
  assert.equal(await after.exists("/data/other/file"), true);
});

test("a relative path is made below the working directory", async () => {
  const fs = new MemoryFs();
  await makeDirDurable(fs, "m1.etcd/member");
  const after = fs.crash(seededRandom(1), "nothing");
  assert.equal(await after.exists("m1.etcd/member"), true);
});

test("an error of the disk comes through", async () => {
  const fs = new MemoryFs();
  fs.failWith(new Error("read-only file system"));
  await assert.rejects(makeDirDurable(fs, "/data/member"), /read-only/);
});

// Found by a test: the process is killed between the making and the sync, and the next one took what it found for durable.
test("a directory that a killed process has made is durable when the next one has started", async () => {
  const fs = new MemoryFs();
  await fs.makeDir("/data/member/wal");
  const again = fs.kill();
  await makeDirDurable(again, "/data/member/wal");
  assert.equal(await again.crash(seededRandom(1), "nothing").exists("/data/member/wal"), true);
});
