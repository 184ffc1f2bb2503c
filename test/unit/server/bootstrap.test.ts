import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "../../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { idToHex, logIndex, revision, term } from "../../../node/lib/units.ts";
import { memberFromJson } from "../../../node/membership/member.ts";
import { confChangeType, decodeConfChange } from "../../../node/proto/conf-change-codec.ts";
import { entryType } from "../../../node/raft/types.ts";
import { type Bootstrapped, bootstrap, type NewMember } from "../../../node/server/bootstrap.ts";
import { SnapDir, snapshotName } from "../../../node/snap/snap-dir.ts";
import { Wal } from "../../../node/wal/wal.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { seededRandom } from "../mvcc/key-parts.ts";
import {
  confState,
  dir,
  entry,
  hardState,
  hastyTimers,
  metadata,
  optionsFor,
  origin,
  quiet,
  save,
  saveSnapshot,
} from "../wal/wal-lab.ts";

const paths = { wal: dir, snap: "/data/member/snap", backend: "/data/member/backend" };
const snapsOf = (fs: MemoryFs): SnapDir =>
  new SnapDir(paths.snap, { fs, logger: quiet, maxSnapshots: 0 });
const own = ["http://localhost:2380"];
const newMember: NewMember = {
  name: "m1",
  peerUrls: own,
  clusterToken: "etcd-cluster",
  initialCluster: new Map([["m1", own]]),
  initialClusterState: "new",
};

function boot(fs: MemoryFs, disk = new MemoryDisk()): Promise<Bootstrapped> {
  const backend = new MemoryBackend(disk, { timers: hastyTimers });
  const snaps = snapsOf(fs);
  return bootstrap({ fs, paths, walOptions: optionsFor(fs), backend, snaps, newMember });
}

/** A backend disk that has applied up to this index. */
function applied(index: number): MemoryDisk {
  const disk = new MemoryDisk();
  disk.position = { consistentIndex: logIndex(index), term: term(1), revision: revision(1) };
  return disk;
}

/** A log with ten entries of term 1, all committed unless told otherwise; marks where wanted. */
async function logOf(fs: MemoryFs, marks: readonly number[] = [], commit = 10): Promise<void> {
  const made = await boot(fs);
  await made.wal.close();
  const { wal } = await Wal.open(dir, origin, optionsFor(fs));
  const entries = Array.from({ length: 9 }, (_, at) => entry(at + 2, 1, `e${at + 2}`));
  await save(wal, hardState(1, 0n, commit), entries);
  for (const index of marks) {
    await saveSnapshot(wal, {
      index: logIndex(index),
      term: term(1),
      confState: confState(metadata.nodeId),
    });
  }
  await wal.close();
}

async function corruption(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CorruptionError, String(error));
  return error.message;
}

test("a new directory gets etcd's ids and a log with the member's own conf change, committed", async () => {
  const { memberId, clusterId, storage, snapshotIndex, wal, cluster } = await boot(new MemoryFs());
  assert.equal(idToHex(memberId), "8e9e05c52164694d");
  assert.equal(idToHex(clusterId), "cdf818194e3a8c32");
  assert.equal(snapshotIndex, 0);
  assert.deepEqual(storage.initialHardState, { term: 1, vote: 0n, commit: 1 });
  assert.deepEqual(cluster.members, []);
  const [first] = storage.slice(logIndex(1), logIndex(2));
  assert.equal(first?.type, entryType.confChange);
  const change = decodeConfChange(first.data);
  assert.equal(change.type, confChangeType.addNode);
  assert.equal(change.nodeId, memberId);
  assert.deepEqual(memberFromJson(change.context), {
    id: memberId,
    peerUrls: newMember.peerUrls,
    isLearner: false,
    name: "m1",
    clientUrls: [],
  });
  await wal.close();
});

test("a new log survives a power cut right after it was made, with all its directories", async () => {
  const fs = new MemoryFs();
  const first = await boot(fs);
  const after = fs.crash(seededRandom(3), "nothing");
  const second = await boot(after);
  assert.equal(second.memberId, first.memberId);
  assert.equal(second.storage.lastIndex, 1);
});

test("a restart reads identity and log back, whatever the new options say", async () => {
  const fs = new MemoryFs();
  await logOf(fs, [], 7);
  const backend = new MemoryBackend(applied(4), { timers: hastyTimers });
  const changed = { ...newMember, name: "other", peerUrls: ["http://other:1"] };
  const options = { fs, paths, walOptions: optionsFor(fs), backend, snaps: snapsOf(fs) };
  const { memberId, storage, wal } = await bootstrap({ ...options, newMember: changed });
  assert.equal(idToHex(memberId), "8e9e05c52164694d");
  assert.equal(storage.lastIndex, 10);
  assert.equal(storage.initialHardState.commit, 7);
  await wal.close();
});

test("what the backend applied counts as committed, also where the log's commit lags", async () => {
  const fs = new MemoryFs();
  await logOf(fs, [], 3);
  const { storage, wal } = await boot(fs, applied(9));
  assert.equal(storage.initialHardState.commit, 9);
  await wal.close();
});

test("the log is read from the newest mark that the backend has reached", async () => {
  const fs = new MemoryFs();
  await logOf(fs, [4, 8]);
  const behind = await boot(fs, applied(6));
  assert.equal(behind.snapshotIndex, 4);
  assert.equal(behind.storage.firstIndex, 5);
  await behind.wal.close();
  const reached = await boot(fs, applied(8));
  assert.equal(reached.snapshotIndex, 8);
  assert.equal(reached.storage.lastIndex, 10);
  await reached.wal.close();
  const empty = await boot(fs);
  assert.equal(empty.snapshotIndex, 0);
  assert.equal(empty.storage.firstIndex, 1);
  await empty.wal.close();
});

test("a filled backend without a log is told as such, and no log is made", async () => {
  const fs = new MemoryFs();
  const text = await corruption(boot(fs, applied(5)));
  assert.match(
    text,
    /\/data\/member\/backend holds data, but there is no log in \/data\/member\/wal/,
  );
  assert.equal(fs.files().size, 0);
});

test("a log that ends before what the backend applied is told as lost writes", async () => {
  const fs = new MemoryFs();
  await logOf(fs);
  const text = await corruption(boot(fs, applied(11)));
  assert.match(text, /ends at index 10, but .* has applied up to 11; the log lost acknowledged/);
});

test("a backend that ends before every mark of the log is told as lost data", async () => {
  const fs = new MemoryFs();
  const made = await boot(fs);
  await made.wal.close();
  const walOptions = { ...optionsFor(fs), segmentBytes: 2048, maxWals: 1 };
  const { wal } = await Wal.open(dir, origin, walOptions);
  for (let index = 2; index <= 60; index++) {
    await save(wal, hardState(1, 0n, index), [entry(index, 1, "x".repeat(200))]);
  }
  const mark = { index: logIndex(60), term: term(1), confState: confState(metadata.nodeId) };
  await saveSnapshot(wal, mark);
  wal.releaseTo(logIndex(60));
  await wal.purge();
  await wal.close();
  const text = await corruption(boot(fs, applied(30)));
  assert.match(text, /ends at log index 30, before the log's first mark .* the backend lost data/);
});

test("a log that another process works on is refused, and nothing in it is changed", async () => {
  const fs = new MemoryFs();
  await logOf(fs, [4]);
  const first = await boot(fs, applied(6));
  const before = fs.files();
  await assert.rejects(boot(fs, applied(6)), /[.]wal is locked: another member works on this log/);
  assert.deepEqual(fs.files(), before);
  await first.wal.close();
  await (await boot(fs, applied(6))).wal.close();
});

test("a member that could not be brought to life leaves the log unlocked", async () => {
  const fs = new MemoryFs();
  await logOf(fs);
  await corruption(boot(fs, applied(11)));
  await (await boot(fs, applied(6))).wal.close();
});

test("a backend that knows other members only does not go with this log", async () => {
  const fs = new MemoryFs();
  await logOf(fs);
  const disk = applied(6);
  const other = new MemoryBackend(disk, { timers: hastyTimers });
  other.put("members", Buffer.from("1f"), Buffer.from('{"id":31,"peerURLs":["http://b:2380"]}'));
  await new Promise<void>((resolve, reject) => {
    other.commit(disk.position, (error) => (error === null ? resolve() : reject(error)));
  });
  await assert.rejects(
    boot(fs, disk),
    /is the log of member 8e9e05c52164694d of cluster cdf818194e3a8c32, but .* belongs to another cluster, with the members 1f/,
  );
});

test("a snap file that is missing or damaged is told, and keeps nobody from starting", async () => {
  const fs = new MemoryFs();
  await logOf(fs, [4, 8]);
  const snapDir = paths.snap;
  const saveFile = (index: number): Promise<void> =>
    snapsOf(fs).save({
      index: logIndex(index),
      term: term(1),
      confState: confState(metadata.nodeId),
      data: Buffer.from("{}"),
    });
  await fs.makeDir(snapDir);
  await saveFile(4);
  const told: unknown[] = [];
  const logger = { ...quiet, warn: (message: string) => void told.push(message) };
  const bootTold = async (): Promise<void> => {
    const backend = new MemoryBackend(applied(8), { timers: hastyTimers });
    const walOptions = { ...optionsFor(fs), logger };
    const snaps = new SnapDir(snapDir, { fs, logger, maxSnapshots: 0 });
    const made = await bootstrap({ fs, paths, walOptions, backend, snaps, newMember });
    assert.equal(made.snapshotIndex, 8);
    await made.wal.close();
  };
  const missing = "no whole snap file for the newest snapshot of the log";
  await bootTold();
  assert.deepEqual(told.splice(0), [missing]);
  await saveFile(8);
  await bootTold();
  assert.deepEqual(told.splice(0), []);
  fs.flip(`${snapDir}/${snapshotName({ index: logIndex(8), term: term(1) })}`, 9, 1);
  await bootTold();
  assert.deepEqual(told, ["renamed to a broken snap file", missing]);
});
