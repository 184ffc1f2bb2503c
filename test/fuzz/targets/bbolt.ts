/** The databases in which a member takes over another's whole state: trees whose metas fit around pages that may not. */
import { type BucketName, type RecordKind, recordKind } from "../../../node/backend/backend.ts";
import { Database } from "../../../node/backend/bbolt/database.ts";
import { DatabaseFault } from "../../../node/backend/bbolt/database-fault.ts";
import {
  bucketElementFlag,
  readMetaPage,
  viewOf,
  writeMetaPage,
} from "../../../node/backend/bbolt/format.ts";
import { type LeafEntry, PageWriter } from "../../../node/backend/bbolt/pages.ts";
import { revisionKey } from "../../../node/backend/bbolt/revision-key.ts";
import { type ReadState, readState } from "../../../node/backend/bbolt/state-reader.ts";
import type { StoredRecord } from "../../../node/backend/bbolt/state-source.ts";
import { encodeState } from "../../../node/backend/bbolt/state-writer.ts";
import { TreeWriter } from "../../../node/backend/bbolt/tree-writer.ts";
import type { BucketEntry } from "../../../node/backend/buckets.ts";
import { RecordEncoder, recordSeed } from "../../../node/backend/record.ts";
import { zeroPosition } from "../../../node/backend/seal.ts";
import { WriteOrder } from "../../../node/backend/write-order.ts";
import { cloneBytes, compareBytes, fromText } from "../../../node/lib/bytes.ts";
import { mutateBytes } from "../mutate.ts";
import type { FuzzRandom } from "../random.ts";
import { invariant, type Target } from "../target.ts";

const entry = 1;
const record = 2;
const accepted = 4;
const refused = 8;
const pageSize = 4096;

interface Held {
  readonly buckets: (BucketEntry & { readonly bucket: BucketName })[];
  readonly records: StoredRecord[];
}

export const bboltTarget: Target = {
  name: "bbolt",
  stages: ["bucket entry", "record", "accepted", "refused"],
  leastShares: { "bucket entry": 0.3, record: 0.3, accepted: 0.2, refused: 0.2 },

  generate(random: FuzzRandom): Uint8Array {
    const bytes = new Generator(random).database();
    if (random.oneIn(2)) spoil(bytes, random);
    return random.oneIn(10) ? mutateBytes(bytes, random) : bytes;
  },

  async run(input: Uint8Array): Promise<number> {
    const { held, state } = await read(input);
    const reached =
      (held.buckets.length > 0 ? entry : 0) |
      (held.records.length > 0 ? record : 0) |
      (state === undefined ? refused : accepted);
    if (state === undefined) return reached;
    const source = {
      name: "fuzz",
      position: state.position,
      live: undefined,
      bucket: async (name: BucketName) => held.buckets.filter(({ bucket }) => bucket === name),
      async *records() {
        yield held.records;
      },
    };
    const chunks: Uint8Array[] = [];
    for await (const chunk of encodeState(source)) chunks.push(chunk);
    const again = await read(Buffer.concat(chunks));
    invariant(
      textOf(again.held, again.state) === textOf(held, state),
      "a state is read as something else",
    );
    return reached;
  },
};

const textOf = ({ buckets, records }: Held, state: ReadState | undefined): string =>
  JSON.stringify([
    buckets.map(({ bucket, key, value }) => [bucket, hexOf(key), hexOf(value)]),
    records.map(({ main, sub, value }) => [main, sub, hexOf(value)]),
    state?.position,
  ]);

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** A backend's own asserts stand in for the backend: what is handed over must never trip one. */
async function read(bytes: Uint8Array): Promise<{ held: Held; state: ReadState | undefined }> {
  const held: Held = { buckets: [], records: [] };
  const order = new WriteOrder({ main: 0, sub: 0 }, zeroPosition);
  const encoder = new RecordEncoder();
  const source = {
    size: bytes.length,
    read: async (position: number, length: number) => bytes.subarray(position, position + length),
  };
  try {
    const state = await readState(await Database.open(source), {
      bucketEntry: (bucket, key, value) =>
        void held.buckets.push({ bucket, key: cloneBytes(key), value: cloneBytes(value) }),
      record(main, sub, kind, from, start, end) {
        order.record(main, sub);
        const value = cloneBytes(encoder.encode(recordSeed(main, sub), kind, from, start, end));
        held.records.push({ main, sub, value });
      },
      pageDone: () => undefined,
    });
    order.seal(state.position);
    return { held, state };
  } catch (error) {
    if (!(error instanceof DatabaseFault)) throw error;
    return { held, state: undefined };
  }
}

/** One field somewhere in the pages or metas says something else; the metas' sums are right again. */
function spoil(bytes: Buffer, random: FuzzRandom): void {
  const pages = bytes.length / pageSize;
  const page = random.below(pages) * pageSize;
  const view = viewOf(bytes);
  const number = random.pick([0, 1, 2, pages - 1, pages, 17, 4080, 4096, 65_535, 2 ** 31]);
  // Header and first elements, where the numbers are.
  const at = page + random.below(40) * 4;
  if (random.oneIn(2)) view.setUint32(at, number, true);
  else view.setUint32(at, view.getUint32(at, true) + random.pick([1, -1, 16, 4096]), true);
  if (random.oneIn(4)) bytes.copyWithin(page, random.below(pages) * pageSize, pages * pageSize);
  const meta = readMetaPage(bytes, 0);
  if (meta === undefined || !random.oneIn(4)) return;
  const txid = random.below(5);
  const changed = random.pick([
    { root: number },
    { highWater: number },
    { pageSize: random.pick([1024, 2048, 8192, 0]) },
    {},
  ]);
  writeMetaPage(bytes, random.oneIn(2) ? 0 : pageSize, 0, { ...meta, txid, ...changed });
}

/** Makes databases that are right, but for a fault now and then in what the pages hold. */
class Generator {
  private readonly random: FuzzRandom;
  private readonly isFaulty: boolean;
  private readonly pages = new PageWriter();

  constructor(random: FuzzRandom) {
    this.random = random;
    this.isFaulty = random.oneIn(4);
  }

  database(): Buffer {
    const { random, pages } = this;
    for (let id = 0; id < 2; id++) pages.raw(() => undefined);
    const names = ["alarm", "authUsers", "cluster", "key", "lease", "members", "meta", "test"];
    const root = new TreeWriter(pages);
    for (const name of names) {
      if (this.isWrong(20)) continue;
      const bytes = this.bucket(name);
      const flags = this.isWrong(40) ? 0 : bucketElementFlag;
      root.add({ flags, key: fromText(name), bytes, start: 0, end: bytes.length });
    }
    const rootPage = root.end();
    const highWater = pages.next + (random.oneIn(5) ? 1 : 0);
    while (pages.next < highWater) pages.raw((bytes, at) => bytes.fill(0xaa, at, at + 99));
    pages.flush();
    const database = Buffer.concat(pages.take());
    const metas = [0, 1].map((id) => ({ id, txid: 2 - id }));
    for (const { id, txid } of metas)
      writeMetaPage(database, id * pageSize, id, { pageSize, root: rootPage, highWater, txid });
    return database;
  }

  private bucket(name: string): Uint8Array {
    const tree = new TreeWriter(this.pages);
    const entries = name === "key" ? this.records() : name === "meta" ? this.meta() : this.some();
    for (const one of entries) tree.add(one);
    return tree.endBucket();
  }

  private records(): LeafEntry[] {
    const { random } = this;
    const entries: LeafEntry[] = [];
    const count = random.pick([0, 1, 5, 5, 40, 40, 400]);
    // Some trees have several levels, which takes few records when these are large.
    const valueBytes = random.pick([20, 100, 1500, 5000]);
    let main = random.oneIn(30) ? 2 ** 53 - 100 : 1;
    for (let n = 0; n < count; n++) {
      if (!this.isWrong(50)) main += 1 + random.below(3);
      const kind: RecordKind = random.oneIn(4) ? recordKind.tombstone : recordKind.put;
      const key = revisionKey(main, this.isWrong(50) ? 1 : 0, kind);
      if (this.isWrong(50)) key[8] = 0;
      entries.push(this.entry(key, random.below(valueBytes)));
    }
    return entries;
  }

  private meta(): LeafEntry[] {
    const { random } = this;
    const u64 = (value: number): Uint8Array => revisionKey(value, 0, recordKind.put).subarray(0, 8);
    const values: [string, Uint8Array][] = [
      ["confState", fromText("{}")],
      ["consistent_index", u64(this.isWrong(10) ? 0 : 1 + random.below(1000))],
      ["finishedCompactRev", revisionKey(1 + random.below(9), 0, recordKind.put)],
      ["storageVersion", fromText(this.isWrong(10) ? "3.9.0" : "3.7.0")],
      ["term", u64(random.below(9)).subarray(0, this.isWrong(10) ? 7 : 8)],
    ];
    return values
      .filter(([name]) => name === "consistent_index" || !random.oneIn(3))
      .map(([name, value]) => this.entryOf(fromText(name), value));
  }

  private some(): LeafEntry[] {
    const { random } = this;
    const entries: LeafEntry[] = [];
    for (let n = random.pick([0, 1, 2, 60]); n > 0; n--) {
      const key = Buffer.concat([Uint8Array.of(255 - n), random.bytes(random.below(5))]);
      entries.push(this.entry(key, random.below(60)));
    }
    if (!this.isWrong(20)) entries.sort((a, b) => compareBytes(a.key, b.key));
    return entries;
  }

  private entry(key: Uint8Array, bytes: number): LeafEntry {
    return this.entryOf(key, new Uint8Array(bytes).fill(this.random.below(256)));
  }

  private entryOf(key: Uint8Array, bytes: Uint8Array): LeafEntry {
    const flags = this.isWrong(200) ? bucketElementFlag : 0;
    return { flags, key, bytes, start: 0, end: bytes.length };
  }

  private isWrong(oneIn: number): boolean {
    return this.isFaulty && this.random.oneIn(oneIn);
  }
}
