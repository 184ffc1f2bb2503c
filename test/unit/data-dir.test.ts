import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareDataDir } from "../../node/data-dir.ts";
import { MemoryFs } from "../support/memory-fs.ts";

test("a new data directory is made, and found again", async () => {
  const fs = new MemoryFs();
  assert.equal(await prepareDataDir(fs, "/d"), "/d/member/backend");
  assert.equal(await prepareDataDir(fs, "/d"), "/d/member/backend");
  assert.equal(await fs.exists("/d/member/backend"), true);
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

test("a directory that cannot be made is told by the flag's name", async () => {
  const fs = new MemoryFs();
  fs.failWith(new Error("read-only file system"));
  await assert.rejects(prepareDataDir(fs, "/d"), /--data-dir \/d cannot be used/);
});
