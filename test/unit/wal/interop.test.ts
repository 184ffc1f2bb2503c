/** etcd's own wal package reads our log, we read its, and each goes on in the other's: on a real disk, over file cuts. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SystemTimers } from "../../../node/lib/platform/clock.ts";
import { SystemFs } from "../../../node/lib/platform/fs.ts";
import type { LogIndex, Term } from "../../../node/lib/units.ts";
import type { Entry } from "../../../node/raft/types.ts";
import { Wal, type WalContent, type WalOptions } from "../../../node/wal/wal.ts";
import { peer } from "../../support/peers.ts";
import {
  bytesOf,
  confState,
  entry,
  hardState,
  metadata,
  optionsFor,
  origin,
  save,
  saveSnapshot,
} from "./wal-lab.ts";

const segmentBytes = 64 * 1024;
const options: WalOptions = optionsFor(new SystemFs(), {
  timers: new SystemTimers(),
  segmentBytes,
});

function walPeer(...args: (string | number)[]): Record<string, unknown>[] {
  const out = execFileSync(peer("wal"), args.map(String), {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Our content in the words of the Go program. */
function lines(content: WalContent): Record<string, unknown>[] {
  const { hardState: state } = content;
  return [
    ...content.entries.map(({ index, term, type, data }) => ({
      index,
      term,
      type,
      data: Buffer.from(data).toString("hex"),
    })),
    {
      term: state.term,
      vote: state.vote.toString(),
      commit: state.commit,
      nodeId: content.metadata.nodeId.toString(),
      clusterId: content.metadata.clusterId.toString(),
    },
  ];
}

async function open(dir: string, from = origin): Promise<{ wal: Wal; content: WalContent }> {
  return Wal.open(dir, from, options);
}

/** The history that the Go program's `write` makes. */
async function saveLikePeer(wal: Wal, from: number, count: number): Promise<void> {
  for (let index = from; index < from + count; index++) {
    const term = 1 + Math.floor(index / 50);
    const isConfChange = index % 50 === 0;
    const data = isConfChange
      ? Uint8Array.of(0x10, 0, 0x18, ...varint(index))
      : new Uint8Array(index % 70 === 0 ? 0 : index % 700).fill(0x76);
    const state = hardState(term, metadata.nodeId, index);
    await save(wal, state, [entry(index, term, data, isConfChange ? 1 : 0)]);
    if (index % 100 === 0) {
      const voters = confState(metadata.nodeId, BigInt(index));
      await saveSnapshot(wal, { index: index as LogIndex, term: term as Term, confState: voters });
    }
  }
}

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >> 7];

async function inDir(run: (dir: string) => Promise<void>): Promise<void> {
  const base = await mkdtemp(join(tmpdir(), "etcd-ts-wal-"));
  try {
    await run(join(base, "wal"));
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

const walFiles = async (dir: string): Promise<string[]> =>
  (await readdir(dir)).filter((name) => name.endsWith(".wal")).sort();

test("etcd reads our log whole, over file cuts, with overwritten entries, states and snapshot records", () =>
  inDir(async (dir) => {
    const wal = await Wal.create(dir, metadata, options);
    await saveLikePeer(wal, 1, 799);
    // A new leader overwrites the end.
    await save(wal, hardState(40, 7n, 780), [entry(790, 40, bytesOf(300)), entry(791, 40, "")]);
    await save(wal, hardState(41, (1n << 64n) - 1n, 785), []);
    await wal.close();
    assert.ok((await walFiles(dir)).length >= 3);
    const { wal: again, content } = await open(dir);
    await again.close();
    assert.equal(content.entries.length, 791);
    assert.deepEqual(walPeer("read", dir), lines(content));
    const snapshots = walPeer("snapshots", dir);
    assert.deepEqual(
      snapshots.map((snapshot) => snapshot["index"]),
      (await Wal.survey(dir, options)).snapshots.map((snapshot) => snapshot.index),
    );
    assert.deepEqual(snapshots.at(-1), {
      index: 700,
      term: 15,
      voters: [metadata.nodeId.toString(), "700"],
    });
    const fromSnapshot = await open(dir, { index: 700 as LogIndex, term: 15 as Term });
    await fromSnapshot.wal.close();
    assert.deepEqual(walPeer("read", dir, 700, 15), lines(fromSnapshot.content));
  }));

test("we read a log that etcd wrote, over file cuts", () =>
  inDir(async (dir) => {
    walPeer("write", dir, 800, segmentBytes);
    assert.ok((await walFiles(dir)).length >= 3);
    const { wal, content } = await open(dir);
    await wal.close();
    assert.equal(content.entries.length, 800);
    assert.deepEqual(lines(content), walPeer("read", dir));
    assert.equal((await Wal.survey(dir, options)).snapshots.length, 9);
    const fromSnapshot = await open(dir, { index: 500 as LogIndex, term: 11 as Term });
    await fromSnapshot.wal.close();
    assert.equal(fromSnapshot.content.entries.length, 300);
  }));

test("the same saves make the same bytes as etcd's", () =>
  inDir(async (dir) => {
    const wal = await Wal.create(dir, metadata, options);
    await saveLikePeer(wal, 1, 99);
    await wal.close();
    walPeer("write", `${dir}-etcd`, 99, segmentBytes);
    const [name] = await walFiles(dir);
    const [ours, theirs] = [
      await readFile(`${dir}/${name}`),
      await readFile(`${dir}-etcd/${name}`),
    ];
    assert.deepEqual(await walFiles(`${dir}-etcd`), [name]);
    assert.ok(ours.equals(theirs));
  }));

test("each goes on in a log that the other wrote, and both read the result alike", () =>
  inDir(async (dir) => {
    walPeer("write", dir, 300, segmentBytes);
    const first = await open(dir);
    await saveLikePeer(first.wal, 301, 300);
    await first.wal.close();
    walPeer("append", dir, 100);
    const second = await open(dir);
    const rest: Entry[] = [entry(701, 99, bytesOf(200))];
    await save(second.wal, hardState(99, 3n, 700), rest);
    await second.wal.close();
    const { wal, content } = await open(dir);
    await wal.close();
    assert.equal(content.entries.length, 701);
    assert.deepEqual(walPeer("read", dir), lines(content));
  }));

test("a torn tail: what etcd repairs of ours and what we repair of etcd's read the same afterwards", () =>
  inDir(async (dir) => {
    walPeer("write", dir, 60, segmentBytes);
    const [name] = await walFiles(dir);
    // Entries of etcd's are gone with this, one of them torn at a sector border.
    await truncate(`${dir}/${name}`, 5 * 512);
    await truncate(`${dir}/${name}`, segmentBytes);
    const { wal, content } = await open(dir);
    await wal.close();
    assert.deepEqual(await walFiles(dir), [name]);
    assert.deepEqual(walPeer("read", dir), lines(content));
    await truncate(`${dir}/${name}`, 2004);
    await rm(`${dir}/${name}.broken`, { force: true });
    await assert.rejects(open(dir), {
      name: "CorruptionError",
      message: /cut short at offset 2004/,
    });
    const [repaired] = walPeer("repair", dir);
    assert.equal(repaired, true);
    assert.ok((await readdir(dir)).includes(`${name}.broken`));
    const after = await open(dir);
    await after.wal.close();
    assert.ok(
      after.content.entries.length > 10 && after.content.entries.length < content.entries.length,
    );
    assert.deepEqual(walPeer("read", dir), lines(after.content));
  }));
