/** What can be read from damaged files: the highest applied index, and who the members were. */
import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { LevelBackend } from "../../../node/backend/level-backend.ts";
import { salvage } from "../../../node/backend/salvage.ts";
import { fromText, toText } from "../../../node/lib/bytes.ts";
import { append, at, commit } from "../../contract/backend.ts";
import { levelHome } from "./level-home.ts";

async function withBackend(
  run: (dir: string, read: () => ReturnType<typeof salvage>) => Promise<void>,
): Promise<void> {
  const home = await levelHome();
  try {
    const options = { ...home.options, writeBufferBytes: 1 << 16 };
    const backend = await LevelBackend.open(home.dir, options);
    backend.put("members", fromText("8e9e05c52164694d"), fromText("{}"));
    for (let index = 1; index <= 400; index++) {
      append(backend, index + 1, 0, "~".repeat(400));
      await commit(backend, at(index, index + 1));
    }
    await backend.close();
    await run(home.dir, () => salvage(home.options.fs, home.dir));
  } finally {
    await home.dispose();
  }
}

async function flipMiddle(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 4;
  await writeFile(path, bytes);
}

test("a sound backend gives its index and its members", () =>
  withBackend(async (_dir, read) => {
    const { consistentIndex, memberKeys } = await read();
    assert.equal(consistentIndex, 400);
    assert.deepEqual(memberKeys.map(toText), ["8e9e05c52164694d"]);
  }));

test("damaged tables and a missing manifest leave what is whole", () =>
  withBackend(async (dir, read) => {
    const names = await readdir(dir);
    for (const name of names.filter((file) => /\.ldb$/.test(file)))
      await flipMiddle(join(dir, name));
    for (const name of names.filter((file) => /^MANIFEST|^CURRENT/.test(file)))
      await rm(join(dir, name));
    const { consistentIndex, memberKeys } = await read();
    assert.equal(consistentIndex, 400);
    assert.equal(memberKeys.length, 1);
  }));

test("from a log that is damaged, what lies before the damage is read", () =>
  withBackend(async (dir, read) => {
    const names = await readdir(dir);
    const log = names.find((file) => /\.log$/.test(file)) ?? "";
    await flipMiddle(join(dir, log));
    const { consistentIndex } = await read();
    assert.ok(consistentIndex > 200 && consistentIndex < 400, `${consistentIndex}`);
  }));

test("files without any sense give nothing", () =>
  withBackend(async (dir, read) => {
    for (const name of await readdir(dir))
      await writeFile(
        join(dir, name),
        Uint8Array.from({ length: 999 }, (_, n) => n * 7),
      );
    assert.deepEqual(await read(), { consistentIndex: 0, memberKeys: [] });
  }));
