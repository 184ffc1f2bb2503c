/**
 * The pages of the key index: fixed-size runs of 32-bit words in large chunks, named by number; 0 means none.
 * A page is a header and columns of F entries each:
 *
 *   word  0       1              2           3       4       5          6         6 + F      6 + 2F    6 + 3F
 *       ┌───────┬──────────────┬───────────┬───────┬───────┬──────────┬─────────┬──────────┬─────────┬─────────┐
 *       │ count │ prefixLength │ next leaf │ lives │ fence │ isFenced │ F heads │ F places │ F pages │ F lives │
 *       └───────┴──────────────┴───────────┴───────┴───────┴──────────┴─────────┴──────────┴─────────┴─────────┘
 *                              └──────────── leaves only ─────────────┘                    └─ inner pages only ┘
 */
import { ImageReader, type IndexImage, listOf } from "./index-image.ts";

export const header = {
  count: 0,
  prefixLength: 1,
  next: 2,
  lives: 3,
  fence: 4,
  isFenced: 5,
  size: 6,
} as const;

const chunkPageBits = 7;
const pageMask = (1 << chunkPageBits) - 1;

export class TreePages {
  /** F: entries of one page. */
  readonly entries: number;
  /** Word of a page at which a column starts: the four bytes of each key behind the page's prefix. */
  readonly heads: number = header.size;
  /** Place of each entry's key. */
  readonly places: number;
  /** Inner pages: the subtree of each entry, and how many keys that exist now are in it. */
  readonly pages: number;
  readonly lives: number;
  private readonly size: number;
  private readonly chunks: Int32Array[] = [];
  /** Removed pages, to be used again. */
  private readonly free: number[] = [];
  /** Page 0 is never given out. */
  private nextPage = 1;

  constructor(entries: number, columns: 2 | 4) {
    this.entries = entries;
    this.places = this.heads + entries;
    this.pages = this.places + entries;
    this.lives = this.pages + entries;
    this.size = header.size + columns * entries;
  }

  /** Memory held, in bytes. */
  get residentBytes(): number {
    return this.chunks.length * (this.size << chunkPageBits) * 4;
  }

  /** An empty page. */
  add(): number {
    const reused = this.free.pop();
    if (reused !== undefined) {
      const base = this.base(reused);
      this.words(reused).fill(0, base, base + header.size);
      return reused;
    }
    const page = this.nextPage++;
    if (page >>> chunkPageBits >= this.chunks.length)
      this.chunks.push(new Int32Array(this.size << chunkPageBits));
    return page;
  }

  /** Gives a page back. Nothing may name it any more. */
  remove(page: number): void {
    this.free.push(page);
  }

  /** Pages in use. */
  get count(): number {
    return this.nextPage - 1 - this.free.length;
  }

  /** For a checkpoint of the index. */
  image(): IndexImage {
    const buffers = this.chunks.map((chunk) => chunk.buffer as ArrayBuffer);
    return { numbers: [chunkPageBits, this.size, this.nextPage, ...listOf(this.free)], buffers };
  }

  /** Takes over an image. What was added before is gone. */
  adopt(image: IndexImage): void {
    const reader = new ImageReader(image);
    reader.checkLayout(chunkPageBits, this.size);
    this.nextPage = reader.number();
    for (const page of reader.list()) this.free.push(page);
    this.chunks.length = 0;
    for (let at = 0; at < image.buffers.length; at++)
      this.chunks.push(new Int32Array(reader.buffer((this.size << chunkPageBits) * 4)));
    reader.end();
  }

  /** The chunk that a page lies in, from word `base(page)` on. */
  words(page: number): Int32Array {
    return this.chunks[page >>> chunkPageBits] as Int32Array;
  }

  base(page: number): number {
    return (page & pageMask) * this.size;
  }
}
