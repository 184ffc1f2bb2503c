/**
 * The objects of one reflector as last seen, with indexes, and the handlers that hear of differences. Handlers are told the difference
 * to what they were told before, however it was learned: an object that vanished while no watch ran is a delete like any other.
 */
import { assert } from "./assert.ts";
import { type KubernetesObject, keyOf, type ObjectRef } from "./resource.ts";

/**
 * Handlers run synchronously and do little: map the object to a key and put that into a work queue. One that throws is a bug and ends
 * the reflector's `run`.
 */
export interface StoreHandler {
  onAdd?(object: KubernetesObject): void;
  onUpdate?(before: KubernetesObject, after: KubernetesObject): void;
  /** `last` may be older than the state in which the object was deleted. */
  onDelete?(last: KubernetesObject): void;
}

/** Under which values an object is found, such as its owner's uid; none leaves it out of the index. */
export type IndexFunction = (object: KubernetesObject) => readonly string[];

export class Store {
  private readonly objects = new Map<string, KubernetesObject>();
  private readonly handlers: StoreHandler[] = [];
  private readonly indexFunctions: Readonly<Record<string, IndexFunction>>;
  /** Index name ▸ value ▸ keys. Invariant: holds exactly what the functions give for the objects. */
  private readonly indexes = new Map<string, Map<string, Set<string>>>();

  constructor(indexFunctions: Readonly<Record<string, IndexFunction>> = {}) {
    this.indexFunctions = indexFunctions;
    for (const name of Object.keys(indexFunctions)) this.indexes.set(name, new Map());
  }

  get size(): number {
    return this.objects.size;
  }

  get(ref: ObjectRef): KubernetesObject | undefined {
    return this.objects.get(keyOf(ref));
  }

  list(): KubernetesObject[] {
    return [...this.objects.values()];
  }

  byIndex(name: string, value: string): KubernetesObject[] {
    const index = this.indexes.get(name);
    assert(index !== undefined, "no such index", name);
    return [...(index.get(value) ?? [])].map((key) => this.mustGet(key));
  }

  /** Adds a handler and tells it of all objects that are there already. */
  subscribe(handler: StoreHandler): void {
    this.handlers.push(handler);
    for (const object of this.list()) handler.onAdd?.(object);
  }

  /** The state of one object as a watch tells it. The same resourceVersion again is no news. */
  upsert(object: KubernetesObject): void {
    const key = keyOf(object.metadata);
    const before = this.objects.get(key);
    if (before !== undefined && isAnother(before, object)) {
      // Deleted and made anew unseen: whoever holds something for the first one must hear of its end.
      this.removeKey(key);
      this.add(key, object);
    } else if (before === undefined) {
      this.add(key, object);
    } else if (before.metadata.resourceVersion !== object.metadata.resourceVersion) {
      this.reindex(key, before, object);
      this.objects.set(key, object);
      for (const handler of this.handlers) handler.onUpdate?.(before, object);
    }
  }

  /** The object is gone; `last` is its final state where it is known. Unknown objects are ignored. */
  remove(last: KubernetesObject): void {
    const key = keyOf(last.metadata);
    const before = this.objects.get(key);
    if (before !== undefined) this.removeKey(key, isAnother(before, last) ? before : last);
  }

  /** Everything that there is: what is missing from `objects` was deleted. */
  replace(objects: readonly KubernetesObject[]): void {
    const keys = new Set(objects.map((object) => keyOf(object.metadata)));
    for (const key of [...this.objects.keys()]) {
      if (!keys.has(key)) this.removeKey(key);
    }
    for (const object of objects) this.upsert(object);
  }

  private mustGet(key: string): KubernetesObject {
    const object = this.objects.get(key);
    assert(object !== undefined, "an index names an object that is not stored", key);
    return object;
  }

  private add(key: string, object: KubernetesObject): void {
    this.objects.set(key, object);
    this.reindex(key, undefined, object);
    for (const handler of this.handlers) handler.onAdd?.(object);
  }

  private removeKey(key: string, last = this.mustGet(key)): void {
    this.reindex(key, this.mustGet(key), undefined);
    this.objects.delete(key);
    for (const handler of this.handlers) handler.onDelete?.(last);
  }

  private reindex(
    key: string,
    before: KubernetesObject | undefined,
    after: KubernetesObject | undefined,
  ): void {
    for (const [name, valuesOf] of Object.entries(this.indexFunctions)) {
      const index = this.indexes.get(name);
      assert(index !== undefined, "no such index", name);
      for (const value of before === undefined ? [] : valuesOf(before)) {
        const keys = index.get(value);
        keys?.delete(key);
        if (keys?.size === 0) index.delete(value);
      }
      for (const value of after === undefined ? [] : valuesOf(after)) {
        const keys = index.get(value) ?? new Set();
        index.set(value, keys.add(key));
      }
    }
  }
}

function isAnother(before: KubernetesObject, after: KubernetesObject): boolean {
  return before.metadata.uid !== after.metadata.uid;
}
