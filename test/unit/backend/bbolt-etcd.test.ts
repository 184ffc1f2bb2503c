/** A real etcd on our database, and we on etcd's: HashKV says that both hold the same. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Database } from "../../../node/backend/bbolt/database.ts";
import { readState } from "../../../node/backend/bbolt/state-reader.ts";
import { MemoryBackend } from "../../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import { MemoryDisks, MemoryHome } from "../../../node/backend/memory-home.ts";
import { Client } from "../../../node/client/client.ts";
import { fromText, toText } from "../../../node/lib/bytes.ts";
import { SystemTimers } from "../../../node/lib/platform/clock.ts";
import { logIndex, revision } from "../../../node/lib/units.ts";
import { KvStore } from "../../../node/mvcc/kv-store.ts";
import { at, commit } from "../../contract/backend.ts";
import { chunksOf } from "../../contract/snapshot.ts";
import { needs, peer } from "../../support/peers.ts";
import { freePort, ServerProcess } from "../../support/server-process.ts";
import { seededRandom } from "../mvcc/key-parts.ts";
import { inTempDir, pagesOf } from "./bbolt-lab.ts";

const timers = new SystemTimers();

const openStore = (backend: MemoryBackend): Promise<KvStore> =>
  KvStore.open({ backend, random: seededRandom(1), valueCacheBytesMax: 1e6 });

async function sealed(kv: KvStore, backend: MemoryBackend, index: number): Promise<void> {
  const mark = kv.beforeCommit();
  await commit(backend, at(index, kv.currentRevision, 3));
  kv.afterCommit(mark);
}

/** Some 600 revisions over 40 keys with deletions and large values, compacted. */
async function filled(clusterVersion: string): Promise<{ kv: KvStore; backend: MemoryBackend }> {
  const backend = new MemoryBackend(new MemoryDisk(), { timers });
  const kv = await openStore(backend);
  const random = seededRandom(77);
  for (let n = 0; n < 600; n++) {
    const key = fromText(`key-${random.uint32() % 40}`);
    kv.begin();
    if (random.uint32() % 4 === 0) kv.deleteRange(key, undefined);
    else {
      const value = Buffer.alloc(n % 97 === 0 ? 9000 : random.uint32() % 300, n);
      kv.putValue(key, 0, key.length, value, 0, value.length, 0n);
    }
    kv.end();
  }
  await sealed(kv, backend, 1000);
  const compactAt = revision(kv.currentRevision - 150);
  assert.equal(kv.compact(compactAt), "ok");
  while (!kv.compactSlice(50)) await Promise.resolve();
  backend.put("cluster", fromText("clusterVersion"), fromText(clusterVersion));
  await sealed(kv, backend, 1001);
  return { kv, backend };
}

function etcdutl(...args: readonly string[]): string {
  return execFileSync(peer("etcdutl"), args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

interface HashAnswer {
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

async function hashOf(kv: KvStore, rev: number): Promise<HashAnswer> {
  const answer = await kv.hashKv(rev);
  assert.equal(answer.kind, "ok");
  const { hash, compactRevision, hashRevision } = answer;
  return { hash, compactRevision, hashRevision };
}

async function withEtcd<Result>(
  options: {
    readonly dataDirectory: string;
    readonly logFile: string;
    readonly program?: string;
  },
  run: (client: Client, address: string) => Promise<Result>,
): Promise<Result> {
  const process = new ServerProcess({
    command: [peer(options.program ?? "etcd")],
    dataDirectory: options.dataDirectory,
    logFile: options.logFile,
    clientPort: await freePort(),
    peerPort: await freePort(),
    advertisedPeerPort: 2380,
  });
  await process.ready();
  const client = new Client({ endpoints: [process.address] });
  try {
    return await run(client, process.address);
  } finally {
    client.close();
    await process.stop();
  }
}

for (const { program, version } of [
  { program: "etcd", version: "3.7.0" },
  { program: "etcd36", version: "3.6.0" },
]) {
  test(
    `etcdutl accepts our database, and a member of ${version} that is restored from it has our HashKV and our keys`,
    needs(program, "etcdutl"),
    () =>
      inTempDir(async (dir) => {
        const { kv, backend } = await filled(version);
        const bytes = Buffer.concat(await chunksOf(backend.openSnapshot()));
        const path = join(dir, "ours.db");
        writeFileSync(path, bytes);
        checkTools(path, version, kv);
        for (const rev of [kv.currentRevision, kv.currentRevision - 60, kv.currentRevision - 150]) {
          const { hash, compactRevision, hashRevision } = hashByTool(path, rev);
          assert.deepEqual({ hash, compactRevision, hashRevision }, await hashOf(kv, rev));
        }
        const dataDirectory = restoredFrom(dir, bytes);
        const logFile = join(dir, "etcd.log");
        await withEtcd({ dataDirectory, logFile, program }, async (client) => {
          const { hash, compactRevision, hashRevision } = await client.hashKv({
            revision: kv.currentRevision,
          });
          assert.deepEqual(
            { hash, compactRevision, hashRevision },
            await hashOf(kv, kv.currentRevision),
          );
          const { header } = await client.put(fromText("more"), fromText("v"));
          assert.equal(header.revision, kv.currentRevision + 1);
        });
      }),
  );
}

function checkTools(path: string, version: string, kv: KvStore): void {
  const text = etcdutl("snapshot", "status", path, "-w", "json");
  const status = JSON.parse(text) as Record<string, unknown>;
  assert.equal(status["revision"], kv.currentRevision);
  assert.equal(status["version"], version);
}

const hashByTool = (path: string, rev: number): HashAnswer =>
  JSON.parse(etcdutl("hashkv", path, "--rev", `${rev}`, "-w", "json")) as HashAnswer;

/** Through a backup file, which is the database with its sum behind it. Returns the data directory. */
function restoredFrom(dir: string, database: Uint8Array): string {
  const backup = join(dir, "backup.db");
  writeFileSync(backup, Buffer.concat([database, createHash("sha256").update(database).digest()]));
  const data = join(dir, "data");
  const url = "http://127.0.0.1:2380";
  const cluster = ["--name", "m1", "--initial-cluster", `m1=${url}`];
  etcdutl(
    "snapshot",
    "restore",
    backup,
    "--data-dir",
    data,
    ...cluster,
    "--initial-advertise-peer-urls",
    url,
  );
  return data;
}

test(
  "the file of a stopped etcd and what etcdctl saves of it are read: HashKV, leases, users and members are etcd's",
  needs("etcd", "etcdctl"),
  () =>
    inTempDir(async (dir) => {
      const dataDirectory = join(dir, "data");
      const saved = join(dir, "saved.db");
      const options = { dataDirectory, logFile: join(dir, "etcd.log") };
      const theirs = await withEtcd(options, async (client, address) => {
        const etcdctl = (...args: readonly string[]): string =>
          execFileSync(peer("etcdctl"), ["--endpoints", address, ...args], {
            encoding: "utf8",
            stdio: "pipe",
          });
        etcdctl("lease", "grant", "3600");
        etcdctl("user", "add", "anna:secret");
        etcdctl("role", "add", "reader");
        for (let n = 0; n < 700; n++)
          await client.put(fromText(`key-${n % 50}`), Buffer.alloc((n * 37) % 4000, n));
        await client.delete(fromText("key-7"));
        const { revision: newest } = (await client.put(fromText("last"), fromText("v"))).header;
        await client.compact(newest - 100, { physical: true });
        etcdctl("snapshot", "save", saved);
        const { hash, compactRevision, hashRevision } = await client.hashKv({ revision: newest });
        return { hash, compactRevision, hashRevision, newest };
      });
      const backend = new MemoryBackend(new MemoryDisk(), { timers });
      const file = readFileSync(join(dataDirectory, "member/snap/db"));
      const { position, ignored } = await readState(await Database.open(pagesOf(file)), {
        bucketEntry: (bucket, key, value) => backend.put(bucket, key, value),
        record: (main, ...rest) => backend.append(revision(main), ...rest),
        pageDone: () => undefined,
      });
      await commit(backend, position);
      assert.deepEqual(ignored, []);
      await checkAgainst(theirs, backend);

      const home = new MemoryHome(new MemoryDisks(), { timers });
      const receiver = await home.receive();
      const backup = readFileSync(saved);
      await receiver.write(backup.subarray(0, backup.length - 32));
      const { consistentIndex } = await receiver.finish();
      await checkAgainst(theirs, await home.install(logIndex(consistentIndex)));
    }),
);

async function checkAgainst(
  { newest, ...theirs }: HashAnswer & { readonly newest: number },
  backend: MemoryBackend,
): Promise<void> {
  const names = (bucket: "authUsers" | "authRoles"): string[] =>
    backend.entries(bucket).map(({ key }) => toText(key));
  assert.deepEqual([names("authUsers"), names("authRoles")], [["anna"], ["reader"]]);
  assert.equal(backend.entries("lease").length, 1);
  assert.equal(backend.entries("members").length, 1);
  const kv = await openStore(backend);
  assert.equal(kv.currentRevision, newest);
  assert.deepEqual(await hashOf(kv, newest), theirs);
}
