/**
 * Writes without end, also while the store or the API server fails, and remembers what was acknowledged: at the end all of it must be there.
 * Nobody else writes these objects, and each write names the version it is upon: so none may be refused for what the store holds.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiClient } from "../../../operator/kernel/api-client.ts";
import { ApiError } from "../../../operator/kernel/api-error.ts";
import {
  type KubernetesObject,
  keyOf,
  type ResourceType,
} from "../../../operator/kernel/resource.ts";
import { countOf, countPatch, objectOf, type Place } from "./kinds.ts";

/** An object's count; undefined where there is no object. */
type State = number | undefined;

interface Entry {
  readonly kind: ResourceType;
  readonly place: Place;
  acknowledged: State;
  /** What a write without an answer may have made of it. Nothing is written to the object from then on. */
  possible?: { readonly state: State };
}

export interface WriterFigures {
  readonly acknowledged: number;
  /** Nobody knows whether they happened. */
  readonly unanswered: number;
  /** They did not happen: the API server was not reached, or refused for a while. */
  readonly refused: number;
  /** The longest time from one acknowledgement to the next. */
  readonly longestPauseMs: number;
}

const changesPerObject = 6;
const pauseMs = 10;
const retryPauseMs = 100;

export class Writer {
  readonly #client: ApiClient;
  readonly #kind: ResourceType;
  readonly #place: Place;
  readonly #entries: Entry[] = [];
  readonly #errors = new Map<string, number>();
  #figures: WriterFigures = { acknowledged: 0, unanswered: 0, refused: 0, longestPauseMs: 0 };
  #lastMs = performance.now();
  #isStopping = false;
  #hasFailed = false;
  readonly #running: Promise<void>;

  /** `place.name` begins the names of its objects. */
  constructor(client: ApiClient, kind: ResourceType, place: Place) {
    this.#client = client;
    this.#kind = kind;
    this.#place = place;
    this.#running = this.#run();
    // Told by `stop`.
    this.#running.catch(() => (this.#hasFailed = true));
  }

  get kind(): ResourceType {
    return this.#kind;
  }

  /** A write was refused for what the store held: `stop` tells which. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  get acknowledged(): number {
    return this.#figures.acknowledged;
  }

  /** Errors that callers met: text ▸ how often. */
  get errors(): ReadonlyMap<string, number> {
    return this.#errors;
  }

  /** Ends it after the write of the moment; rejects where one was refused for what the store held. */
  async stop(): Promise<WriterFigures> {
    this.#isStopping = true;
    await this.#running;
    return this.#figures;
  }

  /** Compares with all objects of its kind and namespace as they are now. */
  assertKept(listed: readonly KubernetesObject[]): void {
    const counts = new Map(listed.map((object) => [keyOf(object.metadata), countOf(object)]));
    for (const { place, kind, acknowledged, possible } of this.#entries) {
      const is = counts.get(keyOf(place));
      const isPossible = possible !== undefined && possible.state === is;
      if (isPossible) continue;
      assert.equal(
        is,
        acknowledged,
        `${kind.plural} ${keyOf(place)}: what is and what was acknowledged`,
      );
    }
  }

  async #run(): Promise<void> {
    for (let made = 0; !this.#isStopping; made += 1) await this.#life(made);
  }

  /** One object is created and changed; every second one is deleted at the end. */
  async #life(number: number): Promise<void> {
    const place = { ...this.#place, name: `${this.#place.name}-${number}` };
    const entry: Entry = { kind: this.#kind, place, acknowledged: undefined };
    this.#entries.push(entry);
    let version: string | undefined;
    const created = await this.#write(entry, 0, () =>
      this.#client.create(this.#kind, objectOf(this.#kind, place)),
    );
    if (created === undefined) return;
    version = created.metadata.resourceVersion;
    for (let count = 1; count <= changesPerObject && !this.#isStopping; count += 1) {
      const patch = countPatch(count, version);
      const changed = await this.#write(entry, count, () =>
        this.#client.patch(this.#kind, place, patch, { type: "merge" }),
      );
      if (changed === undefined) return;
      version = changed.metadata.resourceVersion;
    }
    if (number % 2 === 1 || this.#isStopping) return;
    await this.#write(entry, undefined, async () => {
      await this.#client.delete(this.#kind, place, { resourceVersion: version });
      return created;
    });
  }

  /** What the call gives, as soon as one is answered; undefined where an answer is missing for ever. */
  async #write(
    entry: Entry,
    state: State,
    call: () => Promise<KubernetesObject>,
  ): Promise<KubernetesObject | undefined> {
    for (;;) {
      try {
        const object = await call();
        entry.acknowledged = state;
        this.#noteAcknowledged();
        await sleep(pauseMs);
        return object;
      } catch (error) {
        if (!(error instanceof ApiError) || !error.isTransient) throw error;
        const text = `${error.kind} ${error.code}: ${error.message.slice(0, 120)}`;
        this.#errors.set(text, (this.#errors.get(text) ?? 0) + 1);
        await sleep(retryPauseMs);
        if (error.mayHaveHappened) {
          entry.possible = { state };
          this.#figures = { ...this.#figures, unanswered: this.#figures.unanswered + 1 };
          return undefined;
        }
        this.#figures = { ...this.#figures, refused: this.#figures.refused + 1 };
        if (this.#isStopping) return undefined;
      }
    }
  }

  #noteAcknowledged(): void {
    const nowMs = performance.now();
    const { acknowledged, longestPauseMs } = this.#figures;
    this.#figures = {
      ...this.#figures,
      acknowledged: acknowledged + 1,
      longestPauseMs: Math.max(longestPauseMs, nowMs - this.#lastMs),
    };
    this.#lastMs = nowMs;
  }
}
