/**
 * What the files of a damaged backend still say for sure, read without LevelDB. Not data to go on with: it is what the log has to
 * agree with before the backend is rebuilt from it.
 *
 *   log record:   | sequence u64 LE | count u32 LE | operation ... |
 *   operation:    | 1 | varint key size | key | varint value size | value |  or  | 0 | varint key size | key |
 *   block entry:  see table-check.ts; a key there is | stored key | sequence and type u64 LE |
 */
import { emptyBytes } from "../lib/bytes.ts";
import type { Fs } from "../lib/ports.ts";
import { Buckets } from "./buckets.ts";
import { readLevelLog } from "./level-log.ts";
import { decodeSeal } from "./seal.ts";
import { soundBlocks } from "./table-check.ts";

export interface Salvage {
  /** Highest applied index that any sound seal names; 0 when none was found. What it covers was acknowledged and is in the log. */
  readonly consistentIndex: number;
  /** Keys of the bucket `members`, of any time. */
  readonly memberKeys: readonly Uint8Array[];
}

export async function salvage(fs: Fs, dir: string): Promise<Salvage> {
  const reader = new EntryReader();
  for (const name of await fs.readDir(dir)) {
    const isLog = name.endsWith(".log");
    if (!isLog && !/\.(?:ldb|sst)$/.test(name)) continue;
    const bytes = await fs.readFile(`${dir}/${name}`).catch(() => emptyBytes);
    if (isLog) readLevelLog(bytes, (record) => reader.batch(record));
    else for (const block of soundBlocks(bytes)) reader.block(block);
  }
  return {
    consistentIndex: reader.consistentIndex,
    memberKeys: reader.buckets.entries("members").map(({ key }) => key),
  };
}

const sealPrefix = 0x10;
const bucketPrefix = 0x20;
const sealKeyBytes = 23;
const internalBytes = 8;

class EntryReader {
  consistentIndex = 0;
  readonly buckets = new Buckets();
  private bytes: Uint8Array = emptyBytes;
  private at = 0;

  /** A record of a log; what is not understood ends it. */
  batch(record: Uint8Array): void {
    this.bytes = record;
    this.at = 12;
    while (this.at < record.length) {
      const isPut = record[this.at++] === 1;
      const key = this.take(this.varint());
      if (isPut) this.entry(key, this.take(this.varint()));
    }
  }

  /** A data block of a table. */
  block(block: Uint8Array): void {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    const restarts = block.length < 4 ? 0 : view.getUint32(block.length - 4, true);
    this.bytes = block.subarray(0, Math.max(0, block.length - 4 - restarts * 4));
    this.at = 0;
    let key = emptyBytes;
    while (this.at < this.bytes.length) {
      const shared = this.varint();
      const unshared = this.varint();
      const valueBytes = this.varint();
      key = Buffer.concat([key.subarray(0, shared), this.take(unshared)]);
      this.entry(key.subarray(0, -internalBytes), this.take(valueBytes));
    }
  }

  private entry(key: Uint8Array, value: Uint8Array): void {
    if (key[0] === bucketPrefix) this.buckets.load(key, value);
    if (key[0] !== sealPrefix || key.length !== sealKeyBytes) return;
    const decoded = decodeSeal(key, value);
    if (typeof decoded === "string") return;
    const index = decoded.seal.position.consistentIndex;
    if (index > this.consistentIndex) this.consistentIndex = index;
  }

  private take(size: number): Uint8Array {
    const taken = this.bytes.subarray(this.at, this.at + size);
    this.at += size;
    return taken;
  }

  private varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    this.at = this.bytes.length;
    return 0;
  }
}
