/** An informer as a controller has it, that notices when it misses a change: counts of one object go up by one. */
import assert from "node:assert/strict";
import type { ApiClient } from "../../../operator/kernel/api-client.ts";
import { listAll } from "../../../operator/kernel/pager.ts";
import type { Logger } from "../../../operator/kernel/ports.ts";
import { Reflector } from "../../../operator/kernel/reflector.ts";
import {
  type KubernetesObject,
  keyOf,
  type ResourceType,
} from "../../../operator/kernel/resource.ts";
import { Store } from "../../../operator/kernel/store.ts";
import { until } from "../../cluster/until.ts";
import { silentLogger } from "../../operator/virtual-time.ts";
import { processPorts } from "../support/two-servers.ts";
import { countOf } from "./kinds.ts";
import { statesOf } from "./watch-crowd.ts";

const waitMs = 120_000;

export class Informer {
  readonly kind: ResourceType;
  readonly #client: ApiClient;
  readonly #namespace: string;
  readonly #store = new Store();
  readonly #reflector: Reflector;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** Changes that were never told, object by object. */
  readonly #missed: string[] = [];
  /** A new list tells the newest state only: each object that was known before may jump to it once. */
  #mayJump = new Set<string>();
  #changes = 0;
  #troubles = 0;
  #relists = 0;

  /** `watchSeconds`: each watch lives so long, up to twice; the next one goes on where it ended. */
  constructor(client: ApiClient, kind: ResourceType, namespace: string, watchSeconds = 300) {
    this.kind = kind;
    this.#client = client;
    this.#namespace = namespace;
    const warn: Logger["warn"] = (_, fields) => {
      this.#troubles += 1;
      if (fields?.["relist"] === true) this.#noteRelist();
    };
    const ports = { ...processPorts, logger: { ...silentLogger, warn } };
    const options = { client, ports, resource: kind, namespace, store: this.#store };
    this.#reflector = new Reflector({
      ...options,
      times: { watchSeconds, backoffMaxMs: 1000 },
    });
    this.#store.subscribe({
      onAdd: () => this.#count(),
      onUpdate: (before, after) => this.#noteStep(before, after),
      onDelete: () => this.#count(),
    });
    this.#running = this.#reflector.run(this.#stop.signal);
  }

  get figures(): { changes: number; troubles: number; relists: number } {
    return { changes: this.#changes, troubles: this.#troubles, relists: this.#relists };
  }

  whenSynced(): Promise<void> {
    return this.#reflector.whenSynced();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Waits until it has caught up with a fresh list, and compares. Nobody may write meanwhile. Gives the list. */
  async assertEqualsList(): Promise<readonly KubernetesObject[]> {
    const { items } = await listAll(this.#client, this.kind, { namespace: this.#namespace });
    const listed = statesOf(items);
    const isEqual = (): true | undefined => {
      const held = statesOf(this.#store.list());
      return held.length === listed.length && held.every((one, at) => one === listed[at])
        ? true
        : undefined;
    };
    await until("the informer's store to be the list", isEqual, waitMs).catch(() => undefined);
    assert.deepEqual(statesOf(this.#store.list()), listed, `the informer of ${this.kind.plural}`);
    assert.deepEqual(this.#missed, [], `changes of ${this.kind.plural} that were not told`);
    return items;
  }

  #count(): void {
    this.#changes += 1;
  }

  #noteRelist(): void {
    this.#relists += 1;
    this.#mayJump = new Set(this.#store.list().map(({ metadata }) => keyOf(metadata)));
  }

  #noteStep(before: KubernetesObject, after: KubernetesObject): void {
    this.#changes += 1;
    if (countOf(after) === countOf(before) + 1) return;
    const key = keyOf(after.metadata);
    if (this.#mayJump.delete(key)) return;
    this.#missed.push(`${key}: ${countOf(before)} ▸ ${countOf(after)}`);
  }
}
