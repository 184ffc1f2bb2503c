/** A real etcd and our member on one directory: neither works where the other does, and each reads the other's snap files. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { SystemTimers } from "../../node/lib/platform/clock.ts";
import { SystemFs } from "../../node/lib/platform/fs.ts";
import { idToHex } from "../../node/lib/units.ts";
import { SnapDir } from "../../node/snap/snap-dir.ts";
import { decodeSnapshotFile } from "../../node/snap/snapshot-file.ts";
import { encodeV2Store } from "../../node/snap/v2-store.ts";
import { Wal } from "../../node/wal/wal.ts";
import { KvConnection } from "../support/kv-connection.ts";
import { needs, peer } from "../support/peers.ts";
import { ourServer, type ServerCommand, type ServerProcess } from "../support/server-process.ts";
import { optionsFor, quiet } from "../unit/wal/wal-lab.ts";
import { freshPorts, type Ports, startWith, stopAll } from "./start.ts";

const home = mkdtempSync(join(tmpdir(), "etcd-ts-disk-"));
after(async () => {
  await stopAll();
  rmSync(home, { recursive: true });
});

const ours = ourServer() as ServerCommand;
const fs = new SystemFs();
const walOptions = optionsFor(fs, { timers: new SystemTimers() });

async function putMany(address: string, count: number): Promise<void> {
  const connection = new KvConnection(address);
  for (let at = 0; at < count; at++) await connection.put(`key/${at}`, `value ${at}`);
  connection.close();
}

interface SnapLine {
  readonly index: number;
  readonly term: number;
  readonly voters: readonly string[];
  readonly members: readonly { readonly name: string; readonly clientURLs: readonly string[] }[];
  readonly version: string;
}

const snapLine = (snapDir: string, walDir: string): SnapLine =>
  JSON.parse(
    execFileSync(peer("wal"), ["snap", snapDir, walDir], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  ) as SnapLine;

const etcdsLock = (path: string): string =>
  execFileSync(peer("wal"), ["lock", path], { encoding: "utf8" }).trim();

const segmentsIn = (walDir: string): string[] =>
  readdirSync(walDir)
    .filter((name) => name.endsWith(".wal"))
    .map((name) => join(walDir, name));

/** Runs until the process ends by itself; its log. */
async function refused(member: ServerProcess): Promise<string> {
  await assert.rejects(member.ready(20_000));
  const { end } = member;
  await member.stop("SIGKILL");
  assert.notEqual(end, undefined, `it did not end by itself\n${member.logTail()}`);
  return member.logTail(40);
}

suite("beside a real etcd", needs("etcd", "wal"), () => {
  let ports: Ports;

  test("our live directory refuses it, our member lives on and starts again; our snap files are read by etcd's code", async () => {
    ports = await freshPorts();
    const data = join(home, "ours");
    const start = (...flags: string[]): ServerProcess => startWith(ours, data, { ports, flags });
    let member = start();
    await member.ready();
    await putMany(member.address, 5);
    const walDir = join(data, "member/wal");
    for (const path of segmentsIn(walDir)) assert.equal(etcdsLock(path), "locked", path);
    const etcd = startWith([peer("etcd")], data, { ports: await freshPorts(), advertised: ports });
    const log = await refused(etcd);
    assert.match(log, /TryLockFile failed: fileutil: file already locked/);
    // It has made a database of its own beside our backend by then: that must keep nobody out.
    await putMany(member.address, 5);
    await member.stop();
    member = start("--snapshot-count=10", "--max-snapshots=2", "--backend-batch-limit=5");
    await member.ready();
    await putMany(member.address, 200);
    await member.stop();
    for (const path of segmentsIn(walDir)) assert.equal(etcdsLock(path), "free", path);

    const snapDir = join(data, "member/snap");
    const names = readdirSync(snapDir).filter((name) => name.endsWith(".snap"));
    assert.equal(names.length, 2, names.join());
    const line = snapLine(snapDir, walDir);
    assert.equal(line.version, "3.7.0");
    assert.deepEqual(
      line.members.map(({ name, clientURLs }) => [name, clientURLs]),
      [["m1", [`http://127.0.0.1:${ports.client}`]]],
    );
    assert.equal(line.voters.length, 1);
  });

  test("its live directory refuses us, also when only the log's is shared", async () => {
    ports = await freshPorts();
    const data = join(home, "etcds");
    const etcd = startWith([peer("etcd")], data, { ports, flags: ["--snapshot-count=10"] });
    await etcd.ready();
    await putMany(etcd.address, 25);
    const whole = startWith(ours, data, { ports: await freshPorts(), advertised: ports });
    assert.match(await refused(whole), /holds the database of a real etcd/);
    const shared = [`--wal-dir=${join(data, "member/wal")}`];
    const half = startWith(ours, join(home, "half"), {
      ports: await freshPorts(),
      advertised: ports,
      flags: shared,
    });
    assert.match(await refused(half), /[.]wal is locked: another member works on this log; stop/);
    await putMany(etcd.address, 1);
    await etcd.stop();
  });

  test("its snap files are read by us, and ours of the same membership has the same bytes", async () => {
    const data = join(home, "etcds");
    const snapDir = join(home, "copied-snap");
    mkdirSync(snapDir);
    const names = readdirSync(join(data, "member/snap")).filter((name) => name.endsWith(".snap"));
    assert.ok(names.length > 0);
    for (const name of names) copyFileSync(join(data, "member/snap", name), join(snapDir, name));
    const { snapshots } = await Wal.survey(join(data, "member/wal"), walOptions);
    const snaps = new SnapDir(snapDir, { fs, logger: quiet, maxSnapshots: 0 });
    const found = await snaps.loadNewest(snapshots);
    const line = snapLine(snapDir, join(data, "member/wal"));
    assert.ok(found !== undefined);
    assert.deepEqual([found.index, found.term], [line.index, line.term]);
    assert.deepEqual(found.confState.voters.map(String), line.voters);

    const [id] = found.confState.voters;
    assert.ok(id !== undefined);
    const membership = {
      members: [
        {
          id,
          peerUrls: [`http://127.0.0.1:${ports.peer}`],
          isLearner: false,
          name: "m1",
          clientUrls: [`http://127.0.0.1:${ports.client}`],
        },
      ],
      removed: [],
      version: "3.7.0",
    };
    assert.equal(
      Buffer.from(encodeV2Store(membership)).toString(),
      Buffer.from(found.data).toString(),
      idToHex(id),
    );
    const again = join(home, "again");
    mkdirSync(again);
    await new SnapDir(again, { fs, logger: quiet, maxSnapshots: 0 }).save(found);
    const [name] = readdirSync(again);
    const theirs = readFileSync(join(snapDir, name as string));
    assert.deepEqual(readFileSync(join(again, name as string)), theirs);
    assert.equal(decodeSnapshotFile(theirs).index, found.index);
  });
});
