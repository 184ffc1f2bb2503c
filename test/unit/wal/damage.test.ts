/** Damage that no power cut does is found and named; what a power cut leaves is mended; the limits of both are written down. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { parseRecord, RecordView } from "../../../node/wal/record.ts";
import { Wal } from "../../../node/wal/wal.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import {
  bytesOf,
  dir,
  entry,
  hardState,
  metadata,
  optionsFor,
  origin,
  plain,
  save,
  saveSnapshot,
  snapshotAt,
  voter,
} from "./wal-lab.ts";

const first = `${dir}/0000000000000000-0000000000000000.wal`;

/** Seven writes with every kind of record; values of more than two sectors among them. */
async function sampleLog(
  segmentBytes: number,
): Promise<{ files: Map<string, Uint8Array>; seen: unknown; ends: number[] }> {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs, { segmentBytes }));
  const ends: number[] = [];
  const mark = (): void => {
    ends.push(recordsOf(fs.content(first)).at(-1)?.next ?? 0);
  };
  await save(wal, hardState(1, voter, 0), [entry(1, 1, bytesOf(40), 1), entry(2, 1, "")]);
  mark();
  await save(wal, hardState(1, voter, 2), [entry(3, 1, bytesOf(1300)), entry(4, 1, bytesOf(7))]);
  mark();
  await save(wal, hardState(2, metadata.nodeId, 2), []);
  mark();
  await saveSnapshot(wal, snapshotAt(2, 1));
  mark();
  await save(wal, hardState(2, voter, 3), [entry(4, 2, bytesOf(600)), entry(5, 2, bytesOf(9), 2)]);
  mark();
  await save(wal, undefined, [entry(6, 2, bytesOf(1100))]);
  mark();
  await save(wal, hardState(2, voter, 5), [entry(7, 2, bytesOf(2000)), entry(8, 2, bytesOf(30))]);
  mark();
  await wal.close();
  return { files: fs.files(), seen: await contentOf(fs, segmentBytes), ends };
}

async function contentOf(fs: MemoryFs, segmentBytes: number): Promise<unknown> {
  const { wal, content } = await Wal.open(dir, origin, optionsFor(fs, { segmentBytes }));
  await wal.close();
  return { ...content, entries: plain(content.entries) };
}

function disk(files: ReadonlyMap<string, Uint8Array>): MemoryFs {
  const fs = new MemoryFs();
  for (const [path, bytes] of files) fs.place(path, bytes);
  return fs;
}

function recordsOf(bytes: Uint8Array): { offset: number; end: number; next: number }[] {
  const buffer = Buffer.from(bytes);
  const view = new RecordView();
  const records: { offset: number; end: number; next: number }[] = [];
  for (let at = 0; parseRecord(buffer, at, view) === "record"; at = view.next) {
    records.push({ offset: at, end: view.hasData ? view.dataEnd : view.next - 4, next: view.next });
  }
  return records;
}

/** Undefined when the damage was found, else what was read. */
async function readDamaged(fs: MemoryFs, path: string, segmentBytes: number): Promise<unknown> {
  try {
    return await contentOf(fs, segmentBytes);
  } catch (error) {
    assert.ok(error instanceof CorruptionError, String(error));
    assert.ok(error.message.includes(path), error.message);
    return undefined;
  }
}

test("every flipped bit of the records is found, in the last file and before; only padding may change unseen", async () => {
  for (const segmentBytes of [16 * 1024, 2048]) {
    const { files, seen } = await sampleLog(segmentBytes);
    for (const [path, bytes] of files) {
      const records = recordsOf(bytes);
      for (let position = 0; position < (records.at(-1)?.next ?? 0); position++) {
        // Every bit of frames, headers and short values; inside long values one of the eight by turns.
        const isInValue = records.some(
          (record) => position > record.offset + 48 && position < record.end - 8,
        );
        for (const bit of isInValue ? [position % 8] : [0, 1, 2, 3, 4, 5, 6, 7]) {
          const fs = disk(files);
          fs.flip(path, position, 1 << bit);
          const found = await readDamaged(fs, dir, segmentBytes);
          if (found === undefined) continue;
          assert.deepEqual(found, seen, `${path}, byte ${position}, bit ${bit}`);
          const isPadding = records.some(
            (record) => position >= record.end && position < record.next,
          );
          assert.ok(isPadding, `${path}, byte ${position}, bit ${bit} went unseen`);
        }
      }
    }
  }
});

test("a flipped bit behind the records changes nothing that is read", async () => {
  const { files, seen } = await sampleLog(8 * 1024);
  const bytes = files.get(first) as Uint8Array;
  let unseen = 0;
  for (let position = recordsOf(bytes).at(-1)?.next ?? 0; position < bytes.length; position += 1) {
    const fs = disk(files);
    fs.flip(first, position, 1 << (position % 8));
    const found = await readDamaged(fs, first, 8 * 1024);
    if (found === undefined) continue;
    unseen += 1;
    assert.deepEqual(found, seen);
  }
  assert.ok(unseen > 0);
});

test("a sector that rots to zeros is found, unless the end of the last write but one is in it or behind it", async () => {
  const segmentBytes = 16 * 1024;
  const { files, seen, ends } = await sampleLog(segmentBytes);
  const lastStart = ends.at(-2) as number;
  for (let sector = 0; sector * 512 < (ends.at(-1) as number); sector++) {
    const fs = disk(files);
    const bytes = fs.content(first);
    bytes.fill(0, sector * 512, (sector + 1) * 512);
    fs.place(first, bytes);
    const found = (await readDamaged(fs, first, segmentBytes)) as
      | { entries: unknown[] }
      | undefined;
    if ((sector + 1) * 512 < lastStart - 64) assert.equal(found, undefined, `sector ${sector}`);
    else if (found !== undefined) {
      const { entries } = seen as { entries: unknown[] };
      assert.deepEqual(found.entries, entries.slice(0, found.entries.length));
    }
  }
});

test("a file cut at any byte is found by its size, and nothing is changed", async () => {
  const segmentBytes = 16 * 1024;
  const { files } = await sampleLog(segmentBytes);
  const bytes = files.get(first) as Uint8Array;
  for (let length = recordsOf(bytes)[2]?.next as number; length < segmentBytes; length += 7) {
    const fs = disk(new Map([[first, bytes.slice(0, length)]]));
    const opened = Wal.open(dir, origin, optionsFor(fs, { segmentBytes }));
    const message = new RegExp(`${first} .*cut short at offset ${length}`);
    await assert.rejects(opened, { name: "CorruptionError", message }, `cut at ${length}`);
    assert.deepEqual([...fs.files().keys()], [first]);
    assert.equal(fs.content(first).length, length);
  }
});

test("a file that etcd's repair has cut at any byte opens with the records before, and goes on", async () => {
  const segmentBytes = 16 * 1024;
  const { files } = await sampleLog(segmentBytes);
  const bytes = files.get(first) as Uint8Array;
  const records = recordsOf(bytes);
  const start = records[2]?.next as number;
  for (let length = start; length <= (records.at(-1)?.next as number); length++) {
    // Every byte at the borders of records; inside long values one of sixteen.
    const isInValue = records.some(
      (record) => length > record.offset + 48 && length < record.end - 8,
    );
    if (isInValue && length % 16 !== 0) continue;
    const cut = bytes.slice(0, length);
    const copy = Uint8Array.of(1, 2, 3);
    const fs = disk(
      new Map([
        [first, cut],
        [`${first}.broken`, copy],
      ]),
    );
    const whole = records.filter((record) => record.next <= length);
    const { wal, content } = await Wal.open(dir, origin, optionsFor(fs, { segmentBytes }));
    const isTorn = whole.at(-1)?.next !== length;
    assert.deepEqual(fs.content(`${first}.broken`), isTorn ? cut : copy, `cut at ${length}`);
    assert.equal(fs.content(first).length, segmentBytes);
    const next = content.entries.length + 1;
    await save(wal, hardState(9, voter, 0), [entry(next, 9, "more")]);
    await wal.close();
    const again = await Wal.open(dir, origin, optionsFor(fs, { segmentBytes }));
    assert.deepEqual(
      plain(again.content.entries),
      plain([...content.entries, entry(next, 9, "more")]),
    );
    await again.wal.close();
  }
  const headless = disk(new Map([[first, bytes.slice(0, 10)]]));
  assert.equal(await readDamaged(headless, first, segmentBytes), undefined);
});

test("a repair of the past excuses no cut of the future", async () => {
  const segmentBytes = 16 * 1024;
  const { files } = await sampleLog(segmentBytes);
  const fs = disk(files);
  fs.place(`${first}.broken`, Uint8Array.of(1));
  await (await Wal.open(dir, origin, optionsFor(fs, { segmentBytes }))).wal.close();
  fs.place(first, fs.content(first).slice(0, 2000));
  assert.equal(await readDamaged(fs, first, segmentBytes), undefined);
});

test("a file that others follow must end with its last record", async () => {
  const { files } = await sampleLog(2048);
  const bytes = files.get(first) as Uint8Array;
  assert.ok(files.size > 1);
  for (const length of [bytes.length - 1, bytes.length - 8, bytes.length - 40]) {
    const fs = disk(files);
    fs.place(first, bytes.slice(0, length));
    assert.equal(await readDamaged(fs, dir, 2048), undefined);
  }
  const fs = disk(files);
  const longer = new Uint8Array(bytes.length + 512);
  longer.set(bytes);
  longer[bytes.length + 300] = 1;
  fs.place(first, longer);
  assert.equal(await readDamaged(fs, first, 2048), undefined);
});

test("an interrupted write of many sectors is mended whichever of them arrived", async () => {
  const { files, ends } = await sampleLog(16 * 1024);
  const bytes = files.get(first) as Uint8Array;
  const [start, end] = [ends.at(-2) as number, ends.at(-1) as number];
  const firstSector = Math.floor(start / 512);
  const count = Math.ceil(end / 512) - firstSector;
  for (let arrived = 0; arrived < 2 ** count; arrived++) {
    const torn = bytes.slice();
    for (let n = 0; n < count; n++) {
      const sector = (firstSector + n) * 512;
      if ((arrived & (1 << n)) === 0) torn.fill(0, Math.max(start, sector), sector + 512);
    }
    const fs = disk(new Map([[first, torn]]));
    const { wal, content } = await Wal.open(dir, origin, optionsFor(fs));
    assert.ok(
      content.entries.length >= 6 && content.entries.length <= 8,
      `sectors ${arrived.toString(2)}`,
    );
    assert.equal(content.hardState.commit, arrived === 2 ** count - 1 ? 5 : 3);
    await wal.close();
    const { next } = recordsOf(fs.content(first)).at(-1) as { next: number };
    assert.ok(
      fs
        .content(first)
        .subarray(next)
        .every((byte) => byte === 0),
    );
  }
});

test("known limit: a flipped bit in the last write looks like a torn one when its value has a sector of zeros", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  await save(wal, hardState(1, voter, 0), [entry(1, 1, "a")]);
  await save(wal, hardState(1, voter, 0), [entry(2, 1, new Uint8Array(2000))]);
  await wal.close();
  const record = recordsOf(fs.content(first)).at(-2) as { offset: number };
  fs.flip(first, record.offset + 30, 1);
  const opened = await Wal.open(dir, origin, optionsFor(fs));
  assert.equal(opened.content.entries.length, 1);
  assert.equal(await fs.exists(`${first}.broken`), true);
  await opened.wal.close();
});
