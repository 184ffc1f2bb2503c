/**
 * Where the pages of a database go while it is written, in the order of their ids. There are two such places, as the metas stand at the front and
 * say where the trees end: the first pass over a state only counts (PageCounter), the second one writes (PageWriter).
 */
import { crc32c } from "../../lib/crc32c.ts";
import {
  branchElementBytes,
  firstPage,
  leafElementBytes,
  pageFlag,
  pageHeaderBytes,
  viewOf,
  writePageHeader,
  writeU64,
} from "./format.ts";

/** What etcd has on Linux and macOS on Intel; a reader takes the size from the file. */
export const pageSize = 4096;
const chunkBytes = 64 * 1024;

export interface LeafEntry {
  readonly flags: number;
  readonly key: Uint8Array;
  /** The value is bytes[start, end). */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export interface BranchEntry {
  readonly key: Uint8Array;
  readonly page: number;
}

/** `bytes` is what header, elements, keys and values take together. Both return the page's id. */
export interface Pages {
  leaf(entries: readonly LeafEntry[], bytes: number): number;
  branch(entries: readonly BranchEntry[], bytes: number): number;
}

const pagesFor = (bytes: number): number => Math.ceil(bytes / pageSize);

/** What went into the pages so far. */
class Tally {
  private elements = 0;
  private bytes = 0;

  add(elements: number, bytes: number): void {
    this.elements += elements;
    this.bytes += bytes;
  }

  equals(other: Tally): boolean {
    return this.elements === other.elements && this.bytes === other.bytes;
  }
}

export class PageCounter implements Pages {
  /** The id of the next page. */
  next = firstPage;
  readonly tally = new Tally();

  leaf({ length }: readonly LeafEntry[], bytes: number): number {
    return this.page(length, bytes);
  }

  branch({ length }: readonly BranchEntry[], bytes: number): number {
    return this.page(length, bytes);
  }

  private page(elements: number, bytes: number): number {
    this.tally.add(elements, bytes);
    const id = this.next;
    this.next += pagesFor(bytes);
    return id;
  }
}

export class PageWriter implements Pages {
  /** The id of the next page. */
  next = 0;
  /** CRC-32C of all bytes of the chunks that were taken. */
  crc = 0;
  readonly tally = new Tally();
  private buffer = new Uint8Array(0);
  private view = viewOf(this.buffer);
  private filled = 0;
  private readonly ready: Uint8Array[] = [];

  leaf(entries: readonly LeafEntry[], bytes: number): number {
    this.tally.add(entries.length, bytes);
    const { id, at } = this.page(bytes);
    const overflow = pagesFor(bytes) - 1;
    writeLeaf({ bytes: this.buffer, view: this.view, at }, { id, overflow }, entries);
    return id;
  }

  branch(entries: readonly BranchEntry[], bytes: number): number {
    const { length: count } = entries;
    this.tally.add(count, bytes);
    const { id, at } = this.page(bytes);
    const { buffer, view } = this;
    const overflow = pagesFor(bytes) - 1;
    writePageHeader(view, at, { id, flags: pageFlag.branch, count, overflow });
    let element = at + pageHeaderBytes;
    let data = element + count * branchElementBytes;
    for (const { key, page } of entries) {
      view.setUint32(element, data - element, true);
      view.setUint32(element + 4, key.length, true);
      writeU64(view, element + 8, page);
      buffer.set(key, data);
      element += branchElementBytes;
      data += key.length;
    }
    return id;
  }

  /** One page that is filled by `fill` and holds zeros otherwise. */
  raw(fill: (bytes: Uint8Array, at: number, id: number) => void): void {
    const { id, at } = this.page(pageSize);
    fill(this.buffer, at, id);
  }

  /** Ends the open chunk; `take` hands it over. */
  flush(): void {
    if (this.filled === 0) return;
    const chunk = this.buffer.subarray(0, this.filled);
    this.crc = crc32c(chunk, this.crc);
    this.ready.push(chunk);
    this.filled = 0;
  }

  /** The chunks that are full. They stay as they are: the one before may still be on its way. */
  take(): Uint8Array[] {
    return this.ready.splice(0);
  }

  private page(bytes: number): { id: number; at: number } {
    const pages = pagesFor(bytes);
    const room = pages * pageSize;
    if (this.filled + room > this.buffer.length) this.flush();
    if (this.filled === 0) {
      this.buffer = new Uint8Array(Math.max(chunkBytes, room));
      this.view = viewOf(this.buffer);
    }
    const place = { id: this.next, at: this.filled };
    this.next += pages;
    this.filled += room;
    return place;
  }
}

interface Target {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly at: number;
}

function writeLeaf(
  { bytes: target, view, at }: Target,
  { id, overflow }: { readonly id: number; readonly overflow: number },
  entries: readonly LeafEntry[],
): void {
  const { length: count } = entries;
  writePageHeader(view, at, { id, flags: pageFlag.leaf, count, overflow });
  let element = at + pageHeaderBytes;
  let data = element + count * leafElementBytes;
  for (const { flags, key, bytes, start, end } of entries) {
    view.setUint32(element, flags, true);
    view.setUint32(element + 4, data - element, true);
    view.setUint32(element + 8, key.length, true);
    view.setUint32(element + 12, end - start, true);
    target.set(key, data);
    data += key.length;
    target.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), data);
    data += end - start;
    element += leafElementBytes;
  }
}

/** Fills bytes[at, ...) with a leaf page that lies within a bucket's value: its id is 0. */
export function writeInlineLeaf(
  bytes: Uint8Array,
  at: number,
  entries: readonly LeafEntry[],
): void {
  writeLeaf({ bytes, view: viewOf(bytes), at }, { id: 0, overflow: 0 }, entries);
}
