/**
 * Many items in groups, each group in the order its items came, and at any time the largest group. Every step takes constant time: the groups are
 * kept by their size, and a size changes by one.
 */

interface Link<T> {
  readonly value: T;
  before: Link<T> | undefined;
  after: Link<T> | undefined;
}

/** A list whose items can be taken out anywhere. A value stands in it once at most. */
export class Chain<T> {
  private readonly links = new Map<T, Link<T>>();
  private head: Link<T> | undefined;
  private tail: Link<T> | undefined;

  get size(): number {
    return this.links.size;
  }

  get first(): T | undefined {
    return this.head?.value;
  }

  get last(): T | undefined {
    return this.tail?.value;
  }

  has(value: T): boolean {
    return this.links.has(value);
  }

  /** To the end; also of one that stands in it already. */
  append(value: T): void {
    this.delete(value);
    const link: Link<T> = { value, before: this.tail, after: undefined };
    if (this.tail === undefined) this.head = link;
    else this.tail.after = link;
    this.tail = link;
    this.links.set(value, link);
  }

  /** False where it is not in it. */
  delete(value: T): boolean {
    const link = this.links.get(value);
    if (link === undefined) return false;
    this.links.delete(value);
    if (link.before === undefined) this.head = link.after;
    else link.before.after = link.after;
    if (link.after === undefined) this.tail = link.before;
    else link.after.before = link.before;
    return true;
  }
}

export class Crowd<T> {
  private readonly groups = new Map<string, Chain<T>>();
  private readonly groupOf = new Map<T, string>();
  /** Groups by size, those that came to it first in front. None is empty. */
  private readonly bySize = new Map<number, Chain<string>>();
  private sizeMax = 0;

  get size(): number {
    return this.groupOf.size;
  }

  sizeOf(group: string): number {
    return this.groups.get(group)?.size ?? 0;
  }

  /** The longest here of a group. */
  oldestOf(group: string): T | undefined {
    return this.groups.get(group)?.first;
  }

  /** Undefined when nobody is here. */
  get largest(): { readonly group: string; readonly oldest: T; readonly newest: T } | undefined {
    const group = this.bySize.get(this.sizeMax)?.first;
    const items = group === undefined ? undefined : this.groups.get(group);
    if (group === undefined || items?.first === undefined || items.last === undefined) return;
    return { group, oldest: items.first, newest: items.last };
  }

  /** `item` must not be in it. */
  add(group: string, item: T): void {
    const items = this.groups.get(group) ?? new Chain<T>();
    this.groups.set(group, items);
    items.append(item);
    this.groupOf.set(item, group);
    this.moved(group, items.size - 1, items.size);
  }

  /** The group that it was in; undefined where it was in none. */
  delete(item: T): string | undefined {
    const group = this.groupOf.get(item);
    const items = group === undefined ? undefined : this.groups.get(group);
    if (group === undefined || items === undefined) return undefined;
    this.groupOf.delete(item);
    items.delete(item);
    if (items.size === 0) this.groups.delete(group);
    this.moved(group, items.size + 1, items.size);
    return group;
  }

  private moved(group: string, from: number, to: number): void {
    const left = this.bySize.get(from);
    left?.delete(group);
    if (left?.size === 0) this.bySize.delete(from);
    if (to > 0) {
      const entered = this.bySize.get(to) ?? new Chain<string>();
      this.bySize.set(to, entered);
      entered.append(group);
    }
    // A largest group that becomes smaller is still among the largest, if no other has its old size.
    if (to > this.sizeMax || !this.bySize.has(this.sizeMax)) this.sizeMax = to;
  }
}
