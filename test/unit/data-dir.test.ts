import assert from "node:assert/strict";
import { test } from "node:test";
import { checkWalDir, prepareDataDir } from "../../node/data-dir.ts";
import { MemoryFs } from "../support/memory-fs.ts";

test("a new data directory is made, and found again when it is free", async () => {
  const fs = new MemoryFs();
  const { backend, snap, lock } = await prepareDataDir(fs, "/d");
  assert.deepEqual([backend, snap], ["/d/member/backend", "/d/member/snap"]);
  await lock.release();
  assert.equal((await prepareDataDir(fs, "/d")).backend, backend);
  for (const dir of [backend, snap]) assert.equal(await fs.exists(dir), true);
});

test("a data directory in use is refused until its process is gone, however it went", async () => {
  const fs = new MemoryFs();
  await prepareDataDir(fs, "/d");
  await assert.rejects(prepareDataDir(fs, "/d"), /--data-dir \/d is in use: another member runs/);
  await prepareDataDir(fs.kill(), "/d");
});

test("the data directory of a real etcd is refused, and nothing in it is touched", async () => {
  const fs = new MemoryFs();
  fs.place("/d/member/snap/db", Uint8Array.of(1));
  await assert.rejects(
    prepareDataDir(fs, "/d"),
    /--data-dir \/d holds the database of a real etcd/,
  );
  assert.deepEqual([...fs.files().keys()], ["/d/member/snap/db"]);
});

test("a database that a real etcd left behind in our directory by mistake keeps nobody out", async () => {
  const fs = new MemoryFs();
  fs.place("/d/member/snap/db", Uint8Array.of(1));
  fs.place("/d/member/backend/CURRENT", Uint8Array.of(1));
  await prepareDataDir(fs, "/d");
});

test("a directory that cannot be made is told by the flag's name", async () => {
  const fs = new MemoryFs();
  fs.failWith(new Error("broken"));
  await assert.rejects(prepareDataDir(fs, "/d"), /--data-dir \/d cannot be used/);
  const cases = { EROFS: /mounted read-only/, EACCES: /may not be/, ENOSPC: /is full: make room/ };
  for (const [code, told] of Object.entries(cases)) {
    fs.failWith(Object.assign(new Error(code), { code }));
    await assert.rejects(prepareDataDir(fs, "/d"), told);
  }
});

test("a file where a directory is needed is told by the flag's name", async () => {
  const fs = new MemoryFs();
  fs.place("/file", Uint8Array.of(1));
  await assert.rejects(prepareDataDir(fs, "/file"), /--data-dir \/file is not a directory/);
  await assert.rejects(checkWalDir(fs, "/file"), /--wal-dir \/file is not a directory/);
  await checkWalDir(fs, "/none");
});
