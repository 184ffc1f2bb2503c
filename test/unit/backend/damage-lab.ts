/**
 * Builds a LevelDB backend with a known history in tables, log and manifest, and judges what opening a damaged copy yields.
 * The promise under test: damage is reported, or what is read is exactly the state of a commit that the backend names.
 */
import assert from "node:assert/strict";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Backend, recordKind } from "../../../node/backend/backend.ts";
import { LevelBackend, type LevelBackendOptions } from "../../../node/backend/level-backend.ts";
import { LevelStore, type WriteBatch } from "../../../node/backend/level-store.ts";
import { cloneBytes, fromText, toText } from "../../../node/lib/bytes.ts";
import { revision } from "../../../node/lib/units.ts";
import { append, at, commit, type SeenRecord, scanAll } from "../../contract/backend.ts";

/** State after each commit, by its consistentIndex. */
type History = Map<number, { readonly records: readonly SeenRecord[]; readonly bucket: string }>;

const storeOptions = { writeBufferBytes: 1 << 20, blockCacheBytes: 1 << 20 };

export type Verdict = "reported" | "intact" | "earlier commit";

const bucketText = (backend: Backend): string =>
  backend
    .entries("lease")
    .map(({ key, value }) => `${toText(key)}=${toText(value)}`)
    .join(" ");

export class DamageLab {
  readonly dir: string;
  readonly history: History = new Map();
  private readonly options: LevelBackendOptions;
  private valueBytes = 0;

  constructor(dir: string, options: LevelBackendOptions, writeBufferBytes = 1 << 16) {
    this.dir = dir;
    this.options = { ...options, writeBufferBytes };
  }

  /** Writes `batches` batches, each with records, removals, bucket changes or nothing, reopening twice on the way. */
  async build(batches: number, valueBytes: number): Promise<void> {
    this.valueBytes = valueBytes;
    let backend = await LevelBackend.open(this.dir, this.options);
    this.history.set(0, { records: [], bucket: "" });
    let records: SeenRecord[] = [];
    let rev = 1;
    for (let index = 1; index <= batches; index++) {
      // Compaction: of what is older than the newest eight, one in four stays.
      if (index % 10 === 0) {
        const old = records.slice(0, -8).filter(({ main }) => main % 4 !== 0);
        for (const { main, sub } of old) backend.remove(revision(main), sub);
        records = records.filter((record) => !old.includes(record));
      }
      for (let n = 0; n < index % 5; n++) {
        rev++;
        const record = {
          main: rev,
          sub: 0,
          kind: rev % 7 === 0 ? recordKind.tombstone : recordKind.put,
          text: `${rev}`.padEnd(valueBytes, "~"),
        };
        records = [...records, record];
        append(backend, record.main, record.sub, record.text, record.kind);
      }
      if (index % 3 === 0)
        backend.put("lease", fromText(`lease ${index % 6}`), fromText(`granted at ${index}`));
      if (index % 11 === 0) backend.delete("lease", fromText("lease 3"));
      await commit(backend, at(index, rev));
      this.history.set(index, { records, bucket: bucketText(backend) });
      if (index % Math.ceil(batches / 3) === 0 && index < batches) {
        await backend.close();
        backend = await LevelBackend.open(this.dir, this.options);
      }
    }
    await backend.close();
  }

  async files(ending: RegExp): Promise<string[]> {
    return (await readdir(this.dir)).filter((name) => ending.test(name)).sort();
  }

  async sizeOf(file: string): Promise<number> {
    return (await readFile(join(this.dir, file))).length;
  }

  /** Damages a copy and opens, scans and reads it; throws when it hands out anything but a committed state. */
  async judge(damage: (dir: string) => Promise<void>): Promise<Verdict> {
    const copy = `${this.dir}-copy`;
    await rm(copy, { recursive: true, force: true });
    await cp(this.dir, copy, { recursive: true });
    await damage(copy);
    let backend: LevelBackend | undefined;
    try {
      backend = await LevelBackend.open(copy, this.options);
      const seen = await scanAll(backend);
      return this.compare(backend, seen);
    } catch (error) {
      assert.ok(
        error instanceof Error && error.message.includes(copy),
        `names no place: ${String(error)}`,
      );
      return "reported";
    } finally {
      await backend?.close();
    }
  }

  judgeFlip(file: string, offset: number, mask: number): Promise<Verdict> {
    return this.judge(async (dir) => {
      const path = join(dir, file);
      const bytes = await readFile(path);
      bytes[offset] = (bytes[offset] ?? 0) ^ mask;
      await writeFile(path, bytes);
    });
  }

  /** The same for damage that LevelDB stored faithfully: `change` works on the entries themselves. */
  judgeChange(change: (store: LevelStore, batch: WriteBatch) => void): Promise<Verdict> {
    return this.judge((dir) => this.changeEntries(dir, change));
  }

  /** All entries, as LevelDB has them. */
  async entries(): Promise<readonly (readonly [Uint8Array, Uint8Array])[]> {
    return this.entriesOf(this.dir);
  }

  /** The same as they were after batch `index`. */
  async entriesAfter(index: number): Promise<readonly (readonly [Uint8Array, Uint8Array])[]> {
    const early = new DamageLab(`${this.dir}-early`, this.options);
    await early.build(index, this.valueBytes);
    return early.entries();
  }

  private async entriesOf(dir: string): Promise<readonly (readonly [Uint8Array, Uint8Array])[]> {
    const found: (readonly [Uint8Array, Uint8Array])[] = [];
    const copy = `${dir}-entries`;
    await cp(dir, copy, { recursive: true });
    const store = await LevelStore.open(copy, this.options.fs, storeOptions);
    await store.readAll({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }, (key, value) =>
      found.push([cloneBytes(key), cloneBytes(value)]),
    );
    await store.close();
    return found;
  }

  private async changeEntries(
    dir: string,
    change: (store: LevelStore, batch: WriteBatch) => void,
  ): Promise<void> {
    const store = await LevelStore.open(dir, this.options.fs, storeOptions);
    const batch = store.batch();
    change(store, batch);
    await batch.write({ sync: false });
    await store.close();
  }

  private compare(backend: LevelBackend, seen: readonly SeenRecord[]): Verdict {
    const index = backend.committed.consistentIndex;
    const expected = this.history.get(index);
    assert.ok(expected !== undefined, `never committed: ${index}`);
    assert.deepEqual(seen, expected.records);
    assert.equal(bucketText(backend), expected.bucket);
    let verdict: Verdict = index === this.history.size - 1 ? "intact" : "earlier commit";
    for (const record of seen) {
      try {
        assert.equal(toText(backend.read(revision(record.main), record.sub)), record.text);
      } catch (error) {
        // Not silent: the caller was told.
        assert.equal((error as Error).name, "CorruptionError");
        verdict = "reported";
      }
    }
    return verdict;
  }
}
