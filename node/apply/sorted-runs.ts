/**
 * Sorts what comes in pieces, without one long turn at the end: each run of some thousand items is sorted when it is full, and the
 * runs are merged while the result is taken. Stable.
 */

/** Sorting a run takes some milliseconds at most, with keys or values compared byte by byte. */
const runItems = 4096;

interface Run<Item> {
  readonly items: Item[];
  /** Order of arrival, which decides between equal items. */
  readonly number: number;
  at: number;
}

export class SortedRuns<Item> {
  /** Items added and not taken. */
  size = 0;
  private readonly compare: (a: Item, b: Item) => number;
  private filling: Item[] = [];
  private readonly full: Run<Item>[] = [];
  /** A binary heap over the runs' next items, once the first was taken. */
  private heap: Run<Item>[] | undefined;

  constructor(compare: (a: Item, b: Item) => number) {
    this.compare = compare;
  }

  /** Precondition: nothing was taken yet. */
  add(item: Item): void {
    this.size += 1;
    if (this.filling.push(item) === runItems) this.finishRun();
  }

  /** The next item in order; undefined when all were taken. */
  take(): Item | undefined {
    const heap = (this.heap ??= this.startMerge());
    const first = heap[0];
    if (first === undefined) return undefined;
    const item = first.items[first.at++];
    this.size -= 1;
    if (first.at === first.items.length) {
      const last = heap.pop() as Run<Item>;
      if (heap.length > 0) heap[0] = last;
    }
    this.sink(heap, 0);
    return item;
  }

  private finishRun(): void {
    this.filling.sort(this.compare);
    this.full.push({ items: this.filling, number: this.full.length, at: 0 });
    this.filling = [];
  }

  private startMerge(): Run<Item>[] {
    if (this.filling.length > 0) this.finishRun();
    const heap = this.full;
    for (let at = (heap.length >> 1) - 1; at >= 0; at--) this.sink(heap, at);
    return heap;
  }

  private sink(heap: Run<Item>[], from: number): void {
    for (let at = from; ; ) {
      let least = at;
      for (let child = 2 * at + 1; child <= 2 * at + 2 && child < heap.length; child++)
        if (this.isBefore(heap[child] as Run<Item>, heap[least] as Run<Item>)) least = child;
      if (least === at) return;
      const moved = heap[at] as Run<Item>;
      heap[at] = heap[least] as Run<Item>;
      heap[least] = moved;
      at = least;
    }
  }

  private isBefore(a: Run<Item>, b: Run<Item>): boolean {
    const difference = this.compare(a.items[a.at] as Item, b.items[b.at] as Item);
    return difference === 0 ? a.number < b.number : difference < 0;
  }
}
