/**
 * Many watches at once, each through a connection of its own, and whether each saw what happened: every change of what it selects, once, in
 * the order of the revisions, nothing else.
 */
import assert from "node:assert/strict";
import type { ApiClient } from "../../../operator/kernel/api-client.ts";
import {
  type KubernetesObject,
  keyOf,
  type ResourceType,
} from "../../../operator/kernel/resource.ts";
import { until } from "../../cluster/until.ts";
import { countOf } from "./kinds.ts";

export interface Selection {
  readonly kind: ResourceType;
  /** Undefined for all namespaces. */
  readonly namespace?: string | undefined;
  /** The value that the label "group" must have. */
  readonly group?: string | undefined;
}

/** One write that the API server has acknowledged. Of a deletion, `object` is the last state before it. */
export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly kind: ResourceType;
  readonly object: KubernetesObject;
}

interface Seen {
  readonly type: Change["type"];
  readonly object: KubernetesObject;
}

const waitMs = 45_000;

const isSelected = (selection: Selection, { kind, object }: Change): boolean =>
  kind === selection.kind &&
  (selection.namespace === undefined || object.metadata.namespace === selection.namespace) &&
  (selection.group === undefined || object.metadata.labels?.["group"] === selection.group);

/** One line per event of an object, whatever came in between. */
const story = ({ type, object }: Seen | Change): string => {
  const version = type === "DELETED" ? "" : ` ${object.metadata.resourceVersion}`;
  return `${type}${version} ${countOf(object)}`;
};

class CrowdWatch {
  readonly selection: Selection;
  readonly seen: Seen[] = [];
  readonly #stop = new AbortController();
  readonly #open: Promise<void>;
  #isStopped = false;
  /** How it ended before it was stopped. */
  #end: string | undefined;

  constructor(client: ApiClient, selection: Selection, resourceVersion: string) {
    this.selection = selection;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#open = promise;
    this.#read(client, resourceVersion, () => resolve(undefined))
      .then(() => (this.#end ??= "the server ended it"))
      .catch((error: unknown) => (this.#end ??= String(error)))
      .finally(() => resolve(undefined));
  }

  /** Resolves when the server has taken the watch; throws where it refused. */
  async opened(): Promise<void> {
    await this.#open;
    this.assertRuns();
  }

  assertRuns(): void {
    if (!this.#isStopped) assert.equal(this.#end, undefined, this.title);
  }

  get title(): string {
    const { kind, namespace = "all namespaces", group = "all groups" } = this.selection;
    return `the watch of ${kind.plural} in ${namespace}, ${group}`;
  }

  stop(): void {
    this.#isStopped = true;
    this.#stop.abort();
  }

  async #read(client: ApiClient, resourceVersion: string, onOpen: () => void): Promise<void> {
    const { kind, namespace, group } = this.selection;
    const labelSelector = group === undefined ? undefined : `group=${group}`;
    const query = { namespace, labelSelector, resourceVersion, timeoutSeconds: 600 };
    const events = await client.watch(kind, query, this.#stop.signal);
    onOpen();
    for await (const event of events) {
      if (event.type === "ERROR") throw event.error;
      if (event.type !== "BOOKMARK") this.seen.push(event);
    }
  }
}

export class WatchCrowd {
  readonly #watches: readonly CrowdWatch[];

  private constructor(watches: readonly CrowdWatch[]) {
    this.#watches = watches;
  }

  /** One watch for each selection, from one resourceVersion on; resolves when the server has taken all of them. */
  static async open(
    client: ApiClient,
    selections: readonly Selection[],
    resourceVersion: string,
  ): Promise<WatchCrowd> {
    const watches = selections.map(
      (selection) => new CrowdWatch(client, selection, resourceVersion),
    );
    await Promise.all(watches.map((watch) => watch.opened()));
    return new WatchCrowd(watches);
  }

  close(): void {
    for (const watch of this.#watches) watch.stop();
  }

  /** Waits until each watch has as many events as it must get, and compares. Gives the number of all events. */
  async assertSaw(changes: readonly Change[]): Promise<number> {
    for (const watch of this.#watches) {
      const expected = changes.filter((change) => isSelected(watch.selection, change));
      const enough = (): true | undefined => {
        watch.assertRuns();
        return watch.seen.length >= expected.length ? true : undefined;
      };
      await until(`${expected.length} events of ${watch.title}`, enough, waitMs).catch(
        (error: unknown) => {
          throw new Error(`${watch.title} has ${watch.seen.length} events`, { cause: error });
        },
      );
      assertInOrder(watch);
      assert.deepEqual(byObject(watch.seen), byObject(expected), watch.title);
    }
    return this.#watches.reduce((sum, { seen }) => sum + seen.length, 0);
  }

  /** What each watch holds at the end, against what `list` says of its selection. */
  async assertEqualsLists(
    list: (selection: Selection) => Promise<readonly KubernetesObject[]>,
  ): Promise<void> {
    const lists = new Map<string, readonly string[]>();
    for (const watch of this.#watches) {
      const listed = lists.get(watch.title) ?? statesOf(await list(watch.selection));
      lists.set(watch.title, listed);
      const held = new Map<string, KubernetesObject>();
      for (const { type, object } of watch.seen) {
        const key = keyOf(object.metadata);
        if (type === "DELETED") held.delete(key);
        else held.set(key, object);
      }
      assert.deepEqual(statesOf([...held.values()]), listed, watch.title);
    }
  }
}

/** Name and version of each object, sorted. */
export const statesOf = (objects: readonly KubernetesObject[]): string[] =>
  objects.map(({ metadata }) => `${keyOf(metadata)} ${metadata.resourceVersion}`).sort();

function assertInOrder(watch: CrowdWatch): void {
  let last = 0;
  for (const { object } of watch.seen) {
    const version = Number(object.metadata.resourceVersion);
    assert(version > last, `${watch.title}: ${version} after ${last}`);
    last = version;
  }
}

function byObject(events: readonly (Seen | Change)[]): Map<string, string[]> {
  const stories = new Map<string, string[]>();
  for (const event of events) {
    const key = keyOf(event.object.metadata);
    const one = stories.get(key) ?? [];
    one.push(story(event));
    stories.set(key, one);
  }
  return stories;
}
