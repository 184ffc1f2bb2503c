/** Leases by the time at which they are due: a binary heap whose entries may be out of date, because a lease is renewed far more often than it ends. */

export interface Due {
  readonly id: bigint;
  readonly atMs: number;
}

export class ExpiryQueue {
  private readonly heap: Due[] = [];

  get size(): number {
    return this.heap.length;
  }

  /** The earliest entry; undefined when there is none. */
  get first(): Due | undefined {
    return this.heap[0];
  }

  push(due: Due): void {
    const { heap } = this;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Due;
      if (above.atMs <= due.atMs) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = due;
  }

  pop(): Due | undefined {
    const { heap } = this;
    const first = heap[0];
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return first;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      const other = heap[child + 1];
      if (other !== undefined && other.atMs < (heap[child] as Due).atMs) child += 1;
      const below = heap[child] as Due;
      if (below.atMs >= moved.atMs) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = moved;
    return first;
  }

  clear(): void {
    this.heap.length = 0;
  }
}
