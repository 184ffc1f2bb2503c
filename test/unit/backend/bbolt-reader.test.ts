/** The reader of databases believes nothing: one test for each thing that a file may say and that is not so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type BucketName, recordKind } from "../../../node/backend/backend.ts";
import { Database } from "../../../node/backend/bbolt/database.ts";
import {
  type Meta,
  pageFlag,
  readMetaPage,
  readU64BigEndian,
  viewOf,
  writeMetaPage,
  writeU64,
  writeU64BigEndian,
} from "../../../node/backend/bbolt/format.ts";
import { fromText } from "../../../node/lib/bytes.ts";
import { at } from "../../contract/backend.ts";
import { databaseOf, type LabState, pagesOf, plain, sourceOf, stateIn } from "./bbolt-lab.ts";

const pageSize = 4096;

/** Three levels of records, a tree of leases, a value over several pages, and what is small within the root. */
const state: LabState = {
  position: at(9, 6001, 2),
  records: Array.from({ length: 6000 }, (_, n) => ({
    main: n + 2,
    sub: 0,
    kind: n % 9 === 0 ? recordKind.tombstone : recordKind.put,
    value: Buffer.alloc(n === 4000 ? 10_000 : 60 + (n % 80), n),
  })),
  buckets: new Map<BucketName, { key: Uint8Array; value: Uint8Array }[]>([
    ["members", [{ key: fromText("8e9e"), value: fromText("{}") }]],
    [
      "lease",
      Array.from({ length: 200 }, (_, n) => ({
        key: Buffer.from([1, n]),
        value: Buffer.alloc(40),
      })),
    ],
  ]),
};

class Patient {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly meta: Meta;

  constructor(healthy: Buffer) {
    this.bytes = Buffer.from(healthy);
    this.view = viewOf(this.bytes);
    this.meta = readMetaPage(this.bytes, 0) as Meta;
  }

  /** Ids of the pages of a kind. */
  pages(flag: number): number[] {
    const ids = Array.from({ length: this.meta.highWater }, (_, id) => id);
    // What lies on an overflow page may look like anything.
    return ids.filter(
      (id) =>
        this.u16(id, 8) === flag && Number(this.view.getBigUint64(id * pageSize, true)) === id,
    );
  }

  /** The root page of the records: the branch whose elements lead to branches. */
  get recordsRoot(): number {
    const branches = this.pages(pageFlag.branch);
    return branches.find((id) => branches.includes(this.child(id, 0))) as number;
  }

  u16(id: number, offset: number): number {
    return this.view.getUint16(id * pageSize + offset, true);
  }

  u32(id: number, offset: number, value: number): void {
    this.view.setUint32(id * pageSize + offset, value, true);
  }

  child(id: number, index: number): number {
    return Number(this.view.getBigUint64(id * pageSize + 16 + index * 16 + 8, true));
  }

  setChild(id: number, index: number, child: number): void {
    writeU64(this.view, id * pageSize + 16 + index * 16 + 8, child);
  }

  setMetas(change: Partial<Meta>): void {
    for (const id of [0, 1])
      writeMetaPage(this.bytes, id * pageSize, id, { ...this.meta, ...change });
  }
}

async function refused(wound: (patient: Patient) => void, message: RegExp): Promise<void> {
  const patient = new Patient(await databaseOf(sourceOf(state)));
  wound(patient);
  await assert.rejects(stateIn(patient.bytes), { name: "DatabaseFault", message });
}

test("without a wound it is read", async () => {
  const patient = new Patient(await databaseOf(sourceOf(state)));
  assert.deepEqual(plain(await stateIn(patient.bytes)), plain(state));
  assert.ok(patient.recordsRoot > 100, "three levels");
});

test("no whole meta is refused: of another kind or version, or with a sum that is wrong", async () => {
  for (const offset of [16, 20, 24, 32, 48, 56, 64, 72])
    await refused((patient) => {
      for (const id of [0, 1]) patient.bytes[id * pageSize + offset] = 0xee;
    }, /neither of its first pages is a whole meta/);
  await assert.rejects(stateIn(new Uint8Array(0)), { name: "DatabaseFault" });
  await assert.rejects(stateIn(new Uint8Array(50)), { name: "DatabaseFault" });
});

test("metas that name what cannot be are refused", async () => {
  for (const size of [0, 512, 4095, 2 ** 25])
    await refused((patient) => patient.setMetas({ pageSize: size }), /a page size of|whole meta/);
  await refused((patient) => patient.setMetas({ root: 1 }), /a root page 1 of/);
  await refused((patient) => patient.setMetas({ root: 2 ** 50 }), /a root page/);
  await refused(
    (patient) => patient.setMetas({ highWater: 1e9 }),
    /and says that it has 1000000000 pages/,
  );
  await refused((patient) => patient.setMetas({ highWater: 3 }), /a root page/);
  await refused((patient) => {
    writeMetaPage(patient.bytes, 0, 0, { ...patient.meta, txid: 4 });
    writeMetaPage(patient.bytes, pageSize, 1, { ...patient.meta, txid: 5, pageSize: 8192 });
  }, /two page sizes/);
});

test("a file that is cut is refused at any length", async () => {
  const bytes = await databaseOf(sourceOf(state));
  for (let length = 0; length < bytes.length; length += 9973)
    await assert.rejects(stateIn(bytes.subarray(0, length)), { name: "DatabaseFault" });
});

test("pages outside, twice, within one another, or in a circle are refused", async () => {
  for (const outside of [0, 1, 2 ** 31, 2 ** 52])
    await refused((p) => p.setChild(p.recordsRoot, 0, outside), new RegExp(`a page ${outside} of`));
  await refused((p) => p.setChild(p.recordsRoot, 0, p.meta.highWater), /a page \d+ of/);
  await refused((p) => {
    p.view.setBigUint64(p.recordsRoot * pageSize + 24, 2n ** 60n, true);
  }, /a page NaN of/);
  await refused((p) => p.setChild(p.recordsRoot, 1, p.child(p.recordsRoot, 0)), /is in two places/);
  await refused((p) => p.setChild(p.recordsRoot, 0, p.recordsRoot), /is in two places/);
  // A leaf that goes on over the pages of others.
  await refused((p) => {
    const leaf = p.child(p.child(p.recordsRoot, 0), 0);
    p.u32(leaf, 12, 3);
  }, /is in two places/);
  await refused((p) => p.u32(p.child(p.recordsRoot, 0), 12, 0xffff_ffff), /goes on over/);
});

test("pages that are not what leads to them are refused", async () => {
  await refused((p) => writeU64(p.view, p.recordsRoot * pageSize, 7), /says that it is another/);
  for (const flags of [0, pageFlag.meta, 0x10, 3])
    await refused(
      (p) => {
        p.view.setUint16(p.recordsRoot * pageSize + 8, flags, true);
      },
      new RegExp(`is of kind ${flags}`),
    );
  await refused((p) => {
    p.view.setUint16(p.recordsRoot * pageSize + 10, 0, true);
  }, /a branch without children/);
  await refused((p) => {
    p.view.setUint16(p.recordsRoot * pageSize + 10, 0xffff, true);
  }, /has no room for 65535 elements/);
});

test("elements beyond their page, over its head, without a key or of an unknown kind are refused", async () => {
  const leaf = (p: Patient): number => p.child(p.child(p.recordsRoot, 0), 0);
  // Offset, key length and value length of the first element.
  await refused((p) => p.u32(leaf(p), 16 + 4, 0xffff_ffff), /lies beyond it/);
  await refused((p) => p.u32(leaf(p), 16 + 4, 16), /lies beyond it/);
  await refused((p) => p.u32(leaf(p), 16 + 8, 5000), /lies beyond it/);
  await refused((p) => p.u32(leaf(p), 16 + 12, 4090), /lies beyond it/);
  await refused((p) => p.u32(leaf(p), 16 + 8, 0), /an empty key/);
  await refused((p) => p.u32(leaf(p), 16, 2), /unknown flags 2/);
  await refused((p) => p.u32(leaf(p), 16, 1), /a bucket among the records/);
  await refused((p) => p.u32(p.recordsRoot, 16 + 4, 5000), /lies beyond it/);
});

test("keys out of order, within a page or between pages, are refused", async () => {
  const swap = (p: Patient, id: number, a: number, b: number): void => {
    const [x, y] = [p.child(id, a), p.child(id, b)];
    p.setChild(id, a, y);
    p.setChild(id, b, x);
  };
  const firstBranch = (p: Patient): number => p.child(p.recordsRoot, 0);
  await refused(
    (p) => swap(p, firstBranch(p), 1, 2),
    /keys that belong to the next one|out of order|begins below/,
  );
  await refused(
    (p) => swap(p, p.recordsRoot, 0, 1),
    /keys that belong to the next one|out of order|begins below/,
  );
  // The branch says that the leaf begins one revision later than it does.
  await refused((p) => {
    const key = keyAt(p, firstBranch(p), 3);
    writeU64BigEndian(p.view, key, readU64BigEndian(p.view, key) + 1);
  }, /begins below the key that leads to it/);
  await refused((p) => {
    const key = keyAt(p, firstBranch(p), 3);
    writeU64BigEndian(p.view, key, 1);
  }, /out of order/);
  await refused((p) => {
    const leaf = p.child(firstBranch(p), 2);
    writeU64BigEndian(p.view, keyAt(p, leaf, 0), 2);
  }, /out of order|begins below/);
  await refused((p) => {
    const leaf = p.child(firstBranch(p), 2);
    writeU64BigEndian(p.view, keyAt(p, leaf, p.u16(leaf, 10) - 1), 5000);
  }, /keys that belong to the next one/);
  await refused((p) => {
    const leaf = p.child(firstBranch(p), 2);
    writeU64BigEndian(p.view, keyAt(p, leaf, 1), 2);
  }, /out of order/);
});

/** Where the key of an element begins. */
function keyAt(p: Patient, id: number, index: number): number {
  const element = id * pageSize + 16 + index * 16;
  const isLeaf = p.u16(id, 8) === pageFlag.leaf;
  return element + p.view.getUint32(isLeaf ? element + 4 : element, true);
}

test("records under keys that are no revisions are refused", async () => {
  const leaf = (p: Patient): number => p.child(p.child(p.recordsRoot, 0), 0);
  await refused((p) => {
    p.bytes[keyAt(p, leaf(p), 3) + 8] = 0x2f;
  }, /a key that is no revision/);
  await refused((p) => {
    // The first one is a tombstone.
    p.bytes[keyAt(p, leaf(p), 0) + 17] = 0x75;
  }, /a key that is no revision/);
  await refused((p) => {
    const last = p.pages(pageFlag.leaf).at(-3) as number;
    for (const at of [0, 1, 2]) p.bytes[keyAt(p, last, p.u16(last, 10) - 1) + at] = 0xff;
  }, /revision out of range|keys that belong/);
});

test("what the bucket meta must say and does not is refused", async () => {
  const bytes = await databaseOf(sourceOf({ position: at(7), records: [], buckets: new Map() }));
  const changed = (from: string, to: string): Promise<unknown> => {
    const text = bytes.toString("latin1");
    assert.ok(text.includes(from), from);
    return stateIn(Buffer.from(text.replace(from, to), "latin1"));
  };
  const index = "\0\0\0\0\0\0\0\x07";
  await assert.rejects(changed("consistent_index", "consistent_indey"), {
    message: /up to which entry/,
  });
  await assert.rejects(changed(index, "\0\0\0\0\0\0\0\0"), { message: /up to which entry/ });
  await assert.rejects(changed(index, "\0\x20\0\0\0\0\0\0"), { message: /no number below 2\^53/ });
  await assert.rejects(changed(index, "\xff\0\0\0\0\0\0\0"), { message: /no number below 2\^53/ });
  await assert.rejects(changed("meta", "metb"), {
    message: /has no bucket meta: it is no state of etcd/,
  });
  await assert.rejects(changed("key", "kex"), { message: /has no bucket key/ });
});

async function withMeta(name: string, value: string): Promise<unknown> {
  // A name of the same length that sorts alike and that the writer does not know.
  const alias = `${name.slice(0, -1)}~`;
  const entries = [{ key: fromText(alias), value: Buffer.from(value, "latin1") }];
  const buckets = new Map<BucketName, typeof entries>([["meta", entries]]);
  const bytes = await databaseOf(sourceOf({ position: at(7), records: [], buckets }));
  return stateIn(Buffer.from(bytes.toString("latin1").replace(alias, name), "latin1"));
}

test("a storage version that is newer than ours, or none, and a compaction at no revision are refused", async () => {
  for (const version of ["3.6.0", "3.7.0"]) await withMeta("storageVersion", version);
  for (const version of ["3.8.0", "4.0.0", "", "3", "x.y.z"])
    await assert.rejects(withMeta("storageVersion", version), {
      message: /it has the storage version/,
    });
  for (const value of [
    "",
    "\0\0\0\0\0\0\0\x09_\0\0\0\0\0\0\0",
    "\xff\0\0\0\0\0\0\x09_\0\0\0\0\0\0\0\0",
  ])
    await assert.rejects(withMeta("finishedCompactRev", value), {
      message: /a compaction at what is no/,
    });
});

test("a put and a tombstone of one revision are refused, also across two pages", async () => {
  for (const count of [10, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36]) {
    const records = Array.from({ length: count }, (_, n) => ({
      main: n + 2,
      sub: 0,
      kind: recordKind.put,
      value: Buffer.alloc(100),
    }));
    const last = records.at(-1)?.main ?? 0;
    const twice = { main: last, sub: 0, kind: recordKind.tombstone, value: Buffer.alloc(100) };
    const twin = { position: at(1, last), records: [...records, twice], buckets: new Map() };
    await assert.rejects(stateIn(await databaseOf(sourceOf(twin))), { message: /twice/ });
  }
});

test("a chain of branches that leads too deep is refused", async () => {
  const depth = 70;
  const bytes = Buffer.alloc((depth + 3) * pageSize);
  const view = viewOf(bytes);
  for (let id = 2; id < depth + 2; id++) {
    writeU64(view, id * pageSize, id);
    view.setUint16(id * pageSize + 8, pageFlag.branch, true);
    view.setUint16(id * pageSize + 10, 1, true);
    view.setUint32(id * pageSize + 16, 16, true);
    view.setUint32(id * pageSize + 20, 1, true);
    writeU64(view, id * pageSize + 24, id + 1);
    bytes[id * pageSize + 32] = 0x61;
  }
  writeMetaPage(bytes, 0, 0, { pageSize, root: 2, highWater: depth + 3, txid: 2 });
  await assert.rejects(stateIn(bytes), { message: /page 66 lies too deep/ });
});

test("the reader asks for little at a time and keeps a bounded part of it", async () => {
  const bytes = await databaseOf(sourceOf(state));
  let asked = 0;
  const source = pagesOf(bytes);
  const database = await Database.open({
    size: source.size,
    read(position, length) {
      assert.ok(length <= 64 * 1024, `${length}`);
      asked += length;
      return source.read(position, length);
    },
  });
  for (const root of (await database.buckets()).values())
    for await (const page of database.leaves(root)) assert.ok(page.bytes.length < 16 * 1024);
  assert.ok(asked < bytes.length * 1.5, `${asked} of ${bytes.length}`);
});
