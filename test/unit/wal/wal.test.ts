import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogIndex, Term } from "../../../node/lib/units.ts";
import type { Entry } from "../../../node/raft/types.ts";
import { Wal } from "../../../node/wal/wal.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import {
  bytesOf,
  confState,
  dir,
  entry,
  flush,
  freshDisk,
  hardState,
  metadata,
  optionsFor,
  origin,
  plain,
  save,
  saveSnapshot,
  seeded,
  snapshotAt,
  voter,
} from "./wal-lab.ts";

const segmentNames = async (fs: MemoryFs): Promise<string[]> =>
  (await fs.readDir(dir)).filter((name) => name.endsWith(".wal"));

test("a new log holds its metadata, no state and no entries, and knows the empty snapshot", async () => {
  const fs = new MemoryFs();
  assert.equal(await Wal.exists(fs, dir), false);
  await (await Wal.create(dir, metadata, optionsFor(fs))).close();
  assert.equal(await Wal.exists(fs, dir), true);
  const { wal, content } = await Wal.open(dir, origin, optionsFor(fs));
  assert.deepEqual(content, { metadata, hardState: hardState(0, 0n, 0), entries: [] });
  assert.deepEqual((await Wal.survey(dir, optionsFor(fs))).snapshots, [origin]);
  await wal.close();
});

test("the first file begins with the very bytes that etcd 3.7 writes", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  await save(wal, hardState(1, metadata.nodeId, 0), [entry(1, 1, "x"), entry(2, 1, "")]);
  const head = Buffer.from(fs.content(`${dir}/0000000000000000-0000000000000000.wal`)).subarray(
    0,
    24,
  );
  // Frame of 4 bytes + 4 of padding, record {type 4, crc 0}; then the frame of 32 bytes of the metadata record.
  assert.equal(head.toString("hex"), "04000000000000840804100000000000" + "2000000000000000");
  await wal.close();
});

test("create refuses a directory that holds a log, and starts over where a crash interrupted it", async () => {
  const fs = new MemoryFs();
  fs.place(`${dir}.tmp/0000000000000000-0000000000000000.wal`, bytesOf(100));
  fs.place(`${dir}/1.tmp`, bytesOf(100));
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  await assert.rejects(Wal.create(dir, metadata, optionsFor(fs)), /holds a log already/);
  await wal.close();
});

test("entries of every kind come back as they were saved", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  const entries = [
    entry(1, 1, bytesOf(300), 1),
    entry(2, 1, ""),
    entry(3, 2, new Uint8Array(1000)),
    entry(4, 2 ** 40, bytesOf(5), 2),
    entry(5, 2 ** 53 - 1, bytesOf(127)),
  ];
  await save(wal, hardState(2 ** 53 - 1, voter, 3), entries);
  await wal.close();
  const { wal: again, content } = await Wal.open(dir, origin, optionsFor(fs));
  assert.deepEqual(plain(content.entries), plain(entries));
  assert.deepEqual(content.hardState, hardState(2 ** 53 - 1, voter, 3));
  await again.close();
});

test("the last hard state wins, and an entry saved again ends the log at its index", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  await save(wal, hardState(1, 1n, 1), [entry(1, 1, "a"), entry(2, 1, "b"), entry(3, 1, "c")]);
  await save(wal, hardState(2, 2n, 1), []);
  await save(wal, undefined, [entry(2, 2, "B")]);
  await wal.close();
  const { wal: again, content } = await Wal.open(dir, origin, optionsFor(fs));
  assert.deepEqual(plain(content.entries), plain([entry(1, 1, "a"), entry(2, 2, "B")]));
  assert.deepEqual(content.hardState, hardState(2, 2n, 1));
  await again.close();
});

test("a commit alone is not written at once, goes out with flush, the next save or close, and never before its entries", async () => {
  const fs = await freshDisk();
  const commitAfterCrash = async (): Promise<number> => {
    const copy = fs.crash(seeded(1), "nothing");
    const opened = await Wal.open(dir, origin, optionsFor(copy, { segmentBytes: 100 }));
    return opened.content.hardState.commit;
  };
  for (const how of ["nothing", "flush", "save", "close"]) {
    const disk = new MemoryFs();
    const log = await Wal.create(dir, metadata, optionsFor(disk));
    await save(log, hardState(1, voter, 0), [entry(1, 1, "a"), entry(2, 1, "b")]);
    await save(log, hardState(1, voter, 2), []);
    if (how === "flush") await flush(log);
    if (how === "save") await save(log, undefined, [entry(3, 1, "c")]);
    if (how === "close") await log.close();
    const opened = await Wal.open(dir, origin, optionsFor(disk.crash(seeded(1), "everything")));
    assert.equal(opened.content.hardState.commit, how === "nothing" ? 0 : 2, how);
  }
  // A save that waits behind a cut: the head of the new file must not know its commit yet.
  const wal = await Wal.create(dir, metadata, optionsFor(fs, { segmentBytes: 100 }));
  const snapshotSaved = saveSnapshot(wal, snapshotAt(0, 0));
  let isSaved = false;
  wal.save(hardState(1, voter, 1), [entry(1, 1, "a")], () => {
    isSaved = true;
  });
  await snapshotSaved;
  assert.equal(isSaved, false);
  assert.equal(await commitAfterCrash(), 0);
});

test("isSaving tells until done runs, and a second save meanwhile is a bug", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  const saved = save(wal, hardState(1, voter, 0), [entry(1, 1, "a")]);
  assert.equal(wal.isSaving, true);
  assert.throws(() => wal.save(undefined, [entry(2, 1, "b")], () => {}), {
    name: "AssertionError",
  });
  await saved;
  assert.equal(wal.isSaving, false);
  assert.throws(() => wal.save(undefined, [entry(3, 1, "gap")], () => {}), {
    name: "AssertionError",
  });
});

test("marks are queued behind a save, survive, and say themselves that they are committed", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  const order: string[] = [];
  const saved = save(wal, hardState(1, voter, 1), [entry(1, 1, "a"), entry(2, 1, "b")]);
  await Promise.all([
    saved.then(() => order.push("save")),
    saveSnapshot(wal, snapshotAt(2, 1)).then(() => order.push("snapshot 2")),
  ]);
  assert.deepEqual(order, ["save", "snapshot 2"]);
  assert.deepEqual((await Wal.survey(dir, optionsFor(fs))).snapshots, [origin, snapshotAt(2, 1)]);
  await wal.close();
  const { wal: again, content } = await Wal.open(dir, snapshotAt(2, 1), optionsFor(fs));
  assert.deepEqual(content.hardState, hardState(1, voter, 2));
  await again.close();
});

const saveReceived = (wal: Wal, index: number, commit: number, entries: Entry[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const snapshot = { ...snapshotAt(index, 3), confState: confState(1n, voter) };
    wal.saveReceived(snapshot, hardState(3, voter, commit), entries, (error) =>
      error === null ? resolve() : reject(error),
    );
  });

test("a received snapshot is valid with its hard state, and the log goes on behind it", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  await save(wal, hardState(1, voter, 2), [entry(1, 1, "a"), entry(2, 1, "b")]);
  await saveReceived(wal, 100, 100, [entry(101, 3, "behind the snapshot")]);
  await wal.close();
  assert.equal((await Wal.survey(dir, optionsFor(fs))).snapshots.length, 2);
  const { wal: again, content } = await Wal.open(dir, snapshotAt(100, 3), optionsFor(fs));
  assert.deepEqual(plain(content.entries), plain([entry(101, 3, "behind the snapshot")]));
  await again.close();
});

test("a received snapshot ends a log of older terms that was longer", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  const old = Array.from({ length: 9 }, (_, at) => entry(at + 1, 1, `old ${at + 1}`));
  await save(wal, hardState(1, voter, 2), old);
  await saveReceived(wal, 5, 5, []);
  await save(wal, undefined, [entry(6, 3, "new 6")]);
  await wal.close();
  const { wal: again, content } = await Wal.open(dir, snapshotAt(5, 3), optionsFor(fs));
  assert.deepEqual(plain(content.entries), plain([entry(6, 3, "new 6")]));
  await again.close();
});

test("a received snapshot whose hard state was lost never counts, however far the log grows", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  await save(wal, hardState(1, voter, 1), [entry(1, 1, "a")]);
  // As a torn write leaves it: the record without its hard state, and then the log goes on as if nothing had come.
  await saveReceived(wal, 3, 1, []);
  await wal.close();
  const { wal: again } = await Wal.open(dir, origin, optionsFor(fs));
  await save(again, hardState(3, voter, 4), [entry(2, 3, "b"), entry(3, 3, "c"), entry(4, 3, "d")]);
  await again.close();
  assert.deepEqual((await Wal.survey(dir, optionsFor(fs))).snapshots, [origin]);
});

test("open names the directory when the snapshot's record is missing or has another term", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  await save(wal, hardState(1, voter, 1), [entry(1, 1, "a")]);
  await saveSnapshot(wal, snapshotAt(1, 1));
  await wal.close();
  const open = (index: number, term: number): Promise<unknown> =>
    Wal.open(dir, { index: index as LogIndex, term: term as Term }, optionsFor(fs));
  await assert.rejects(open(1, 2), {
    name: "CorruptionError",
    message: /\/data\/member\/wal.*term 1, expected 2/,
  });
  await assert.rejects(open(2, 1), {
    name: "CorruptionError",
    message: /\/data\/member\/wal has no record/,
  });
  await assert.rejects(Wal.open("/nowhere", origin, optionsFor(fs)), /\/nowhere holds no log/);
});

test("files are cut at the segment size, the chain goes on over them, and the state stands at the head of each", async () => {
  const fs = new MemoryFs();
  const options = optionsFor(fs, { segmentBytes: 4096 });
  const wal = await Wal.create(dir, metadata, options);
  const entries = Array.from({ length: 60 }, (_, at) => entry(at + 1, 1, bytesOf(at * 10, at)));
  for (const one of entries) await save(wal, hardState(1, voter, one.index - 1), [one]);
  const names = await segmentNames(fs);
  assert.ok(names.length > 4, names.join());
  names.forEach((name, at) => assert.equal(Number.parseInt(name, 16), at));
  for (const name of names.slice(0, -1)) assert.ok(fs.content(`${dir}/${name}`).length >= 4096);
  await wal.close();
  assert.equal(
    (await fs.readDir(dir)).some((name) => name.endsWith(".tmp")),
    false,
  );
  const { wal: again, content } = await Wal.open(dir, origin, options);
  assert.deepEqual(plain(content.entries), plain(entries));
  assert.deepEqual(content.hardState, hardState(1, voter, 59));
  await save(again, undefined, [entry(61, 1, "more")]);
  await again.close();
});

test("a record larger than the segment overshoots it, as in etcd", async () => {
  const fs = new MemoryFs();
  const options = optionsFor(fs, { segmentBytes: 1024 });
  const wal = await Wal.create(dir, metadata, options);
  const entries = [entry(1, 1, bytesOf(5000)), entry(2, 1, bytesOf(20_000)), entry(3, 1, "c")];
  for (const one of entries) await save(wal, hardState(1, voter, 0), [one]);
  await wal.close();
  const { wal: again, content } = await Wal.open(dir, origin, options);
  assert.deepEqual(plain(content.entries), plain(entries));
  await again.close();
});

test("a file that is longer than its records is cut there when the next one follows", async () => {
  const fs = new MemoryFs();
  await (await Wal.create(dir, metadata, optionsFor(fs, { segmentBytes: 8192 }))).close();
  const options = optionsFor(fs, { segmentBytes: 512 });
  const { wal } = await Wal.open(dir, origin, options);
  for (const index of [1, 2])
    await save(wal, hardState(1, voter, 0), [entry(index, 1, bytesOf(500))]);
  await wal.close();
  const names = await segmentNames(fs);
  assert.ok(fs.content(`${dir}/${names[0]}`).length < 1024);
  const { wal: again, content } = await Wal.open(dir, origin, options);
  assert.equal(content.entries.length, 2);
  await again.close();
});

test("released files go, oldest first, but the newest maxWals and the one that begins below the index stay", async () => {
  const fs = new MemoryFs();
  const options = optionsFor(fs, { segmentBytes: 1024, maxWals: 2 });
  const wal = await Wal.create(dir, metadata, options);
  for (let index = 1; index <= 20; index++) {
    await save(wal, hardState(1, voter, index - 1), [entry(index, 1, bytesOf(600))]);
  }
  await saveSnapshot(wal, snapshotAt(12, 1));
  const before = await segmentNames(fs);
  wal.releaseTo(12 as LogIndex);
  await wal.purge();
  const after = await segmentNames(fs);
  assert.deepEqual(after, before.slice(-after.length));
  const firstIndexes = after.map((name) => Number.parseInt(name.slice(17), 16));
  assert.ok(
    (firstIndexes[0] as number) < 12 && (firstIndexes[1] as number) >= 12,
    firstIndexes.join(),
  );
  wal.releaseTo(20 as LogIndex);
  await wal.purge();
  assert.equal((await segmentNames(fs)).length, 2);
  await wal.close();
  const open = Wal.open(dir, snapshotAt(12, 1), options);
  await assert.rejects(open, { name: "CorruptionError", message: /but index 12 is needed/ });
});

test("a missing file in the middle is corruption", async () => {
  const fs = new MemoryFs();
  const options = optionsFor(fs, { segmentBytes: 1024 });
  const wal = await Wal.create(dir, metadata, options);
  for (let index = 1; index <= 6; index++) {
    await save(wal, hardState(1, voter, 0), [entry(index, 1, bytesOf(600))]);
  }
  await wal.close();
  const names = await segmentNames(fs);
  await fs.remove(`${dir}/${names[1]}`);
  await assert.rejects(Wal.open(dir, origin, options), {
    name: "CorruptionError",
    message: /a file is missing/,
  });
});

test("a failed write is final: this save, all that wait and all later ones get the error", async () => {
  const fs = new MemoryFs();
  const wal = await Wal.create(dir, metadata, optionsFor(fs));
  const broken = new Error("EIO");
  fs.failWith(broken);
  const failed = save(wal, hardState(1, voter, 0), [entry(1, 1, "a")]);
  const waiting = saveSnapshot(wal, snapshotAt(0, 0));
  const told = {
    name: "DiskError",
    cause: broken,
    message: /cannot write \/data\/member\/wal\/0{16}-0{16}[.]wal; /,
  };
  await assert.rejects(failed, told);
  await assert.rejects(waiting, told);
  fs.failWith(undefined);
  await assert.rejects(save(wal, hardState(1, voter, 0), [entry(1, 1, "a")]), told);
  await assert.rejects(save(wal, hardState(1, voter, 0), []), told);
  await wal.close();
});

test("a full disk stops the preparation of the next file, and the save that needs it fails only if it is still full", async () => {
  for (const isFreed of [true, false]) {
    const fs = new MemoryFs({ capacityBytes: 3000 });
    fs.place("/data/other", new Uint8Array(1500));
    const wal = await Wal.create(dir, metadata, optionsFor(fs, { segmentBytes: 1024 }));
    await flush(wal);
    if (isFreed) await fs.remove("/data/other");
    const saved = save(wal, hardState(1, voter, 0), [entry(1, 1, bytesOf(900))]);
    await (isFreed ? saved : assert.rejects(saved, { code: "ENOSPC" }));
  }
});

test("terms, indexes and commits above 2^53 and entry gaps are refused as corruption", async () => {
  const { RecordEncoder } = await import("../../../node/wal/record-encoder.ts");
  const { encodeMetadata } = await import("../../../node/wal/walpb.ts");
  const cases: readonly [string, (encoder: InstanceType<typeof RecordEncoder>) => void, RegExp][] =
    [
      ["index", (encoder) => encoder.entry(entry(2 ** 53, 1, "x")), /above 2\^53/],
      ["term", (encoder) => encoder.entry(entry(1, 2 ** 53, "x")), /above 2\^53/],
      ["commit", (encoder) => encoder.state(hardState(1, 1n, 2 ** 60)), /above 2\^53/],
      ["gap", (encoder) => encoder.entry(entry(2, 1, "x")), /entry 2 follows entry 0/],
      [
        "committed entries missing",
        (encoder) => encoder.state(hardState(1, 1n, 7)),
        /7 is committed/,
      ],
      [
        "metadata",
        (encoder) => encoder.metadata(encodeMetadata({ ...metadata, nodeId: voter })),
        /metadata differs/,
      ],
    ];
  for (const [name, write, message] of cases) {
    const encoder = new RecordEncoder(0);
    encoder.handOver();
    encoder.metadata(encodeMetadata(metadata));
    encoder.snapshot(origin);
    write(encoder);
    const fs = new MemoryFs();
    fs.place(
      `${dir}/0000000000000000-0000000000000000.wal`,
      encoder.bytes.slice(0, encoder.length),
    );
    await assert.rejects(
      Wal.open(dir, origin, optionsFor(fs)),
      { name: "CorruptionError", message },
      name,
    );
  }
});
