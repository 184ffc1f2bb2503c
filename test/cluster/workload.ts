/**
 * Clients at work: each does one operation at a time on a few keys, through any member, until it is told to stop. Beside
 * the history that will be judged, each keeps a ledger: keys of its own, each written once, so that a lost write is found
 * by counting.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { HistoryEvent } from "../sim/checkers/kv-history.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import {
  type Outcome,
  RecordingClient,
  type RecordingClientOptions,
  type SingleKeyOperation,
} from "./recording-client.ts";

export interface WorkloadOptions extends Pick<RecordingClientOptions, "connect" | "failed"> {
  /** Host and port of the members that may be asked now, or what `connect` takes. */
  readonly addresses: () => readonly string[];
  readonly seed: number;
  readonly clients?: number;
  readonly keys?: number;
  /** How long a client waits for an answer before its operation counts as unknown. */
  readonly deadlineMs?: number;
  /** Between two operations of a client. */
  readonly pauseMs?: number;
  readonly readsSerializable?: boolean;
}

export interface WorkDone {
  readonly events: readonly HistoryEvent[];
  /** Ledger keys and values whose put was acknowledged. */
  readonly ledger: ReadonlyMap<string, string>;
  readonly counts: Readonly<Record<Outcome, number>>;
  /** The longest time without an acknowledged write, of whichever client. */
  readonly writeGapMs: number;
}

/** Histories of a key that lives for ever are hard to judge: from time to time the clients go on to fresh keys. */
const keyLifeMs = 4000;
/** After an operation without an answer: the client turns to another member. */
const backOffMs = 50;
export const ledgerPrefix = "ledger/";

export class Workload {
  readonly #options: Required<Omit<WorkloadOptions, "connect" | "failed">>;
  readonly #events: HistoryEvent[] = [];
  readonly #ledger = new Map<string, string>();
  readonly #counts = { acknowledged: 0, unknown: 0, failed: 0 };
  readonly #clients: readonly RecordingClient[];
  readonly #startMs = performance.now();
  readonly #running: Promise<unknown>;
  #lastWriteMs = performance.now();
  #writeGapMs = 0;
  #values = 0;
  #isOver = false;

  /** Starts at once. */
  constructor(options: WorkloadOptions) {
    const defaults = {
      clients: 6,
      keys: 3,
      deadlineMs: 2000,
      pauseMs: 10,
      readsSerializable: false,
    };
    this.#options = { ...defaults, ...options };
    const { clients, deadlineMs, readsSerializable } = this.#options;
    this.#clients = Array.from(
      { length: clients },
      (_, client) =>
        new RecordingClient({
          client,
          deadlineMs,
          readsSerializable,
          connect: options.connect,
          failed: options.failed,
          record: (event) => this.#events.push(event),
        }),
    );
    this.#running = Promise.all(this.#clients.map((client, at) => this.#work(client, at)));
  }

  get acknowledged(): number {
    return this.#counts.acknowledged;
  }

  /** Resolves when every client has its last answer, or has waited long enough for it. */
  async stop(): Promise<WorkDone> {
    this.#isOver = true;
    await this.#running;
    for (const client of this.#clients) client.close();
    this.#noteWrite();
    return {
      events: this.#events,
      ledger: this.#ledger,
      counts: this.#counts,
      writeGapMs: this.#writeGapMs,
    };
  }

  async #work(client: RecordingClient, number: number): Promise<void> {
    const { seed, addresses, pauseMs } = this.#options;
    const random = new SeededRandom(seed * 1000 + number);
    let address = random.pick(addresses());
    for (let count = 0; !this.#isOver; count++) {
      const outcome = await this.#step(client, random, {
        address,
        ledgerKey: `${number}/${count}`,
      });
      this.#counts[outcome] += 1;
      if (outcome !== "acknowledged") await sleep(backOffMs);
      if (outcome !== "acknowledged" || random.chance(0.05)) address = random.pick(addresses());
      await sleep(pauseMs);
    }
  }

  async #step(
    client: RecordingClient,
    random: SeededRandom,
    { address, ledgerKey }: { readonly address: string; readonly ledgerKey: string },
  ): Promise<Outcome> {
    const value = `v${++this.#values}`;
    if (random.chance(0.15)) {
      const key = `${ledgerPrefix}${ledgerKey}`;
      const outcome = await client.put(address, key, value);
      if (outcome === "acknowledged") {
        this.#ledger.set(key, value);
        this.#noteWrite();
      }
      return outcome;
    }
    const operation = this.#operation(client, random, value);
    const outcome = await client.run(address, operation);
    if (outcome === "acknowledged" && operation.kind !== "get") this.#noteWrite();
    return outcome;
  }

  #operation(client: RecordingClient, random: SeededRandom, value: string): SingleKeyOperation {
    const generation = Math.floor((performance.now() - this.#startMs) / keyLifeMs);
    const key = `key-${generation}-${random.below(this.#options.keys)}`;
    const dice = random.below(100);
    if (dice < 50) return { kind: "get", key };
    if (dice < 75) return { kind: "put", key, value };
    if (dice < 93) return { kind: "cas", key, value, expected: client.believed.get(key) };
    return { kind: "delete", key };
  }

  #noteWrite(): void {
    const nowMs = performance.now();
    this.#writeGapMs = Math.max(this.#writeGapMs, nowMs - this.#lastWriteMs);
    this.#lastWriteMs = nowMs;
  }
}
