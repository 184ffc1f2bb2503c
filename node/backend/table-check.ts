/**
 * Checks a table file of LevelDB whole, before LevelDB reads it. LevelDB verifies no block checksum unless asked, its binding
 * cannot ask, and a damaged block may even make it abort the process (its asserts are on). Every byte is covered: blocks by
 * their CRC32C, the rest because blocks must follow each other without a gap. 16 MiB take a few milliseconds.
 *
 *   | data block, trailer | ... | filter block, trailer | metaindex block, trailer | index block, trailer | footer |
 *   trailer: | type u8: 0 = uncompressed | masked crc32c u32 LE over block and type |
 *   footer:  | metaindex handle | index handle | zeros up to 40 bytes | magic 8 bytes |     handle: varint offset, varint size
 *   block:   | entry ... | restart u32 LE ... | number of restarts u32 LE |
 *   entry:   | varint shared | varint unshared | varint value size | key bytes | value |     value in an index: a handle
 *
 * Source: doc/table_format.txt of LevelDB.
 */
import { crc32c } from "../lib/crc32c.ts";
import { maskedCrc } from "./level-log.ts";

const footerBytes = 48;
const trailerBytes = 5;
const magic = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb] as const;

interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** Thrown and caught inside this file only. */
class TableFault extends Error {}

/** What is wrong with a table's bytes, or undefined. */
export function tableFault(bytes: Uint8Array): string | undefined {
  try {
    new Table(bytes).check();
    return undefined;
  } catch (error) {
    if (error instanceof TableFault) return error.message;
    throw error;
  }
}

/** The data blocks of a damaged table that can still be trusted, without their trailers; none when its index is damaged. */
export function soundBlocks(bytes: Uint8Array): Uint8Array[] {
  try {
    return new Table(bytes).soundBlocks();
  } catch (error) {
    if (error instanceof TableFault) return [];
    throw error;
  }
}

class Table {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  /** Reading position of `varint`. */
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  check(): void {
    const { bytes } = this;
    const footer = bytes.length - footerBytes;
    if (footer < 0 || magic.some((byte, n) => bytes[footer + 40 + n] !== byte))
      throw new TableFault("no table footer");
    this.at = footer;
    const metaindex = this.handle();
    const index = this.handle();
    if (bytes.subarray(this.at, footer + 40).some((byte) => byte !== 0))
      throw new TableFault("damaged footer");

    this.block(index);
    this.block(metaindex);
    let next = 0;
    for (const part of [this.handlesIn(index), this.handlesIn(metaindex), [metaindex], [index]]) {
      for (const handle of part) {
        if (handle.offset !== next)
          throw new TableFault(`a block at ${handle.offset} instead of ${next}`);
        this.block(handle);
        next += handle.size + trailerBytes;
      }
    }
    if (next !== footer) throw new TableFault(`the blocks end at ${next} instead of ${footer}`);
  }

  soundBlocks(): Uint8Array[] {
    const { bytes } = this;
    if (bytes.length < footerBytes) return [];
    this.at = bytes.length - footerBytes;
    this.handle();
    const index = this.handle();
    this.block(index);
    const isSound = (handle: Handle): boolean => {
      try {
        this.block(handle);
        return true;
      } catch {
        return false;
      }
    };
    return this.handlesIn(index)
      .filter(isSound)
      .map(({ offset, size }) => bytes.subarray(offset, offset + size));
  }

  private block({ offset, size }: Handle): void {
    const end = offset + size;
    if (end + trailerBytes > this.bytes.length - footerBytes)
      throw new TableFault(`a block beyond the end, at ${offset}`);
    const crc = crc32c(this.bytes.subarray(offset, end + 1));
    if (this.view.getUint32(end + 1, true) !== maskedCrc(crc))
      throw new TableFault(`bad checksum of the block at ${offset}`);
    if (this.bytes[end] !== 0) throw new TableFault(`the block at ${offset} is compressed`);
  }

  /** The handles that an index holds. Precondition: `block` found it sound. */
  private handlesIn({ offset, size }: Handle): Handle[] {
    const end = offset + size;
    const restarts = size < 4 ? 0 : this.view.getUint32(end - 4, true);
    const entriesEnd = end - 4 - restarts * 4;
    const handles: Handle[] = [];
    this.at = offset;
    while (this.at < entriesEnd) {
      this.varint();
      const unshared = this.varint();
      this.varint();
      this.at += unshared;
      handles.push(this.handle());
    }
    return handles;
  }

  private handle(): Handle {
    return { offset: this.varint(), size: this.varint() };
  }

  private varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte === 0 && scale > 1) break; // Longer than it need be: LevelDB writes none.
      if (byte < 0x80) return value;
    }
    throw new TableFault("damaged number");
  }
}
