import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readManifest } from "../../../node/backend/level-manifest.ts";
import { DamageLab } from "./damage-lab.ts";
import { levelHome } from "./level-home.ts";

test("the manifest names exactly the tables and the log that are there, with their sizes", async () => {
  const home = await levelHome();
  try {
    const lab = new DamageLab(home.dir, home.options);
    await lab.build(60, 900);
    const [name = ""] = await lab.files(/^MANIFEST/);
    const manifest = readManifest(await readFile(join(home.dir, name)));
    assert.ok(typeof manifest === "object");
    const tables = await lab.files(/\.ldb$/);
    assert.ok(tables.length > 1);
    assert.deepEqual(
      [...manifest.tables.keys()].sort((a, b) => a - b),
      tables.map((file) => Number.parseInt(file, 10)),
    );
    for (const file of tables)
      assert.equal(manifest.tables.get(Number.parseInt(file, 10)), await lab.sizeOf(file));
    const logs = await lab.files(/\.log$/);
    assert.equal(manifest.logNumber, Number.parseInt(logs[0] ?? "", 10));
  } finally {
    await home.dispose();
  }
});

test("bytes that are no manifest say why", () => {
  assert.equal(typeof readManifest(Uint8Array.from({ length: 300 }, (_, n) => n + 1)), "string");
  assert.equal(readManifest(new Uint8Array(0)), "it holds no whole edit");
});
