/**
 * Keys on their way into the index while a store opens: found and added by their hash first, put in order all together at the end. One by
 * one in the order of their revisions, a million keys cost twice as much.
 */
import type { Timers } from "../lib/ports.ts";
import type { KvRecords } from "./kv-records.ts";
import { sortedPlacesMax, sortPlaces } from "./place-sort.ts";

/** Keys put into the tree between two turns of the event loop. */
const sliceKeys = 10_000;

export class UnorderedKeys {
  private readonly records: KvRecords;
  /** Places in chunks of `sortedPlacesMax` and less; the last one is being filled. */
  private readonly chunks: Int32Array[] = [];
  private chunk = new Int32Array(1 << 12);
  private count = 0;

  constructor(records: KvRecords) {
    this.records = records;
  }

  /** Adds the probe's key, which no record had, and returns its place. It is in the hash, not in the tree. */
  add(): number {
    const { arena, hash, probe } = this.records;
    const place = arena.add(probe);
    hash.insert(probe.hash, place);
    if (this.count === this.chunk.length) this.makeRoom();
    this.chunk[this.count++] = place;
    return place;
  }

  /** Puts all keys into the tree, with the states they have now; in slices when there are timers. */
  async order(timers: Timers | undefined): Promise<void> {
    const { arena, index, probe } = this.records;
    this.chunks.push(this.chunk.subarray(0, this.count));
    for (const places of this.chunks) {
      sortPlaces(arena, places, places.length);
      for (let at = 0; at < places.length; at++) {
        const place = places[at] as number;
        arena.loadProbe(place, probe);
        index.insert(probe, place, arena.version(place) > 0 ? 1 : 0);
        if (timers !== undefined && at % sliceKeys === sliceKeys - 1)
          await new Promise<void>((next) => timers.after(0, next));
      }
    }
    this.chunks.length = 0;
  }

  private makeRoom(): void {
    if (this.count === sortedPlacesMax) {
      this.chunks.push(this.chunk);
      this.chunk = new Int32Array(this.count);
      this.count = 0;
      return;
    }
    const grown = new Int32Array(this.count * 2);
    grown.set(this.chunk);
    this.chunk = grown;
  }
}
