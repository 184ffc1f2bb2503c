/** The disk in memory that the log's crash tests and the simulator trust. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFs } from "../../support/memory-fs.ts";
import { bytesOf, seeded } from "./wal-lab.ts";

const textOf = (fs: MemoryFs, path: string): string => Buffer.from(fs.content(path)).toString();
const bytes = (text: string): Uint8Array => Buffer.from(text);

test("files are created, read, written, renamed and removed as the port says", async () => {
  const fs = new MemoryFs();
  await assert.rejects(fs.readFile("/a"), { code: "ENOENT" });
  await assert.rejects(fs.open("/a", "readWrite"), { code: "ENOENT" });
  await fs.makeDir("/d/e");
  const file = await fs.open("/d/e/a", "create");
  await assert.rejects(fs.open("/d/e/a", "create"), { code: "EEXIST" });
  await file.write(bytes("hello"), 2);
  assert.equal(await file.size(), 7);
  assert.equal(Buffer.from(await file.read(0, 100)).toString(), "\0\0hello");
  await file.truncate(4);
  await file.truncate(6);
  assert.equal(textOf(fs, "/d/e/a"), "\0\0he\0\0");
  await fs.rename("/d/e", "/f");
  assert.deepEqual(await fs.readDir("/f"), ["a"]);
  assert.equal(await fs.exists("/d/e"), false);
  await assert.rejects(fs.remove("/f"), { code: "ENOTEMPTY" });
  await fs.remove("/f/a");
  assert.deepEqual([...fs.files().keys()], []);
});

test("a crash keeps what was synced, and of the rest any choice of sectors, each whole", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const fs = new MemoryFs();
    fs.place("/log", new Uint8Array(2048));
    const file = await fs.open("/log", "readWrite");
    await file.write(bytesOf(100), 0);
    await file.datasync();
    await file.write(bytesOf(1500, 2), 100);
    const after = fs.crash(seeded(seed)).content("/log");
    assert.deepEqual(after.subarray(0, 100), bytesOf(100));
    const whole = new Uint8Array(2048);
    whole.set(bytesOf(1500, 2), 100);
    const arrived = [
      [100, 512],
      [512, 1024],
      [1024, 1536],
      [1536, 1600],
    ].map(([start, end]) => {
      const part = Buffer.from(after.subarray(start, end));
      const isNew = part.equals(whole.subarray(start, end));
      assert.ok(isNew || part.every((byte) => byte === 0));
      return isNew ? "1" : "0";
    });
    seen.add(arrived.join(""));
  }
  assert.ok(seen.size > 8, [...seen].join());
});

test("a crash keeps the first so many directory changes, and all that syncDir covered", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    const fs = new MemoryFs();
    await fs.makeDir("/d");
    await fs.syncDir("/");
    for (const name of ["a", "b", "c"]) await fs.open(`/d/${name}`, "create");
    await fs.syncDir("/d");
    await fs.rename("/d/a", "/d/z");
    await fs.remove("/d/b");
    seen.add((await fs.crash(seeded(seed)).readDir("/d")).join(""));
  }
  assert.deepEqual([...seen].sort(), ["abc", "bcz", "cz"]);
});

test("a durable write counts when its callback runs; a crash before may tear it, and the callback never runs", async () => {
  const waiting: (() => void)[] = [];
  const fs = new MemoryFs();
  fs.place("/log", new Uint8Array(1024));
  const file = await fs.openDurable("/log");
  fs.setComplete((run) => waiting.push(run));
  let isDone = false;
  file.write(bytes("abcdef"), 3, 0, () => {
    isDone = true;
  });
  assert.equal(textOf(fs.kill(), "/log").slice(0, 4), "abc\0");
  assert.equal(textOf(fs.crash(seeded(1), "nothing"), "/log").slice(0, 1), "\0");
  for (const run of waiting) run();
  assert.equal(isDone, false);
});

test("a killed process loses nothing that was written, until the power goes", async () => {
  const fs = new MemoryFs();
  fs.place("/log", bytes("old"));
  await (await fs.open("/log", "readWrite")).write(bytes("new"), 0);
  const restarted = fs.kill();
  assert.equal(textOf(restarted, "/log"), "new");
  assert.equal(textOf(restarted.crash(seeded(1), "nothing"), "/log"), "old");
});

test("the same seed crashes the same way", async () => {
  const once = async (): Promise<string> => {
    const fs = new MemoryFs();
    for (const name of ["/a", "/b"]) await (await fs.open(name, "create")).write(bytesOf(5000), 0);
    return [...fs.crash(seeded(7)).files()]
      .map(([path, data]) => path + Buffer.from(data).toString("hex"))
      .join();
  };
  assert.equal(await once(), await once());
});

test("a full disk refuses writes that need more space, bit rot changes a byte, and a failing disk fails", async () => {
  const fs = new MemoryFs({ capacityBytes: 10 });
  const file = await fs.open("/a", "create");
  await file.write(bytes("0123456789"), 0);
  await assert.rejects(file.write(bytes("x"), 10), { code: "ENOSPC" });
  await file.write(bytes("x"), 9);
  fs.flip("/a", 9, 1);
  assert.equal(textOf(fs, "/a"), "012345678y");
  fs.failWith(new Error("EIO"));
  await assert.rejects(file.datasync(), /EIO/);
});
