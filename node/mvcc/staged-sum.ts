/** A running CRC32C over many short pieces: they gather in a buffer first, because each call of the checksum has a price of its own. */
import { crc32c } from "../lib/crc32c.ts";
import { revisionKeyBytes, tombstoneKeyBytes, writeRevisionKey } from "./revision-key.ts";

const stageBytes = 1 << 16;
/** Bytes around a record's KeyValue that are copied with it, as that is cheaper than a view of the KeyValue alone. */
const copiedTooMax = 64;

export class StagedSum {
  private readonly stage: Uint8Array = new Uint8Array(stageBytes);
  private filled = 0;
  private sum = 0;
  private readonly putKey: Uint8Array = new Uint8Array(revisionKeyBytes);
  private readonly tombstoneKey: Uint8Array = new Uint8Array(tombstoneKeyBytes);

  /** Goes on over `bytes[start, end)`. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.filled + length > stageBytes) this.flush();
    if (length > stageBytes) {
      this.sum = crc32c(bytes.subarray(start, end), this.sum);
      return;
    }
    this.stage.set(bytes.subarray(start, end), this.filled);
    this.filled += length;
  }

  /** Goes on over a record as etcd stores it: its revision key, and its KeyValue `bytes[start, end)`. */
  addRecord(
    main: number,
    sub: number,
    isTombstone: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { stage } = this;
    const key = isTombstone ? this.tombstoneKey : this.putKey;
    writeRevisionKey(key, main, sub, isTombstone);
    const room = key.length + bytes.length;
    const isCopiedWhole =
      start <= key.length && bytes.length - (end - start) <= copiedTooMax && room <= stageBytes;
    if (!isCopiedWhole) {
      this.add(key, 0, key.length);
      this.add(bytes, start, end);
      return;
    }
    if (this.filled + room > stageBytes) this.flush();
    const at = this.filled;
    const keyEnd = at + key.length;
    // What stands before the KeyValue falls under the key, what stands behind it under the next piece.
    stage.set(bytes, keyEnd - start);
    stage.set(key, at);
    this.filled = keyEnd + end - start;
  }

  /** The sum of all that was added. */
  value(): number {
    this.flush();
    return this.sum;
  }

  private flush(): void {
    if (this.filled === 0) return;
    this.sum = crc32c(this.stage.subarray(0, this.filled), this.sum);
    this.filled = 0;
  }
}
