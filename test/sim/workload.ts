/**
 * What clients do in a run and what they remember of it. Every value is written once, so that a read names the write it saw. The
 * history is for the checkers; an operation without an answer stays in it as unknown.
 */
import type { SeededRandom } from "../support/seeded-random.ts";
import type { HistoryEvent, KvOperation } from "./checkers/kv-history.ts";
import { type FoundKey, type KvServer } from "./requests.ts";
import type { World } from "./world.ts";

export interface WorkloadOptions {
  readonly world: World;
  /** The machines that can be called now; clients choose among them. */
  readonly servers: () => readonly KvServer[];
  readonly clients: number;
  readonly keys: number;
  /** Mean pause of a client between two operations; every second one comes right behind the one before. */
  readonly pauseMs: number;
  /** Probability of a compaction in the place of an operation. */
  readonly compactRate: number;
  readonly valueBytes: number;
  readonly hasTransactions: boolean;
}

/** Who calls. */
export interface Client {
  /** A call has no answer yet. */
  readonly isWaiting: boolean;
  start(): void;
}

/** What anybody saw of a key last. Only a hint, for operations that compare. */
export interface KnownKey {
  readonly value: string | undefined;
  readonly modRevision: number | undefined;
}

/** An operation as the history keeps it while it may still change. */
export type OpenEvent = { -readonly [Field in keyof HistoryEvent]: HistoryEvent[Field] };

export class Workload {
  readonly options: WorkloadOptions;
  readonly random: SeededRandom;
  readonly history: OpenEvent[] = [];
  /** Operations that were begun, of all kinds. */
  operations = 0;
  /** Operations with an answer other than a refusal. */
  answered = 0;
  /** Highest revision that an answer has named. */
  lastRevision = 1;
  isActive = true;
  private clients: readonly Client[] = [];
  private readonly known = new Map<string, KnownKey>();
  private nextValue = 0;

  constructor(options: WorkloadOptions) {
    this.options = options;
    this.random = options.world.randomFor("workload");
  }

  /** `client` makes the one with this number. */
  start(client: (number: number) => Client): void {
    this.clients = Array.from({ length: this.options.clients }, (_, at) => client(at));
    for (const each of this.clients) each.start();
  }

  /** Lets the operations under way come to their end and begins no more. */
  stop(): void {
    this.isActive = false;
  }

  get isIdle(): boolean {
    return this.clients.every((client) => !client.isWaiting);
  }

  newValue(): string {
    this.nextValue += 1;
    return `v${this.nextValue}`.padEnd(this.options.valueBytes, " .");
  }

  knownOf(key: string): KnownKey {
    return this.known.get(key) ?? { value: undefined, modRevision: undefined };
  }

  /** `found` undefined: the key is not there. */
  saw(key: string, found: FoundKey | undefined): void {
    this.known.set(key, { value: found?.value, modRevision: found?.modRevision });
  }

  begin(client: number, operation: KvOperation, isSerializable = false): OpenEvent {
    const event: OpenEvent = {
      client,
      operation,
      callMs: this.options.world.nowMs,
      returnMs: undefined,
      outcome: undefined,
      isSerializable,
    };
    this.history.push(event);
    return event;
  }

  /** The operation never had an effect, and the history does without it. */
  forget(event: OpenEvent): void {
    const at = this.history.lastIndexOf(event);
    if (at >= 0) this.history.splice(at, 1);
  }
}

/** The key with this number, in order of their names. */
export const keyName = (at: number): string => `key/${String.fromCharCode(97 + at)}`;
