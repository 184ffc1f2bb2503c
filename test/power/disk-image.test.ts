/** The disk model: what a cut may leave and what it must. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type CutMode, cutModes, DiskImage, sectorBytes } from "./disk-image.ts";

const directory = mkdtempSync(join(tmpdir(), "etcd-ts-disk-image-"));
after(() => rmSync(directory, { recursive: true }));
const sectors = 64;

function newDisk(): DiskImage {
  const path = join(directory, "empty.img");
  writeFileSync(path, Buffer.alloc(sectors * sectorBytes));
  return DiskImage.load(path);
}

/** First byte of each sector of the picture. */
function cut(disk: DiskImage, mode: CutMode, seed = 1): number[] {
  const path = join(directory, "cut.img");
  disk.cut(path, mode, seed);
  const picture = readFileSync(path);
  return Array.from({ length: sectors }, (_, sector) => picture[sector * sectorBytes] ?? 0);
}

const write = (disk: DiskImage, sector: number, byte: number, count = 1): void =>
  disk.write(sector * sectorBytes, Buffer.alloc(count * sectorBytes, byte));

test("flushed writes are in every picture, and reads see the newest", () => {
  const disk = newDisk();
  write(disk, 0, 1, sectors);
  disk.flush();
  for (const mode of cutModes) assert.deepEqual(new Set(cut(disk, mode)), new Set([1]));
  write(disk, 3, 2);
  assert.equal(disk.read(3 * sectorBytes, 1)[0], 2);
});

test("of what was not flushed, flushed keeps nothing, issued all, prefix a beginning, subset anything", () => {
  const disk = newDisk();
  for (let sector = 0; sector < sectors; sector += 1) write(disk, sector, 7);
  assert.ok(cut(disk, "flushed").every((byte) => byte === 0));
  assert.ok(cut(disk, "issued").every((byte) => byte === 7));
  const prefix = cut(disk, "prefix");
  assert.equal(prefix.lastIndexOf(7) + 1, prefix.filter((byte) => byte === 7).length);
  const subsets = new Set([1, 2, 3, 4].map((seed) => cut(disk, "subset", seed).join("")));
  assert.ok(subsets.size > 1);
  assert.deepEqual(cut(disk, "subset", 5), cut(disk, "subset", 5));
});

test("a write over several sectors may be torn between them, and an older one may be what is left", () => {
  const disk = newDisk();
  write(disk, 0, 1, 8);
  write(disk, 0, 2, 8);
  const seen = new Set<number>();
  for (let seed = 0; seed < 40; seed += 1)
    for (const byte of cut(disk, "subset", seed).slice(0, 8)) seen.add(byte);
  assert.deepEqual(seen, new Set([0, 1, 2]));
});
