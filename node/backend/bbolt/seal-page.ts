/**
 * The last page of a database that we write: a sum of all bytes before it. The format itself has none but for the metas, so that a bit that flips on
 * the way would become somebody's value. To etcd the page is a free one, whose content nobody looks at.
 *
 *   | page header: id u64, zeros | "etcd-ts all sum" | CRC-32C of all bytes before this page u32 LE | zeros ... |
 *
 * It speaks for the file as long as nobody has written to it: bbolt counts transactions in the metas, and ours is the first. A file without it is
 * etcd's, or one that etcd went on with.
 */
import { compareBytes, fromText } from "../../lib/bytes.ts";
import { crc32c } from "../../lib/crc32c.ts";
import { pageHeaderBytes, viewOf, writePageHeader } from "./format.ts";
import { pageSize } from "./pages.ts";

/** The transaction that our metas name; even, so that the next one overwrites the other meta. */
export const sealedTxid = 2;
const mark = fromText("etcd-ts all sum");
const crcAt = pageHeaderBytes + 16;

export function writeSealPage(bytes: Uint8Array, at: number, id: number, crc: number): void {
  writePageHeader(viewOf(bytes), at, { id, flags: 0, count: 0, overflow: 0 });
  bytes.set(mark, at + pageHeaderBytes);
  viewOf(bytes).setUint32(at + crcAt, crc, true);
}

/** Sums a file up as it comes in, all but its last page. */
export class SealSum {
  private crc = 0;
  private tail = new Uint8Array(0);

  add(chunk: Uint8Array): void {
    const { tail } = this;
    const excess = Math.max(0, tail.length + chunk.length - pageSize);
    const fromTail = Math.min(excess, tail.length);
    const fromChunk = excess - fromTail;
    this.crc = crc32c(chunk.subarray(0, fromChunk), crc32c(tail.subarray(0, fromTail), this.crc));
    const rest = new Uint8Array(tail.length + chunk.length - excess);
    rest.set(tail.subarray(fromTail));
    rest.set(chunk.subarray(fromChunk), tail.length - fromTail);
    this.tail = rest;
  }

  /** To be asked when all has come: the last page is a seal, and not the one of this file. */
  isBroken(pages: number, txid: number): boolean {
    const { tail, crc } = this;
    const start = tail.subarray(pageHeaderBytes, pageHeaderBytes + mark.length);
    if (txid > sealedTxid || compareBytes(start, mark) !== 0) return false;
    const expected = new Uint8Array(pageSize);
    writeSealPage(expected, 0, pages - 1, crc);
    return compareBytes(expected, tail) !== 0;
  }
}
