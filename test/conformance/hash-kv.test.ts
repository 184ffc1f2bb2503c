/** One history in a real etcd and in our store: HashKV at every revision, over compactions and restarts. */
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Client } from "../../node/client/client.ts";
import { logIndex, revision, term } from "../../node/lib/units.ts";
import { KvStore } from "../../node/mvcc/kv-store.ts";
import { needs, peer } from "../support/peers.ts";
import { freePort, ServerProcess } from "../support/server-process.ts";
import { seededRandom } from "../unit/mvcc/key-parts.ts";
import { RecordBook } from "../unit/mvcc/record-book.ts";

interface Write {
  readonly key: Uint8Array;
  /** Undefined deletes, up to `rangeEnd`. */
  readonly value?: Uint8Array;
  readonly rangeEnd?: Uint8Array;
}

class Ours {
  private readonly book = new RecordBook();
  private store: KvStore | undefined;

  async open(): Promise<void> {
    const random = seededRandom(1);
    this.store = await KvStore.open({
      backend: this.book,
      random,
      valueCacheBytesMax: 1e6,
      hashCompactions: true,
    });
  }

  get kv(): KvStore {
    assert.ok(this.store !== undefined);
    return this.store;
  }

  write(writes: readonly Write[]): number {
    this.kv.begin();
    for (const { key, value, rangeEnd } of writes) {
      if (value === undefined) this.kv.deleteRange(key, rangeEnd);
      else this.kv.putValue(key, 0, key.length, value, 0, value.length, 0n);
    }
    const current = this.kv.end();
    this.commit();
    return current;
  }

  async compact(at: number): Promise<void> {
    assert.equal(this.kv.compact(revision(at)), "ok");
    while (!this.kv.compactSlice(5)) await Promise.resolve();
    this.commit();
  }

  private commit(): void {
    const mark = this.kv.beforeCommit();
    const position = {
      consistentIndex: logIndex(1),
      term: term(1),
      revision: this.kv.currentRevision,
    };
    this.book.commit(position, () => {
      this.kv.afterCommit(mark);
    });
    this.book.land();
  }
}

class Theirs {
  private readonly directory = mkdtempSync(join(tmpdir(), "etcd-ts-hash-"));
  private process: ServerProcess | undefined;
  private connection: Client | undefined;

  async start(): Promise<void> {
    this.process = new ServerProcess({
      command: [peer("etcd")],
      dataDirectory: join(this.directory, "data"),
      logFile: join(this.directory, "etcd.log"),
      clientPort: await freePort(),
      peerPort: await freePort(),
      advertisedPeerPort: 2380,
    });
    await this.process.ready();
    this.connection = new Client({ endpoints: [this.process.address] });
  }

  /** A new process forgets the hashes that compactions have left with the old one. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  get client(): Client {
    assert.ok(this.connection !== undefined);
    return this.connection;
  }

  async write(writes: readonly Write[]): Promise<number> {
    const success = writes.map(({ key, value, rangeEnd }) =>
      value === undefined
        ? { type: "delete" as const, key, ...(rangeEnd === undefined ? {} : { rangeEnd }) }
        : { type: "put" as const, key, value },
    );
    return (await this.client.txn({ success })).header.revision;
  }

  async stop(): Promise<void> {
    this.connection?.close();
    await this.process?.stop();
  }

  async end(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function compareAt(ours: Ours, theirs: Theirs, at: number): Promise<void> {
  const { header, hash, compactRevision, hashRevision } = await theirs.client.hashKv({
    revision: at,
  });
  const expected = { kind: "ok", hash, compactRevision, hashRevision, revision: header.revision };
  assert.deepEqual(await ours.kv.hashKv(at), expected, `HashKV at ${at}`);
}

async function compareAll(ours: Ours, theirs: Theirs): Promise<void> {
  const { compactRevision, currentRevision } = ours.kv;
  for (let at = Math.max(0, compactRevision); at <= currentRevision; at++) {
    await compareAt(ours, theirs, at);
  }
  assert.deepEqual(await ours.kv.hashKv(currentRevision + 1), { kind: "futureRevision" });
  await assert.rejects(theirs.client.hashKv({ revision: currentRevision + 1 }));
  // Of earlier compactions the hashes are kept, of other revisions nothing.
  for (const { hashRevision } of ours.kv.compactionHashes)
    await compareAt(ours, theirs, hashRevision);
  const isKept = ours.kv.compactionHashes.some((kept) => kept.hashRevision === compactRevision - 1);
  if (compactRevision < 2 || isKept) return;
  assert.deepEqual(await ours.kv.hashKv(compactRevision - 1), { kind: "compacted" });
  await assert.rejects(theirs.client.hashKv({ revision: compactRevision - 1 }));
}

/** A transaction that etcd takes: no key twice. */
function randomTxn(random: () => number): Write[] {
  const keyOf = (n: number): Uint8Array => Buffer.from(`key-${String(n).padStart(2, "0")}`);
  const kind = random() % 20;
  if (kind === 0) return [{ key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) }];
  const first = random() % 24;
  if (kind < 3) return [{ key: keyOf(first), rangeEnd: keyOf(first + 5) }];
  return Array.from({ length: 1 + (random() % 3) }, (_, at) => ({
    key: keyOf((first + at) % 24),
    ...(random() % 3 === 0 ? {} : { value: Buffer.alloc(random() % 40, random() % 256) }),
  }));
}

test(
  "HashKV equals a real etcd's at every revision, before and after compactions and restarts",
  needs("etcd"),
  async () => {
    const luck = seededRandom(2024);
    const random = (): number => luck.uint32();
    const ours = new Ours();
    const theirs = new Theirs();
    try {
      await ours.open();
      await theirs.start();
      await compareAll(ours, theirs);
      for (let round = 0; round < 6; round++) {
        for (let n = 0; n < 40; n++) {
          const writes = randomTxn(random);
          assert.equal(ours.write(writes), await theirs.write(writes));
        }
        await compareAll(ours, theirs);
        const { currentRevision, compactRevision } = ours.kv;
        const at = currentRevision - (random() % Math.min(12, currentRevision - compactRevision));
        await ours.compact(at);
        await theirs.client.compact(at, { physical: true });
        // At the revisions of compactions both answer with what these have seen before they removed anything.
        await compareAll(ours, theirs);
        if (round % 2 === 0) continue;
        await theirs.restart();
        await ours.open();
        await compareAll(ours, theirs);
      }
      // Nothing is alive at the end: then etcd's rule is another.
      const all = [{ key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) }];
      const some = [{ key: Buffer.from("last"), value: Buffer.from("one") }];
      assert.equal(ours.write(some), await theirs.write(some));
      assert.equal(ours.write(all), await theirs.write(all));
      await compareAll(ours, theirs);
      const at = ours.kv.currentRevision;
      await ours.compact(at);
      await theirs.client.compact(at, { physical: true });
      // The hash of this very compaction counts its tombstones as kept.
      await compareAll(ours, theirs);
      await theirs.restart();
      await ours.open();
      await compareAll(ours, theirs);
    } finally {
      await theirs.end();
    }
  },
);
