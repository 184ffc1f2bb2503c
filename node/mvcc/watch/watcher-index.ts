/**
 * Watchers by what they watch. Those that want the same of the same range form a topic: an event is matched once and encoded once for all
 * of them. Single keys are found in a map, ranges in an interval tree.
 */
import { latin1 } from "../../lib/bytes.ts";
import { IntervalTree } from "./interval-tree.ts";
import type { Watcher, WatchView } from "./watcher.ts";

/** Watchers of one range with one view, and the records that wait to be delivered to them. */
export class Topic {
  readonly view: WatchView;
  readonly watchers = new Set<Watcher>();
  /** Ordinals, ascending. */
  readonly pending: number[] = [];

  constructor(view: WatchView) {
    this.view = view;
  }
}

/** By view, as a number of three bits. */
type Topics = Map<number, Topic>;

const viewNumber = ({ prevKv, noPut, noDelete }: WatchView): number =>
  Number(prevKv) + Number(noPut) * 2 + Number(noDelete) * 4;

export class WatcherIndex {
  private readonly byKey = new Map<string, Topics>();
  private readonly byRange = new IntervalTree<Topics>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  add(watcher: Watcher): void {
    const topics = this.topicsOf(watcher) ?? this.newTopics(watcher);
    const number = viewNumber(watcher.view);
    let topic = topics.get(number);
    if (topic === undefined) {
      topic = new Topic(watcher.view);
      topics.set(number, topic);
    }
    topic.watchers.add(watcher);
    this.count += 1;
  }

  /** Without effect when it is not here. */
  delete(watcher: Watcher): void {
    const topics = this.topicsOf(watcher);
    const number = viewNumber(watcher.view);
    const topic = topics?.get(number);
    if (topics === undefined || topic?.watchers.delete(watcher) !== true) return;
    this.count -= 1;
    if (topic.watchers.size > 0) return;
    topics.delete(number);
    if (topics.size > 0) return;
    const { key, end } = watcher.range;
    if (end === undefined) this.byKey.delete(latin1(key));
    else this.byRange.delete(key, end);
  }

  /** Visits each topic whose range holds the key `bytes[start, end)`. */
  visit(bytes: Uint8Array, start: number, end: number, found: (topic: Topic) => void): void {
    if (this.byKey.size > 0) {
      const topics = this.byKey.get(latin1(bytes, start, end));
      if (topics !== undefined) for (const topic of topics.values()) found(topic);
    }
    if (this.byRange.size === 0) return;
    this.byRange.visit(bytes.subarray(start, end), (topics) => {
      for (const topic of topics.values()) found(topic);
    });
  }

  *watchers(): Generator<Watcher> {
    for (const topics of this.byKey.values())
      for (const topic of topics.values()) yield* topic.watchers;
    for (const topics of this.byRange.values())
      for (const topic of topics.values()) yield* topic.watchers;
  }

  private topicsOf({ range: { key, end } }: Watcher): Topics | undefined {
    return end === undefined ? this.byKey.get(latin1(key)) : this.byRange.get(key, end);
  }

  private newTopics({ range: { key, end } }: Watcher): Topics {
    const topics: Topics = new Map();
    if (end === undefined) this.byKey.set(latin1(key), topics);
    else this.byRange.add(key, end, topics);
    return topics;
  }
}
