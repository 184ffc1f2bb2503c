/** The events of a run that are still to come, by time: a binary heap, because a cluster under load has hundreds of them. */

export interface SimEvent {
  readonly atMs: number;
  /** Events of one moment keep the order in which they were made. */
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

const isBefore = (a: SimEvent, b: SimEvent): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export class EventHeap {
  private readonly events: SimEvent[] = [];

  get size(): number {
    return this.events.length;
  }

  peek(): SimEvent | undefined {
    return this.events[0];
  }

  push(event: SimEvent): void {
    const { events } = this;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >>> 1;
      const parent = events[parentAt] as SimEvent;
      if (!isBefore(event, parent)) break;
      events[at] = parent;
      at = parentAt;
    }
    events[at] = event;
  }

  pop(): SimEvent | undefined {
    const { events } = this;
    const first = events[0];
    const last = events.pop();
    if (first === undefined || last === undefined || events.length === 0) return first;
    this.sink(last);
    return first;
  }

  /** Puts `event` in the place of the first one and lets it find its own. */
  private sink(event: SimEvent): void {
    const { events } = this;
    const { length } = events;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= length) break;
      const right = events[childAt + 1];
      if (right !== undefined && isBefore(right, events[childAt] as SimEvent)) childAt += 1;
      const child = events[childAt] as SimEvent;
      if (!isBefore(child, event)) break;
      events[at] = child;
      at = childAt;
    }
    events[at] = event;
  }
}
