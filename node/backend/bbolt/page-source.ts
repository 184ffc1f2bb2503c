/** Where the bytes of a database lie while it is read, and a bounded cache over them. */
import { faulty } from "./database-fault.ts";

export interface PageSource {
  /** Bytes in all. */
  readonly size: number;
  /** Fewer than `length` at the end only. What it returns is not changed by anybody. */
  read(position: number, length: number): Promise<Uint8Array>;
}

/** Neighbours lie near each other in our files, less so in etcd's: many small blocks rather than few large ones. */
const blockBytes = 64 * 1024;
const blocksMax = 64;

export class CachedSource {
  readonly size: number;
  private readonly source: PageSource;
  /** By number; the one that was used last comes last. */
  private readonly blocks = new Map<number, Buffer>();

  constructor(source: PageSource) {
    this.source = source;
    this.size = source.size;
  }

  /** Exactly so many bytes. Throws DatabaseFault where the file ends before. */
  async read(position: number, length: number): Promise<Buffer> {
    const number = Math.floor(position / blockBytes);
    const start = position - number * blockBytes;
    if (start + length > blockBytes) return whole(await this.source.read(position, length), length);
    const block = this.blocks.get(number) ?? (await this.load(number));
    this.blocks.delete(number);
    this.blocks.set(number, block);
    return whole(block.subarray(start, start + length), length);
  }

  private async load(number: number): Promise<Buffer> {
    const block = asBuffer(await this.source.read(number * blockBytes, blockBytes));
    for (const oldest of this.blocks.keys()) {
      if (this.blocks.size < blocksMax) break;
      this.blocks.delete(oldest);
    }
    return block;
  }
}

function whole(bytes: Uint8Array, length: number): Buffer {
  if (bytes.length < length) faulty("it ends before its last page");
  return asBuffer(bytes);
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
