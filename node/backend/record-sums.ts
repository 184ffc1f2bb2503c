/** Collects the sums of a batch's records in order; their own CRC32C goes into the seal. One native call for each batch. */
import { crc32c } from "../lib/crc32c.ts";

export class RecordSums {
  count = 0;
  private bytes = new Uint8Array(4096);

  add(crc: number): void {
    const at = this.count * 4;
    if (at === this.bytes.length) {
      const grown = new Uint8Array(at * 2);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes[at] = crc;
    this.bytes[at + 1] = crc >>> 8;
    this.bytes[at + 2] = crc >>> 16;
    this.bytes[at + 3] = crc >>> 24;
    this.count++;
  }

  /** CRC32C over the sums added since the last `reset`, each as u32 little-endian. */
  sum(): number {
    return crc32c(this.bytes.subarray(0, this.count * 4));
  }

  reset(): void {
    this.count = 0;
  }
}
