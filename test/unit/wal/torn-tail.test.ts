/**
 * Damage and power cuts over whole logs of many files and writes. The last write counts as never acknowledged; all others do, and
 * must be read back whole, or the log must be refused with the file and the place.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { parseRecord, RecordView } from "../../../node/wal/record.ts";
import { Replay } from "../../../node/wal/replay.ts";
import { readSegments } from "../../../node/wal/segment-reader.ts";
import { Wal } from "../../../node/wal/wal.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
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

interface Log {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly last: string;
  /** Position in the last file where each write to it ends, and the entries there are by then. */
  readonly writes: readonly { readonly end: number; readonly entries: number }[];
  readonly entries: readonly unknown[];
  readonly segmentBytes: number;
}

/** Entries of all sizes in writes of one to five, with votes, commits and snapshot records between them. */
async function makeLog(
  seed: number,
  segmentBytes: number,
  entryCount: number,
  sizes = { usual: 200, long: 4000 },
): Promise<Log> {
  const random = new SeededRandom(seed);
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs, { segmentBytes }));
  const all: ReturnType<typeof entry>[] = [];
  const writes: { file: string; end: number; entries: number }[] = [];
  while (all.length < entryCount) {
    const batch: ReturnType<typeof entry>[] = [];
    for (let n = 1 + random.below(5); n > 0; n--) {
      const size = random.below(random.chance(0.1) ? sizes.long : sizes.usual);
      batch.push(entry(all.length + batch.length + 1, 3, bytesOf(size, random.uint32())));
    }
    all.push(...batch);
    await save(wal, hardState(3, voter, all.length - batch.length), batch);
    if (random.chance(0.1)) await saveSnapshot(wal, snapshotAt(all.length - batch.length, 3));
    const file = lastOf(fs);
    writes.push({ file, end: endOf(fs.content(file)), entries: all.length });
  }
  await wal.close();
  const last = lastOf(fs);
  return {
    files: new Map([...fs.files()].filter(([path]) => path.endsWith(".wal"))),
    last,
    writes: writes.filter(({ file }) => file === last),
    entries: plain(all),
    segmentBytes,
  };
}

const lastOf = (fs: MemoryFs): string =>
  [...fs.files().keys()].filter((path) => path.endsWith(".wal")).at(-1) as string;

function recordsOf(bytes: Uint8Array): RecordView[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const records: RecordView[] = [];
  for (let at = 0; ; at = (records.at(-1) as RecordView).next) {
    const record = new RecordView();
    if (parseRecord(buffer, at, record) !== "record") return records;
    records.push(record);
  }
}

const endOf = (bytes: Uint8Array): number => recordsOf(bytes).at(-1)?.next ?? 0;

function diskOf(files: ReadonlyMap<string, Uint8Array>): MemoryFs {
  const fs = new MemoryFs();
  for (const [path, bytes] of files) fs.place(path, bytes);
  return fs;
}

/** The entries read, or the message of the refusal. */
async function readBack(fs: MemoryFs, segmentBytes: number): Promise<readonly unknown[] | string> {
  try {
    const { wal, content } = await Wal.open(dir, origin, optionsFor(fs, { segmentBytes }));
    await wal.close();
    return plain(content.entries);
  } catch (error) {
    assert.ok(error instanceof CorruptionError, String(error));
    return error.message;
  }
}

/** The first `acknowledged` entries are there, and what comes behind was really written. */
function checkPrefix(
  found: readonly unknown[],
  log: Log,
  acknowledged: number,
  what: string,
): void {
  assert.ok(found.length >= acknowledged, `${what}: ${found.length} entries of ${acknowledged}`);
  assert.deepEqual(found, log.entries.slice(0, found.length), what);
}

suite("bits flipped at seeded places of whole logs", () => {
  /** A place in the record for each of its parts. */
  const parts = {
    length: (record: RecordView, random: SeededRandom) => record.offset + random.below(8),
    type: (record: RecordView) => record.offset + 9,
    crc: (record: RecordView, random: SeededRandom) => record.offset + 11 + random.below(5),
    data: (record: RecordView, random: SeededRandom) =>
      record.dataStart + random.below(Math.max(1, record.dataEnd - record.dataStart)),
  };
  for (const [part, placeIn] of Object.entries(parts)) {
    test(`in the ${part} of a record`, async () => {
      for (let seed = 1; seed <= 4; seed++) {
        const log = await makeLog(seed, 32 * 1024, 500);
        const random = new SeededRandom(seed + 100);
        const [before = { end: 0, entries: 0 }] = log.writes.slice(-2);
        let found = 0;
        for (let flip = 0; flip < 150; flip++) {
          const path = random.pick([...log.files.keys()]);
          const record = random.pick(recordsOf(log.files.get(path) as Uint8Array));
          const at = placeIn(record, random);
          if (at >= record.next) continue;
          const fs = diskOf(log.files);
          fs.flip(path, at, 1 << random.below(8));
          const read = await readBack(fs, log.segmentBytes);
          const what = `seed ${seed}, ${path}, byte ${at}`;
          if (typeof read !== "string") {
            // Padding, or the write that nobody heard of.
            checkPrefix(read, log, before.entries, what);
            const isPadding = at >= (record.hasData ? record.dataEnd : record.offset + 12);
            const isLast = path === log.last && at >= before.end;
            assert.ok(isPadding || isLast || read.length === log.entries.length, what);
            assert.ok(isPadding || isLast, `${what} went unseen`);
            continue;
          }
          found += 1;
          assert.ok(read.includes(dir), read);
          assert.match(read, /at offset \d+|is missing|has no|behind|committed/);
        }
        assert.ok(found > 60, `${found} found`);
      }
    });
  }
});

suite("the last 64 KiB of a log", () => {
  const segmentBytes = 80 * 1024;
  /** Long entries: what counts here is the number of bytes. */
  const sizes = { usual: 1500, long: 4000 };
  /** ETCD_TS_CUT_STEP=1 takes every byte (a minute and more); 13 meets every remainder of 8 and of 512. */
  const step = Number(process.env["ETCD_TS_CUT_STEP"] ?? 13);

  test("cut off at any byte: refused, with the file and the place", async () => {
    const log = await makeLog(7, segmentBytes, 168, sizes);
    const bytes = log.files.get(log.last) as Uint8Array;
    const dataEnd = endOf(bytes);
    assert.ok(dataEnd > 64 * 1024, `${dataEnd} bytes of records`);
    const fs = diskOf(log.files);
    for (let length = dataEnd - 64 * 1024; length <= dataEnd; length += step) {
      fs.place(log.last, bytes.subarray(0, length));
      const read = await readBack(fs, segmentBytes);
      if (typeof read !== "string") assert.fail(`${length} bytes were read`);
      assert.ok(read.includes(log.last), read);
      assert.match(read, /at offset \d+/);
    }
    assert.deepEqual([...fs.files().keys()], [...log.files.keys()]);
  });

  test("a write that stopped at any byte: all before that write is there, or the log is refused", async () => {
    const log = await makeLog(8, segmentBytes, 168, sizes);
    const bytes = log.files.get(log.last) as Uint8Array;
    const dataEnd = endOf(bytes);
    assert.ok(dataEnd > 64 * 1024, `${dataEnd} bytes of records`);
    const torn = bytes.slice();
    const paths = [...log.files.keys()];
    const content = async (path: string): Promise<Uint8Array> =>
      path === log.last ? torn : (log.files.get(path) as Uint8Array);
    const fs = { readFile: content } as unknown as MemoryFs;
    let whole = 0;
    // From the end: each step takes more away.
    for (let length = dataEnd; length >= dataEnd - 64 * 1024; length -= step) {
      torn.fill(0, length, length + step);
      const acknowledged = log.writes.findLast(({ end }) => end <= length)?.entries ?? 0;
      const replay = new Replay(origin);
      try {
        await readSegments(fs, paths, replay.visit);
      } catch (error) {
        assert.ok(error instanceof CorruptionError, String(error));
        assert.ok(error.message.includes(log.last), error.message);
        // Not a tear that a disk can make: it writes a sector whole.
        assert.notEqual(length % 512, 0, `${length} bytes: ${error.message}`);
        continue;
      }
      whole += 1;
      const count = replay.entries.length;
      assert.ok(count >= acknowledged, `${length} bytes: ${count} entries of ${acknowledged}`);
      if (length % 8 !== 0) continue;
      assert.deepEqual(plain(replay.entries), log.entries.slice(0, count));
      const mended = await readBack(
        diskOf(new Map([...log.files, [log.last, torn]])),
        segmentBytes,
      );
      assert.equal(mended.length, count, String(mended));
    }
    assert.ok(whole > 0, "none was read");
  });
});
