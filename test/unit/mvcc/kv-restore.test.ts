import assert from "node:assert/strict";
import { test } from "node:test";
import { type RecordKind, recordKind } from "../../../node/backend/backend.ts";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { logIndex, revision, term } from "../../../node/lib/units.ts";
import { KvStore } from "../../../node/mvcc/kv-store.ts";
import { seededRandom } from "./key-parts.ts";
import { keyValueHex } from "./kv-model.ts";
import { RecordBook } from "./record-book.ts";

interface Row {
  readonly at: readonly [main: number, sub: number];
  readonly key: string;
  /** create_revision, mod_revision, version; none for a tombstone. */
  readonly put?: readonly [number, number, number];
}

const bookOf = (rows: readonly Row[], current: number): RecordBook => {
  const book = new RecordBook();
  for (const { at, key, put } of rows) {
    const value = new Uint8Array(3);
    const record = put && { createRevision: put[0], version: put[2], value, lease: 0n };
    const keyValue = Buffer.from(
      keyValueHex({ main: put?.[1] ?? at[0], key: Buffer.from(key), put: record }),
      "hex",
    );
    const kind: RecordKind = put === undefined ? recordKind.tombstone : recordKind.put;
    book.records.push({
      main: revision(at[0]),
      sub: at[1],
      kind,
      keyValue: new Uint8Array(keyValue),
    });
  }
  book.committed = { consistentIndex: logIndex(9), term: term(1), revision: revision(current) };
  return book;
};

const openOver = (rows: readonly Row[], current = 20): Promise<KvStore> =>
  KvStore.open({
    backend: bookOf(rows, current),
    random: seededRandom(1),
    valueCacheBytesMax: 1e6,
  });

test("a history that compaction has shortened opens: later versions first, a lone tombstone", async () => {
  const store = await openOver([
    { at: [4, 0], key: "gone" },
    { at: [5, 0], key: "a", put: [2, 5, 4] },
    { at: [6, 0], key: "a" },
    { at: [6, 1], key: "a", put: [6, 6, 1] },
    { at: [7, 0], key: "b", put: [3, 7, 2] },
  ]);
  assert.equal(store.currentRevision, 20);
  assert.equal(store.keyCount, 2);
  assert.deepEqual(
    { ...store.stat(Buffer.from("a"), 0, 1) },
    { createRevision: 6, modRevision: 6, version: 1 },
  );
  store.begin();
  store.put(Buffer.from("gone!"), 0, 4, 4, 5, 0n);
  assert.equal(store.end(), 21);
  assert.deepEqual(
    { ...store.stat(Buffer.from("gone"), 0, 4) },
    { createRevision: 21, modRevision: 21, version: 1 },
  );
});

const damages: Readonly<Record<string, readonly Row[]>> = {
  "revisions that go back": [
    { at: [5, 0], key: "a", put: [5, 5, 1] },
    { at: [4, 0], key: "b", put: [4, 4, 1] },
  ],
  "one revision twice": [
    { at: [5, 0], key: "a", put: [5, 5, 1] },
    { at: [5, 0], key: "b", put: [5, 5, 1] },
  ],
  "a mod_revision that is not the record's": [{ at: [5, 0], key: "a", put: [5, 6, 1] }],
  "a version that skips one": [
    { at: [5, 0], key: "a", put: [5, 5, 1] },
    { at: [7, 0], key: "a", put: [5, 7, 3] },
  ],
  "a create_revision that changes": [
    { at: [5, 0], key: "a", put: [5, 5, 1] },
    { at: [7, 0], key: "a", put: [6, 7, 2] },
  ],
  "a new generation that goes on counting": [
    { at: [5, 0], key: "a" },
    { at: [7, 0], key: "a", put: [5, 7, 2] },
  ],
  "a version of zero": [{ at: [5, 0], key: "a", put: [5, 5, 0] }],
  "a key deleted twice": [
    { at: [5, 0], key: "a" },
    { at: [6, 0], key: "a" },
  ],
  "a record without a key": [{ at: [5, 0], key: "", put: [5, 5, 1] }],
  "a record behind the sealed revision": [{ at: [21, 0], key: "a", put: [21, 21, 1] }],
};
for (const [name, rows] of Object.entries(damages)) {
  test(`opening refuses ${name}`, async () => {
    await assert.rejects(openOver(rows), CorruptionError);
  });
}
