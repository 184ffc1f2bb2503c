/**
 * A bbolt database that somebody else may have written, read once from the first key of a tree to the last. Everything that it says is checked before
 * it is believed: no page is outside, none is in two places, keys ascend, and lie where the branches say. Free pages are never looked at, nor is a
 * list of them, if there is one.
 *
 * Memory: one page for each level, the cache (page-source.ts), and one bit for each page.
 */
import { DatabaseFault, faulty } from "./database-fault.ts";
import {
  bucketHeaderBytes,
  firstPage,
  type Meta,
  pageHeaderBytes,
  readMetaPage,
  readU64,
  viewOf,
} from "./format.ts";
import { Page } from "./page.ts";
import { CachedSource, type PageSource } from "./page-source.ts";

/** bbolt looks for the second meta at these sizes (db.go, getPageSizeFromSecondMeta), for pages of 1 KiB to 16 MiB. */
const pageSizeMin = 1024;
const pageSizeMax = pageSizeMin << 14;
/** With two children to a branch, more than any disk holds. */
const levelsMax = 64;
/** Far above any value that may be stored: --max-request-bytes bounds them. */
const overflowBytesMax = 2 ** 30;

/** The root page of a bucket, or the page that lies in its value. */
export type BucketRoot = number | Page;

interface Level {
  readonly page: Page;
  /** Of the next child. */
  index: number;
  /** Keys below this page are less; undefined where nothing says so. */
  readonly keysBelow: Buffer | undefined;
}

export class Database {
  readonly meta: Meta;
  private readonly source: CachedSource;
  /** Bit n is set when page n was met in a tree. */
  private readonly met: Uint8Array;

  private constructor(source: CachedSource, meta: Meta) {
    this.source = source;
    this.meta = meta;
    this.met = new Uint8Array(Math.ceil(meta.highWater / 8));
  }

  /** Rejects with DatabaseFault, and with what the source rejects with. */
  static async open(source: PageSource): Promise<Database> {
    const cached = new CachedSource(source);
    const meta = (await newestMeta(cached)) ?? faulty("neither of its first pages is a whole meta");
    const { pageSize, highWater, root } = meta;
    const isPageSize =
      pageSize >= pageSizeMin && pageSize <= pageSizeMax && (pageSize & (pageSize - 1)) === 0;
    if (!isPageSize) faulty(`a page size of ${pageSize}`);
    if (!(highWater > firstPage && root >= firstPage && root < highWater))
      faulty(`a root page ${root} of ${highWater}`);
    if (highWater * pageSize > source.size)
      faulty(`it has ${source.size} bytes and says that it has ${highWater} pages of ${pageSize}`);
    return new Database(cached, meta);
  }

  /** Bytes up to the high water mark: what etcd sends of its file. */
  get size(): number {
    return this.meta.highWater * this.meta.pageSize;
  }

  /** All buckets by name. To be called once. */
  async buckets(): Promise<ReadonlyMap<string, BucketRoot>> {
    const buckets = new Map<string, BucketRoot>();
    for await (const page of this.leaves(this.meta.root)) {
      for (let index = 0; index < page.count; index++) {
        page.select(index);
        const name = page.key().toString("latin1");
        if (!page.isBucket) page.fault("has a key beside the buckets");
        buckets.set(name, bucketRoot(page, name));
      }
    }
    return buckets;
  }

  /** The leaf pages of a tree, in order; their keys ascend over all of them. Each tree is to be read once. */
  async *leaves(root: BucketRoot): AsyncGenerator<Page> {
    const levels: Level[] = [];
    let keysBelow: Buffer | undefined;
    let last: Buffer | undefined;
    let page = typeof root === "number" ? await this.page(root) : root;
    for (;;) {
      if (page.isLeaf) {
        last = checkOrder(page, last, keysBelow);
        yield page;
      } else {
        if (levels.length === levelsMax) page.fault("lies too deep");
        levels.push({ page, index: 0, keysBelow });
      }
      const level = nextLevel(levels);
      if (level === undefined) return;
      const child = level.page;
      child.select(level.index);
      const least = child.key();
      const id = child.child;
      if (last !== undefined && compare(least, last) <= 0) child.fault("has keys out of order");
      level.index++;
      keysBelow = level.keysBelow;
      if (level.index < child.count) {
        child.select(level.index);
        keysBelow = child.key();
        if (compare(keysBelow, least) <= 0) child.fault("has keys out of order");
      }
      page = await this.page(id);
      if (page.count === 0) continue;
      page.select(0);
      if (page.compareKey(least) < 0) page.fault("begins below the key that leads to it");
    }
  }

  private async page(id: number): Promise<Page> {
    const { pageSize, highWater } = this.meta;
    if (!(id >= firstPage && id < highWater)) faulty(`a page ${id} of ${highWater}`);
    const position = id * pageSize;
    const first = await this.source.read(position, pageSize);
    const overflow = viewOf(first).getUint32(12, true);
    const bytes = (overflow + 1) * pageSize;
    if (id + overflow >= highWater || bytes > overflowBytesMax)
      faulty(`page ${id} goes on over ${overflow} more of ${highWater}`);
    for (let at = id; at <= id + overflow; at++) {
      const bit = 1 << (at & 7);
      const byte = this.met[at >> 3] as number;
      if ((byte & bit) !== 0) faulty(`page ${at} is in two places`);
      this.met[at >> 3] = byte | bit;
    }
    return new Page(overflow === 0 ? first : await this.source.read(position, bytes), id);
  }
}

/** The deepest branch that has a child left. */
function nextLevel(levels: Level[]): Level | undefined {
  for (;;) {
    const level = levels.at(-1);
    if (level === undefined || level.index < level.page.count) return level;
    levels.pop();
  }
}

/** Returns the last key so far. */
function checkOrder(
  page: Page,
  last: Buffer | undefined,
  keysBelow: Buffer | undefined,
): Buffer | undefined {
  const { bytes, count } = page;
  let [lastBytes, lastStart, lastEnd] = [last ?? bytes, 0, last?.length ?? 0];
  for (let index = 0; index < count; index++) {
    page.select(index);
    const { keyStart, keyEnd } = page;
    // No key is empty, so that the first one is above nothing at all.
    if (bytes.compare(lastBytes, lastStart, lastEnd, keyStart, keyEnd) <= 0)
      page.fault("has keys out of order");
    [lastBytes, lastStart, lastEnd] = [bytes, keyStart, keyEnd];
  }
  if (count === 0) return last;
  if (keysBelow !== undefined && page.compareKey(keysBelow) >= 0)
    page.fault("has keys that belong to the next one");
  return page.key();
}

function bucketRoot(page: Page, name: string): BucketRoot {
  const value = page.value();
  if (value.length < bucketHeaderBytes) page.fault(`has a bucket ${name} without a root`);
  const id = readU64(viewOf(value), 0);
  if (id !== 0) return id;
  if (value.length < bucketHeaderBytes + pageHeaderBytes)
    page.fault(`has a bucket ${name} without a page`);
  const inline = new Page(Buffer.from(value.subarray(bucketHeaderBytes)), 0);
  if (!inline.isLeaf) inline.fault("is a branch");
  return inline;
}

/** Of the two metas the valid one of the later transaction. The second one lies where the first one says; without that, where it is found. */
async function newestMeta(source: CachedSource): Promise<Meta | undefined> {
  const metaAt = async (position: number): Promise<Meta | undefined> => {
    const length = Math.min(pageSizeMin, source.size - position);
    if (length <= 0) return undefined;
    return readMetaPage(await source.read(position, length), 0);
  };
  const first = await metaAt(0);
  if (first !== undefined) {
    const second = await metaAt(first.pageSize);
    if (second === undefined || second.txid <= first.txid) return first;
    if (second.pageSize !== first.pageSize)
      throw new DatabaseFault("its metas name two page sizes");
    return second;
  }
  for (let pageSize = pageSizeMin; pageSize <= pageSizeMax; pageSize *= 2) {
    const second = await metaAt(pageSize);
    if (second?.pageSize === pageSize) return second;
  }
  return undefined;
}

const compare = (a: Buffer, b: Buffer): number => a.compare(b);
