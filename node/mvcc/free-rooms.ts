/**
 * The free rooms of the key arena, by size in units. Rooms of one size form a list, linked through their own first word, so that
 * keeping them costs no memory. Sizes up to a bound are in a table, the few longer ones in a map.
 */
import { type ImageReader, listOf, UnfitImage } from "./index-image.ts";

const tableSizes = 256;
/** The smallest room worth keeping apart when a larger one is cut: a record with a short key. */
const unitsMin = 4;
/** Larger rooms are cut only when more than this part of the memory is free, so that sizes that come back find theirs. */
const cutFrom = 1 / 8;

export class FreeRooms {
  /** Free units in all. */
  units = 0;
  /** First room of each size; 0 is none. */
  private readonly table = new Int32Array(tableSizes);
  private readonly long = new Map<number, number>();

  first(size: number): number {
    return size < tableSizes ? (this.table[size] as number) : (this.long.get(size) ?? 0);
  }

  /** Adds the room at `place`, whose first word is `words[at]`. */
  give(size: number, place: number, words: Int32Array, at: number): void {
    words[at] = this.first(size);
    this.setFirst(size, place);
    this.units += size;
  }

  /** Takes the first room of a size, whose first word is `words[at]`. */
  take(size: number, words: Int32Array, at: number): void {
    this.setFirst(size, words[at] as number);
    this.units -= size;
  }

  /** Size of the free room to use for so many units, out of `heldUnits`; 0 when new memory is better. */
  sizeFor(units: number, heldUnits: number): number {
    if (this.first(units) !== 0) return units;
    if (this.units < heldUnits * cutFrom) return 0;
    for (let size = units + unitsMin; size < tableSizes; size++) {
      if (this.table[size] !== 0) return size;
    }
    return 0;
  }

  /** For a checkpoint of the index: the rooms themselves lie in the arena's memory. */
  image(): number[] {
    const long = [...this.long].flat();
    return [this.units, ...listOf([...this.table]), ...listOf(long)];
  }

  adopt(image: ImageReader): void {
    this.units = image.number();
    const table = image.list();
    if (table.length !== tableSizes) throw new UnfitImage("a table of free rooms has another size");
    this.table.set(table);
    const long = image.list();
    for (let at = 0; at < long.length; at += 2)
      this.long.set(long[at] as number, long[at + 1] as number);
  }

  private setFirst(size: number, place: number): void {
    if (size < tableSizes) this.table[size] = place;
    else if (place === 0) this.long.delete(size);
    else this.long.set(size, place);
  }
}
