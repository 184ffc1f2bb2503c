/**
 * What a part of the key index (arena, hash, tree, revision log) gives to a checkpoint and is made from again: its memory as it is, and
 * the few numbers beside it. Nothing is copied: an image is valid until its part changes.
 */

export interface IndexImage {
  /** The part's layout first (see `checkLayout`), then its state. Safe integers. */
  readonly numbers: readonly number[];
  readonly buffers: readonly ArrayBuffer[];
}

/** The image is not one of this version's: the index must be built anew. */
export class UnfitImage extends Error {}

/** Reads the numbers and buffers of an image one after the other. */
export class ImageReader {
  private readonly image: IndexImage;
  private nextNumber = 0;
  private nextBuffer = 0;

  constructor(image: IndexImage) {
    this.image = image;
  }

  number(): number {
    const value = this.image.numbers[this.nextNumber++];
    if (value === undefined) throw new UnfitImage("a number is missing");
    return value;
  }

  /** A list that `listOf` wrote. */
  list(): number[] {
    const count = this.number();
    return Array.from({ length: count }, () => this.number());
  }

  /** Without a length it may have any. */
  buffer(length?: number): ArrayBuffer {
    const buffer = this.image.buffers[this.nextBuffer++];
    if (buffer === undefined) throw new UnfitImage("a buffer is missing");
    if (length !== undefined && buffer.byteLength !== length)
      throw new UnfitImage(`a buffer has ${buffer.byteLength} bytes instead of ${length}`);
    return buffer;
  }

  /** Refuses an image whose sizes, set by constants of the part, are others than today's. */
  checkLayout(...layout: readonly number[]): void {
    for (const size of layout) {
      const other = this.number();
      if (other !== size) throw new UnfitImage(`its layout has ${other} instead of ${size}`);
    }
  }

  end(): void {
    const { numbers, buffers } = this.image;
    if (this.nextNumber !== numbers.length || this.nextBuffer !== buffers.length)
      throw new UnfitImage("it holds more than it should");
  }
}

/** A list among the numbers: its length first. */
export const listOf = (values: readonly number[]): number[] => [values.length, ...values];
