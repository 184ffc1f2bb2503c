import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { plantedBugs } from "../../sim/planted-bugs.ts";

const root = join(import.meta.dirname, "../../..");

test("every planted bug still has its place in the source", () => {
  assert.equal(plantedBugs.length, 29);
  for (const { name, edits, eases = [] } of plantedBugs) {
    for (const { file, find } of [...eases, ...edits]) {
      const pieces = readFileSync(join(root, file), "utf8").split(find);
      assert.equal(pieces.length, 2, `${name}: ${file}: ${find}`);
    }
  }
});
