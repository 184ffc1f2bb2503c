import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tableFault } from "../../../node/backend/table-check.ts";
import { DamageLab } from "./damage-lab.ts";
import { levelHome } from "./level-home.ts";

async function withTable(
  run: (bytes: Uint8Array, path: string, lab: DamageLab) => void | Promise<void>,
): Promise<void> {
  const home = await levelHome();
  try {
    const lab = new DamageLab(home.dir, home.options);
    await lab.build(45, 500);
    const [name = ""] = await lab.files(/\.ldb$/);
    const path = join(home.dir, name);
    await run(await readFile(path), path, lab);
  } finally {
    await home.dispose();
  }
}

test("a table of several blocks, as LevelDB wrote it, is sound", () =>
  withTable((bytes) => {
    assert.ok(bytes.length > 3 * 4096);
    assert.equal(tableFault(bytes), undefined);
  }));

test("a table with any byte changed is not", () =>
  withTable((bytes) => {
    for (let at = 0; at < bytes.length; at++) {
      const was = bytes[at] ?? 0;
      bytes[at] = was ^ (1 << (at % 8));
      assert.notEqual(tableFault(bytes), undefined, `byte ${at}`);
      bytes[at] = was;
    }
  }));

test("a table cut short, or prolonged, is not", () =>
  withTable((bytes) => {
    for (let size = 0; size < bytes.length; size += 7)
      assert.notEqual(tableFault(bytes.subarray(0, size)), undefined);
    assert.notEqual(tableFault(Buffer.concat([bytes, Buffer.alloc(1)])), undefined);
    assert.notEqual(tableFault(Buffer.concat([Buffer.alloc(1), bytes])), undefined);
  }));

test("a half-written table that a crash left behind does not stop the backend", () =>
  withTable(async (bytes, _path, lab) => {
    const verdict = await lab.judge((dir) =>
      writeFile(join(dir, "000999.ldb"), bytes.subarray(0, 5000)),
    );
    assert.equal(verdict, "intact");
  }));
