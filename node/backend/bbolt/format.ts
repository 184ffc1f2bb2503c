/**
 * The file format of bbolt, in which etcd keeps its backend (`member/snap/db`) and sends it to other members (bbolt internal/common). Numbers are
 * little-endian. The file is a row of pages of one size; a page that needs more room goes on over the next ones, its overflow.
 *
 *   page:     | id u64 | flags u16 | count u16 | overflow u32 | elements ... | keys and values ... |
 *   meta:     | magic u32 | version u32 | page size u32 | flags u32 | root: bucket | freelist id u64 | high water u64 | txid u64 | FNV-64a u64 |
 *   leaf:     count × | flags u32 | offset u32 | key length u32 | value length u32 |       offset counts from the element itself
 *   branch:   count × | offset u32 | key length u32 | page id u64 |                        the key is the first one below that page
 *   bucket:   | root page id u64 | sequence u64 | leaf page, where the id is 0 ... |       the value of a leaf element with flag 1
 *
 * Pages 0 and 1 are metas; the valid one with the higher txid counts. Its root is the tree of buckets, each of which is a tree of pages or,
 * when it is small, lies whole in the value. Pages from the high water mark on are not there; those below that no tree leads to are free.
 */

export const pageHeaderBytes = 16;
export const leafElementBytes = 16;
export const branchElementBytes = 16;
export const bucketHeaderBytes = 16;
const metaBytes = 64;
export const pageFlag = { branch: 1, leaf: 2, meta: 4 } as const;
/** Of a leaf element whose value is a bucket. */
export const bucketElementFlag = 1;
/** The pages that are no metas begin here. */
export const firstPage = 2;

const magic = 0xed0cdaed;
const formatVersion = 2;
const twoTo32 = 2 ** 32;
/** Stands for the id of the freelist where none is kept: who opens the file walks it and learns what is free. Etcd on Linux keeps none. */
const noFreelist = 0xffff_ffff_ffff_ffffn;

export interface Meta {
  readonly pageSize: number;
  /** Page id of the tree of buckets. */
  readonly root: number;
  /** The file has this many pages. */
  readonly highWater: number;
  readonly txid: number;
}

/** Fills `bytes[at, at + pageHeaderBytes + metaBytes)` with meta page `id`. */
export function writeMetaPage(bytes: Uint8Array, at: number, id: number, meta: Meta): void {
  const view = viewOf(bytes);
  writePageHeader(view, at, { id, flags: pageFlag.meta, count: 0, overflow: 0 });
  const start = at + pageHeaderBytes;
  view.setUint32(start, magic, true);
  view.setUint32(start + 4, formatVersion, true);
  view.setUint32(start + 8, meta.pageSize, true);
  view.setUint32(start + 12, 0, true);
  writeU64(view, start + 16, meta.root);
  writeU64(view, start + 24, 0);
  view.setBigUint64(start + 32, noFreelist, true);
  writeU64(view, start + 40, meta.highWater);
  writeU64(view, start + 48, meta.txid);
  view.setBigUint64(start + 56, fnv64a(bytes, start, start + 56), true);
}

/** The meta of the page at `at`, or undefined when there is none that is whole. */
export function readMetaPage(bytes: Uint8Array, at: number): Meta | undefined {
  const start = at + pageHeaderBytes;
  if (start + metaBytes > bytes.length) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(start, true) !== magic) return undefined;
  if (view.getUint32(start + 4, true) !== formatVersion) return undefined;
  if (view.getBigUint64(start + 56, true) !== fnv64a(bytes, start, start + 56)) return undefined;
  return {
    pageSize: view.getUint32(start + 8, true),
    root: readU64(view, start + 16),
    highWater: readU64(view, start + 40),
    txid: readU64(view, start + 48),
  };
}

export interface PageHeader {
  readonly id: number;
  readonly flags: number;
  readonly count: number;
  readonly overflow: number;
}

export function writePageHeader(view: DataView, at: number, header: PageHeader): void {
  writeU64(view, at, header.id);
  view.setUint16(at + 8, header.flags, true);
  view.setUint16(at + 10, header.count, true);
  view.setUint32(at + 12, header.overflow, true);
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % twoTo32, true);
  view.setUint32(at + 4, Math.floor(value / twoTo32), true);
}

/** NaN above 2^53. */
export function readU64(view: DataView, at: number): number {
  return safe(view.getUint32(at + 4, true) * twoTo32 + view.getUint32(at, true));
}

/** Big-endian, as etcd has numbers in keys and values. NaN above 2^53. */
export function readU64BigEndian(view: DataView, at: number): number {
  return safe(view.getUint32(at) * twoTo32 + view.getUint32(at + 4));
}

export function writeU64BigEndian(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / twoTo32));
  view.setUint32(at + 4, value % twoTo32);
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const safe = (value: number): number => (Number.isSafeInteger(value) ? value : Number.NaN);

function fnv64a(bytes: Uint8Array, start: number, end: number): bigint {
  let hash = 0xcbf29ce484222325n;
  for (let at = start; at < end; at++)
    hash = BigInt.asUintN(64, (hash ^ BigInt(bytes[at] as number)) * 0x100000001b3n);
  return hash;
}
