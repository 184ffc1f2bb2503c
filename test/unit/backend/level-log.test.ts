/** The log format against LevelDB's own files, and the judgement of ends: torn by a power cut, or damaged. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { maskedCrc, readLevelLog } from "../../../node/backend/level-log.ts";
import { crc32c } from "../../../node/lib/crc32c.ts";
import { DamageLab } from "./damage-lab.ts";
import { levelHome } from "./level-home.ts";

/** Writes batches as LevelDB does, whatever their size. */
function logOf(batches: readonly Uint8Array[]): Uint8Array {
  const parts: Buffer[] = [];
  let at = 0;
  const push = (bytes: Buffer): void => {
    parts.push(bytes);
    at += bytes.length;
  };
  for (const batch of batches) {
    let left = batch;
    let isFirst = true;
    do {
      const room = 32768 - (at % 32768);
      if (room < 7) push(Buffer.alloc(room));
      const size = Math.min(left.length, 32768 - (at % 32768) - 7);
      const isLast = size === left.length;
      const type = isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3;
      const body = Buffer.concat([Buffer.of(type), left.subarray(0, size)]);
      const head = Buffer.alloc(6);
      head.writeUInt32LE(maskedCrc(crc32c(body)));
      head.writeUInt16LE(size, 4);
      push(head);
      push(body);
      left = left.subarray(size);
      isFirst = false;
    } while (left.length > 0);
  }
  return Buffer.concat(parts);
}

const batch = (size: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, n) => ((n * 7 + seed * 31) % 255) + 1);
const batches = [batch(100, 1), batch(70_000, 2), batch(32_761, 3), batch(5000, 4)];
const whole = logOf(batches);
const lastStart = logOf(batches.slice(0, 3)).length;

test("whole batches are handed over, also those that span blocks", () => {
  const seen: Uint8Array[] = [];
  assert.equal(
    readLevelLog(whole, (record) => seen.push(record)),
    undefined,
  );
  assert.deepEqual(
    seen.map((record) => Buffer.from(record).toString("hex").length),
    [200, 140_000, 65_522, 10_000],
  );
  assert.ok(seen.every((record, n) => Buffer.compare(record, batches[n] as Uint8Array) === 0));
  assert.equal(readLevelLog(new Uint8Array(0)), undefined);
});

test("LevelDB's own logs and manifests are sound", async () => {
  const home = await levelHome();
  try {
    const lab = new DamageLab(home.dir, home.options, 1 << 22);
    await lab.build(60, 1200);
    for (const name of await lab.files(/\.log$|^MANIFEST/)) {
      let count = 0;
      assert.equal(
        readLevelLog(await readFile(join(home.dir, name)), () => count++),
        undefined,
      );
      assert.ok(count > 0, name);
    }
  } finally {
    await home.dispose();
  }
});

test("a log that ends anywhere in its last batch is torn there", () => {
  for (let size = lastStart + 1; size < whole.length; size += 13)
    assert.equal(readLevelLog(whole.subarray(0, size))?.kind, "torn", `${size}`);
});

test("a sector of the last batch that did not arrive makes it torn, zeros behind it too", () => {
  for (let sector = Math.ceil(lastStart / 512) * 512; sector + 512 < whole.length; sector += 512) {
    const torn = Buffer.from(whole);
    torn.fill(0, sector, sector + 512);
    assert.equal(readLevelLog(torn)?.kind, "torn", `${sector}`);
  }
  const head = Buffer.from(whole);
  head.fill(0, lastStart, Math.ceil((lastStart + 1) / 512) * 512);
  assert.equal(readLevelLog(head)?.kind, "torn");
  const extended = Buffer.concat([whole.subarray(0, lastStart), Buffer.alloc(9000)]);
  assert.equal(readLevelLog(extended)?.kind, "torn");
});

test("any bit flipped in the last batch is damage, its length included", () => {
  for (let at = lastStart; at < whole.length; at += at < lastStart + 8 ? 1 : 97) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
      assert.equal(readLevelLog(flipped)?.kind, "damaged", `byte ${at} bit ${bit}`);
    }
  }
});

test("in what later batches follow, a missing sector is damage as well", () => {
  for (let sector = 512; sector + 512 < lastStart; sector += 1024 * 7) {
    const damaged = Buffer.from(whole);
    damaged.fill(0, sector, sector + 512);
    assert.equal(readLevelLog(damaged)?.kind, "damaged", `${sector}`);
  }
});

test("a batch whose beginning is not there is damage", () => {
  assert.equal(readLevelLog(whole.subarray(32768))?.kind, "damaged");
});
