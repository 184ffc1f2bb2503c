import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { SystemFs } from "../../../../node/lib/platform/fs.ts";
import type { DurableFile } from "../../../../node/lib/ports.ts";

const write = (file: DurableFile, bytes: Uint8Array, length: number, at: number): Promise<void> =>
  new Promise((resolve, reject) => {
    file.write(bytes, length, at, (error) => (error === null ? resolve() : reject(error)));
  });

const codeOf = (code: string) => (error: unknown) => (error as { code?: string }).code === code;

suite("the real file system", () => {
  const fs = new SystemFs();
  let home = "";
  before(() => {
    home = mkdtempSync(join(tmpdir(), "etcd-ts-fs-"));
  });
  after(() => rmSync(home, { recursive: true }));

  test("a durable write puts the first bytes of its buffer at its place", async () => {
    const path = `${home}/durable`;
    await (await fs.open(path, "create")).close();
    const file = await fs.openDurable(path);
    await write(file, Buffer.from("abcdef"), 3, 0);
    await write(file, Buffer.from("XY"), 2, 5);
    await write(file, Buffer.from("-"), 1, 1);
    await file.close();
    assert.equal(readFileSync(path, "latin1"), "a-c\0\0XY");
  });

  test("a durable write of many megabytes is whole", async () => {
    const path = `${home}/large`;
    await (await fs.open(path, "create")).close();
    const file = await fs.openDurable(path);
    const bytes = Buffer.alloc(9_000_000, "0123456789");
    await write(file, bytes, bytes.length, 17);
    await file.close();
    assert.ok(readFileSync(path).subarray(17).equals(bytes));
  });

  test("a durable write tells its error, and never from inside the call", async () => {
    const path = `${home}/read-only`;
    await (await fs.open(path, "create")).close();
    const file = await fs.openDurable(path);
    await file.close();
    let isInside = true;
    const error = await new Promise<Error | null>((resolve) => {
      try {
        file.write(Buffer.from("a"), 1, 0, (reason) => {
          assert.equal(isInside, false);
          resolve(reason);
        });
      } catch (reason) {
        resolve(reason as Error);
      }
      isInside = false;
    });
    assert.ok(error instanceof Error);
  });

  test("openDurable does not create a file", async () => {
    await assert.rejects(fs.openDurable(`${home}/missing`), codeOf("ENOENT"));
  });

  test("create fails on a file that is there, the other modes on one that is not", async () => {
    const path = `${home}/file`;
    const file = await fs.open(path, "create");
    await file.write(Buffer.from("hello"), 0);
    await file.close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await assert.rejects(fs.open(path, "create"), codeOf("EEXIST"));
    await assert.rejects(fs.open(`${home}/missing`, "read"), codeOf("ENOENT"));
    await assert.rejects(fs.open(`${home}/missing`, "readWrite"), codeOf("ENOENT"));
    await assert.rejects(fs.readFile(`${home}/missing`), codeOf("ENOENT"));
  });

  test("a file is read in part, shorter at its end, written, truncated and measured", async () => {
    const path = `${home}/parts`;
    const file = await fs.open(path, "create");
    await file.write(Buffer.from("0123456789"), 0);
    assert.equal(Buffer.from(await file.read(2, 3)).toString(), "234");
    assert.equal(Buffer.from(await file.read(8, 5)).toString(), "89");
    assert.equal((await file.read(20, 5)).length, 0);
    await file.truncate(4);
    assert.equal(await file.size(), 4);
    await file.datasync();
    await file.close();
    assert.equal(Buffer.from(await fs.readFile(path)).toString(), "0123");
  });

  test("directories are made with their parents for the owner alone, and listed by code unit", async () => {
    await fs.makeDir(`${home}/a/b`);
    await fs.makeDir(`${home}/a/b`);
    assert.equal(statSync(`${home}/a`).mode & 0o777, 0o700);
    for (const name of ["z", "B", "10", "9", "a"]) {
      await (await fs.open(`${home}/a/b/${name}`, "create")).close();
    }
    assert.deepEqual(await fs.readDir(`${home}/a/b`), ["10", "9", "B", "a", "z"]);
    await assert.rejects(fs.readDir(`${home}/none`), codeOf("ENOENT"));
  });

  test("a rename replaces, a removal removes, and both can be made durable", async () => {
    await fs.makeDir(`${home}/names`);
    for (const name of ["one", "two"]) {
      const file = await fs.open(`${home}/names/${name}`, "create");
      await file.write(Buffer.from(name), 0);
      await file.close();
    }
    await fs.rename(`${home}/names/one`, `${home}/names/two`);
    await fs.syncDir(`${home}/names`);
    assert.deepEqual(await fs.readDir(`${home}/names`), ["two"]);
    assert.equal(Buffer.from(await fs.readFile(`${home}/names/two`)).toString(), "one");
    await fs.remove(`${home}/names/two`);
    assert.equal(await fs.exists(`${home}/names/two`), false);
    assert.equal(await fs.exists(`${home}/names`), true);
    await assert.rejects(fs.remove(`${home}/names/two`), codeOf("ENOENT"));
    await assert.rejects(fs.syncDir(`${home}/none`), codeOf("ENOENT"));
  });
});
