/** A running CRC32C over many short pieces: they gather in a buffer first, because each call of the checksum has a price of its own. */
import { crc32c } from "../lib/crc32c.ts";

const stageBytes = 1 << 16;

export class StagedSum {
  private readonly stage: Uint8Array = new Uint8Array(stageBytes);
  private filled = 0;
  private sum = 0;

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
