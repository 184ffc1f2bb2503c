/** Databases between us and bbolt's own library, in both directions. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { recordKind } from "../../../node/backend/backend.ts";
import { revisionKey } from "../../../node/backend/bbolt/revision-key.ts";
import { bucketNamesAll } from "../../../node/backend/buckets.ts";
import { fromText, toText } from "../../../node/lib/bytes.ts";
import { at } from "../../contract/backend.ts";
import { needs } from "../../support/peers.ts";
import {
  anyState,
  checkedByGo,
  databaseOf,
  expectedDump,
  type GoEntry,
  type GoSpec,
  goBbolt,
  inTempDir,
  type LabState,
  madeByGo,
  plain,
  sourceOf,
  stateIn,
} from "./bbolt-lab.ts";

test(
  "what we write of any state, Go's library reads as it is, finds without fault and commits to",
  needs("bbolt"),
  () =>
    inTempDir((dir) =>
      fc.assert(
        fc.asyncProperty(anyState, async (state) => {
          const bytes = await databaseOf(sourceOf(state));
          assert.deepEqual(checkedByGo(dir, bytes), expectedDump(state));
        }),
        { numRuns: 15 },
      ),
    ),
);

test("a state of many levels with keys that fill pages is without fault too", needs("bbolt"), () =>
  inTempDir(async (dir) => {
    // Two keys to a branch page, and one more than fits.
    const entries = Array.from({ length: 60 }, (_, n) => ({
      key: Buffer.from(`${n + 100}${"k".repeat(1500)}`),
      value: Buffer.from("v"),
    }));
    for (let count = 1; count <= entries.length; count++) {
      const state: LabState = {
        position: at(3),
        records: [],
        buckets: new Map([["authUsers", entries.slice(0, count)]]),
      };
      const bytes = await databaseOf(sourceOf(state));
      if (count % 6 < 2) assert.deepEqual(checkedByGo(dir, bytes), expectedDump(state));
      assert.deepEqual(plain(await stateIn(bytes)), plain(state));
    }
  }),
);

test("every bucket of etcd is there when there is nothing in it", needs("bbolt"), () =>
  inTempDir(async (dir) => {
    const bytes = await databaseOf(sourceOf({ position: at(1), records: [], buckets: new Map() }));
    assert.deepEqual(
      Object.keys(checkedByGo(dir, bytes)).sort(),
      ["key", ...bucketNamesAll].sort(),
    );
    assert.equal(bytes.length, 4 * 4096, "two metas, the root with all in it, and the seal");
  }),
);

const hex = (text: string): string => Buffer.from(text).toString("hex");
const allBuckets = ["key", ...bucketNamesAll];

function put(main: number, value: string, times = 0): GoEntry {
  const key = Buffer.from(revisionKey(main, 0, recordKind.put)).toString("hex");
  return { bucket: "key", key, value: hex(value), times };
}

/** A state of 3,000 records in several transactions, some taken away again, so that pages are free and full of what was there. */
const spec: GoSpec = {
  exact: true,
  damageMeta: -1,
  steps: [
    {
      buckets: allBuckets,
      put: [
        { bucket: "meta", key: hex("consistent_index"), value: "0000000000000309" },
        { bucket: "meta", key: hex("term"), value: "0000000000000004" },
        { bucket: "meta", key: hex("storageVersion"), value: hex("3.7.0") },
        { bucket: "alarm", key: "0801" },
        { bucket: "authRoles", key: hex("root"), value: hex("r"), times: 9000 },
      ],
    },
    ...Array.from({ length: 6 }, (_, step) => ({
      put: [
        ...Array.from({ length: 500 }, (__, n) => put(step * 500 + n + 1, "value ", n % 40)),
        { bucket: "lease", key: hex(`lease ${step}`), value: hex("l"), times: 100 },
      ],
    })),
    { delete: Array.from({ length: 900 }, (_, n) => put(n + 101, "")) },
    { put: [put(3001, "large", 3000), put(3002, "last")] },
  ],
};

function checkState(state: LabState): void {
  assert.deepEqual(state.position, at(777, 3002, 4));
  const mains = state.records.map(({ main }) => main);
  const expected = Array.from({ length: 3002 }, (_, n) => n + 1);
  assert.deepEqual(
    mains,
    expected.filter((main) => main < 101 || main > 1000),
  );
  for (const { main, kind, value } of state.records) {
    assert.equal(kind, recordKind.put);
    const text = "value ".repeat((((main - 1) % 500) % 40) + 1);
    assert.equal(
      toText(value),
      main === 3001 ? "large".repeat(3001) : main === 3002 ? "last" : text,
    );
  }
  assert.deepEqual(
    state.buckets.get("lease")?.map(({ key }) => toText(key)),
    [0, 1, 2, 3, 4, 5].map((step) => `lease ${step}`),
  );
  assert.equal(state.buckets.get("authRoles")?.[0]?.value.length, 9001);
  assert.deepEqual(state.buckets.get("alarm"), [
    { key: Uint8Array.of(8, 1), value: new Uint8Array(0) },
  ]);
  // Etcd's own entries are the position now.
  assert.equal(state.buckets.get("meta"), undefined);
}

test(
  "what Go's library made is read as it is: pages of other sizes, a list of free pages or none, half full ones, one meta only",
  needs("bbolt"),
  () =>
    inTempDir(async (dir) => {
      const variants: Partial<GoSpec>[] = [
        {},
        { exact: false },
        { syncFreelist: true },
        { pageSize: 1024 },
        { pageSize: 16384, syncFreelist: true },
        { pageSize: 65536, exact: false },
        { fillPercent: 0.2 },
        { fillPercent: 1, pageSize: 2048 },
        { damageMeta: 0 },
        { damageMeta: 0, pageSize: 1024 },
        { damageMeta: 0, pageSize: 65536 },
        { damageMeta: 1 },
      ];
      for (const variant of variants)
        checkState(await stateIn(madeByGo(dir, { ...spec, ...variant })));
      // A file as it lies on disk has two states; with the newer one's meta gone, what it held before the last transaction.
      const older = madeByGo(dir, {
        ...spec,
        exact: false,
        damageMeta: spec.steps.length % 2 === 0 ? 1 : 0,
      });
      const { position } = await stateIn(older);
      assert.ok(position.revision === 3000 || position.revision === 3002, `${position.revision}`);
    }),
);

test("of two whole metas the later one counts", needs("bbolt"), () =>
  inTempDir(async (dir) => {
    for (const count of [spec.steps.length, spec.steps.length - 1]) {
      const steps = spec.steps.slice(0, count);
      const { position, records } = await stateIn(madeByGo(dir, { ...spec, steps, exact: false }));
      const isLast = count === spec.steps.length;
      assert.deepEqual([position.revision, records.length], isLast ? [3002, 2102] : [3000, 2100]);
    }
  }),
);

test("etcd 3.4's file has neither a term nor a version", needs("bbolt"), () =>
  inTempDir(async (dir) => {
    const index = { bucket: "meta", key: hex("consistent_index"), value: "0000000000000005" };
    const compact = Buffer.from(revisionKey(9, 0, recordKind.put)).toString("hex");
    const finished = { bucket: "meta", key: hex("finishedCompactRev"), value: compact };
    const steps = [{ buckets: allBuckets, put: [index, finished, put(3, "x")] }];
    const state = await stateIn(madeByGo(dir, { damageMeta: -1, steps }));
    assert.deepEqual(state.position, at(5, 9, 0));
    assert.equal(state.records.length, 1);
    assert.deepEqual(
      state.buckets.get("meta")?.map(({ key }) => toText(key)),
      ["finishedCompactRev"],
    );
  }),
);

test(
  "buckets that are missing are empty, unknown ones are passed over and named",
  needs("bbolt"),
  () =>
    inTempDir(async (dir) => {
      const buckets = ["key", "meta", "test", "v2"];
      const index = { bucket: "meta", key: hex("consistent_index"), value: "0000000000000005" };
      const unknown = { bucket: "v2", key: hex("k"), value: hex("v"), times: 9000 };
      const state = await stateIn(
        madeByGo(dir, { damageMeta: -1, steps: [{ buckets, put: [index, unknown] }] }),
      );
      assert.deepEqual(state.ignored, ["test", "v2"]);
      assert.equal(state.buckets.size, 0);
    }),
);

test(
  "a file that Go went on with is read without our seal, which may still lie in a free page",
  needs("bbolt"),
  () =>
    inTempDir(async (dir) => {
      const state: LabState = {
        position: at(5, 2),
        records: [{ main: 2, sub: 0, kind: recordKind.put, value: fromText("x") }],
        buckets: new Map(),
      };
      const path = join(dir, "went-on.db");
      writeFileSync(path, await databaseOf(sourceOf(state)));
      goBbolt("check", path);
      const read = await stateIn(readFileSync(path));
      assert.deepEqual(plain(read), plain(state));
      assert.deepEqual(read.ignored, ["test"]);
    }),
);
