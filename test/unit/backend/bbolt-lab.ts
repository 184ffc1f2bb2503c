/** States to be written as bbolt databases and to be read from them, and the Go library that says what a database holds. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
  type AppliedPosition,
  type BucketName,
  type RecordKind,
  recordKind,
} from "../../../node/backend/backend.ts";
import { Database } from "../../../node/backend/bbolt/database.ts";
import type { PageSource } from "../../../node/backend/bbolt/page-source.ts";
import { revisionKey } from "../../../node/backend/bbolt/revision-key.ts";
import { readState } from "../../../node/backend/bbolt/state-reader.ts";
import type { StateSource, StoredRecord } from "../../../node/backend/bbolt/state-source.ts";
import { encodeState } from "../../../node/backend/bbolt/state-writer.ts";
import { type BucketEntry, bucketNamesAll } from "../../../node/backend/buckets.ts";
import { RecordEncoder, recordSeed } from "../../../node/backend/record.ts";
import { cloneBytes, compareBytes, fromText } from "../../../node/lib/bytes.ts";
import { at } from "../../contract/backend.ts";
import { peer } from "../../support/peers.ts";

export interface LabRecord {
  readonly main: number;
  readonly sub: number;
  readonly kind: RecordKind;
  readonly value: Uint8Array;
}

export interface LabState {
  readonly position: AppliedPosition;
  readonly records: readonly LabRecord[];
  readonly buckets: ReadonlyMap<BucketName, readonly BucketEntry[]>;
}

export function stored({ main, sub, kind, value }: LabRecord): StoredRecord {
  const bytes = new RecordEncoder().encode(recordSeed(main, sub), kind, value, 0, value.length);
  return { main, sub, value: cloneBytes(bytes) };
}

export function sourceOf({ position, records, buckets }: LabState): StateSource {
  const all = records.map(stored);
  return {
    name: "lab",
    position,
    live: undefined,
    bucket: async (name) => buckets.get(name) ?? [],
    async *records() {
      for (let first = 0; first < all.length; first += 100) yield all.slice(first, first + 100);
    },
  };
}

export async function databaseOf(source: StateSource): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of encodeState(source)) chunks.push(cloneBytes(chunk));
  return Buffer.concat(chunks);
}

export const pagesOf = (bytes: Uint8Array): PageSource => ({
  size: bytes.length,
  read: async (position, length) => bytes.subarray(position, position + length),
});

export interface LabRead extends LabState {
  readonly ignored: readonly string[];
}

export async function stateIn(bytes: Uint8Array): Promise<LabRead> {
  const records: LabRecord[] = [];
  const buckets = new Map<BucketName, BucketEntry[]>();
  const read = await readState(await Database.open(pagesOf(bytes)), {
    bucketEntry(bucket, key, value) {
      if (!buckets.has(bucket)) buckets.set(bucket, []);
      buckets.get(bucket)?.push({ key: cloneBytes(key), value: cloneBytes(value) });
    },
    record: (main, sub, kind, from, start, end) =>
      void records.push({ main, sub, kind, value: cloneBytes(from, start, end) }),
    pageDone: () => undefined,
  });
  return { ...read, records, buckets };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** For comparison. */
export function plain({ position, records, buckets }: LabState): object {
  return {
    position,
    records: records.map(({ main, sub, kind, value }) => [main, sub, kind, hex(value)]),
    buckets: bucketNamesAll.map((name) => [
      name,
      (buckets.get(name) ?? []).map(({ key, value }) => [hex(key), hex(value)]),
    ]),
  };
}

export type Dump = Readonly<Record<string, readonly { key: string; value: string }[]>>;

const u64 = (value: number): string => value.toString(16).padStart(16, "0");

/** What etcd's own library must find in a database of ours. */
export function expectedDump({ position, records, buckets }: LabState): Dump {
  const dump: Record<string, { key: string; value: string }[]> = {
    key: records.map(({ main, sub, kind, value }) => ({
      key: hex(revisionKey(main, sub, kind)),
      value: hex(value),
    })),
  };
  for (const name of bucketNamesAll) {
    const entries = (buckets.get(name) ?? []).map(({ key, value }) => ({
      key: hex(key),
      value: hex(value),
    }));
    if (name === "meta") {
      const add = (text: string, value: string): void =>
        void entries.push({ key: hex(fromText(text)), value });
      add("consistent_index", u64(position.consistentIndex));
      if (position.term > 0) add("term", u64(position.term));
    }
    dump[name] = entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
  return dump;
}

/** A directory for as long as `run` lasts. */
export async function inTempDir<Result>(run: (dir: string) => Promise<Result>): Promise<Result> {
  const dir = mkdtempSync(join(tmpdir(), "etcd-ts-bbolt-"));
  try {
    return await run(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Runs the Go program of test/peers/bbolt. */
export function goBbolt(...args: readonly string[]): string {
  return execFileSync(peer("bbolt"), args, { encoding: "utf8", maxBuffer: 2 ** 30 });
}

/** Opens a copy of it as etcd does. Returns what the library found in it; throws what it found wrong. */
export function checkedByGo(dir: string, bytes: Uint8Array): Dump {
  const path = join(dir, "ours.db");
  writeFileSync(path, bytes);
  const dump = JSON.parse(goBbolt("dump", path)) as Dump;
  goBbolt("check", path);
  return dump;
}

export interface GoSpec {
  readonly pageSize?: number;
  readonly syncFreelist?: boolean;
  readonly fillPercent?: number;
  readonly exact?: boolean;
  /** The meta page to destroy; -1 for none. */
  readonly damageMeta: number;
  readonly steps: readonly {
    readonly buckets?: readonly string[];
    readonly put?: readonly GoEntry[];
    readonly delete?: readonly GoEntry[];
  }[];
}

export interface GoEntry {
  readonly bucket: string;
  readonly key: string;
  readonly value?: string;
  readonly times?: number;
}

/** A database that Go made. */
export function madeByGo(dir: string, spec: GoSpec): Buffer {
  const [path, specPath] = [join(dir, "theirs.db"), join(dir, "spec.json")];
  rmSync(path, { force: true });
  writeFileSync(specPath, JSON.stringify(spec));
  goBbolt("make", path, specPath);
  return readFileSync(path);
}

const valueOf = (bytesMax: number): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(fc.nat(bytesMax), fc.nat(255))
    .map(([length, first]) => Uint8Array.from({ length }, (_, n) => (first + n * 7) & 0xff));
/** Mostly small, some of them larger than a page or two. */
const anyValue = fc.oneof(
  { weight: 20, arbitrary: valueOf(300) },
  { weight: 2, arbitrary: valueOf(5000) },
  { weight: 1, arbitrary: valueOf(40_000) },
);

const anyBucket = fc
  .uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 60 }), {
    selector: hex,
    maxLength: 200,
    size: "max",
  })
  .chain((keys) =>
    fc.tuple(...keys.map((key) => anyValue.map((value): BucketEntry => ({ key, value })))),
  )
  .map((entries) => entries.sort((a, b) => compareBytes(a.key, b.key)));

const reserved = ["consistent_index", "term", "storageVersion"].map(fromText).map(hex);

export const anyState: fc.Arbitrary<LabState> = fc
  .record({
    steps: fc.array(
      fc.record({
        main: fc.integer({ min: 1, max: 3 }),
        subs: fc.integer({ min: 1, max: 3 }),
        isTombstone: fc.boolean(),
        value: anyValue,
      }),
      { maxLength: 1500, size: "max" },
    ),
    jump: fc.constantFrom(0, 0, 2 ** 40),
    index: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    atTerm: fc.nat(1000),
    buckets: fc.array(fc.tuple(fc.constantFrom(...bucketNamesAll), anyBucket), { maxLength: 4 }),
  })
  .map(({ steps, jump, index, atTerm, buckets }) => {
    const records: LabRecord[] = [];
    let main = 1 + jump;
    for (const step of steps) {
      main += step.main;
      const kind = step.isTombstone ? recordKind.tombstone : recordKind.put;
      for (let sub = 0; sub < step.subs; sub++)
        records.push({ main, sub, kind, value: sub === 0 ? step.value : Uint8Array.of(sub) });
    }
    const free = buckets.map(
      ([name, entries]) =>
        [name, entries.filter(({ key }) => !reserved.includes(hex(key)))] as const,
    );
    return {
      position: at(index, records.at(-1)?.main ?? 1, atTerm),
      records,
      buckets: new Map(free),
    };
  });
