/**
 * Concurrent writers whose every write is in the History: new keys, overwrites, deletions, hot counters, transactions over
 * several keys, deletions of a prefix. Each key belongs to one writer, and a writer does one thing at a time, so what must be
 * there after a crash follows from the acknowledgements alone.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Cell, type History, makeValue } from "../support/history.ts";
import { KvConnection } from "../support/kv-connection.ts";
import { seededRandom } from "./disk-image.ts";

export interface WorkloadOptions {
  readonly writers: number;
  readonly seed: number;
}

/** Beyond this many keys of its own a writer deletes as often as it creates, so that checks stay quick. */
const ownKeysMax = 600;
const hotKeysPerWriter = 4;
const groupsPerWriter = 6;
const keysPerGroup = 4;
const longPaddingBytes = 6000;

export class Workload {
  readonly #options: WorkloadOptions;
  readonly #history: History;
  readonly #writers: Writer[];
  #runs: Promise<void>[] = [];
  #run: Run | undefined;

  constructor(history: History, options: WorkloadOptions) {
    this.#history = history;
    this.#options = options;
    this.#writers = Array.from(
      { length: options.writers },
      (_, number) => new Writer(history, number, seededRandom(options.seed * 1000 + number)),
    );
  }

  /** Writes that failed although the member was not stopped by the rig; the last one's text. */
  get failure(): string | undefined {
    return this.#run?.failure;
  }

  start(address: string): void {
    const connections = [1, 2, 3].map(() => new KvConnection(address));
    const run: Run = { connections, isOver: false, pauseMs: 0, failure: undefined };
    this.#run = run;
    this.#runs = this.#writers.map((writer, at) => writer.run(run, at));
  }

  /** A pause after each write of a writer, so that a check beside the load has a processor too. */
  slowDown(pauseMs: number): void {
    if (this.#run !== undefined) this.#run.pauseMs = pauseMs;
  }

  /** The writers end after the write they are at, answered or failed. */
  async stop(): Promise<void> {
    if (this.#run === undefined) return;
    this.#run.isOver = true;
    await Promise.all(this.#runs);
    for (const connection of this.#run.connections) connection.close();
  }

  /** After History.rebase: cells that are gone are forgotten here too. */
  forgetGone(): void {
    for (const writer of this.#writers) writer.forgetGone((cell) => this.#history.has(cell));
  }

  get description(): string {
    return `${this.#options.writers} writers`;
  }
}

interface Run {
  readonly connections: readonly KvConnection[];
  isOver: boolean;
  pauseMs: number;
  failure: string | undefined;
}

interface OwnCell {
  readonly cell: Cell;
  readonly prefix: string;
  isThere: boolean;
}

class Writer {
  readonly #history: History;
  readonly #name: string;
  readonly #random: () => number;
  readonly #hot: OwnCell[] = [];
  readonly #groups: OwnCell[] = [];
  #own: OwnCell[] = [];
  #sequence = 0;

  constructor(history: History, number: number, random: () => number) {
    this.#history = history;
    this.#name = `w${String(number).padStart(2, "0")}`;
    this.#random = random;
    for (let hot = 0; hot < hotKeysPerWriter; hot += 1)
      this.#hot.push(this.#cell(`hot/${this.#name}/${hot}`, 1));
    for (let group = 0; group < groupsPerWriter; group += 1) {
      this.#groups.push(this.#cell(`group/${this.#name}/${group}/`, keysPerGroup));
    }
  }

  /** Writes until the run is over or a write fails: a failed one may still happen, so nothing may follow it. */
  async run(run: Run, number: number): Promise<void> {
    const connection = run.connections[number % run.connections.length];
    if (connection === undefined) return;
    while (!run.isOver) {
      try {
        await this.#write(connection);
      } catch (error) {
        run.failure ??= String(error);
        return;
      }
      if (run.pauseMs > 0) await sleep(run.pauseMs * (0.5 + this.#random()));
    }
  }

  forgetGone(isThere: (cell: Cell) => boolean): void {
    this.#own = this.#own.filter(({ cell }) => isThere(cell));
    // Hot keys and groups are written again and again: those that are gone begin anew under the same name.
    for (const cells of [this.#hot, this.#groups]) {
      for (const own of cells) if (!isThere(own.cell)) this.#history.add(own.cell);
    }
  }

  #write(connection: KvConnection): Promise<void> {
    const what = this.#random();
    if (what < 0.2) return this.#put(connection, this.#pick(this.#hot));
    if (what < 0.35) return this.#transaction(connection, this.#pick(this.#groups));
    if (what < 0.42) return this.#deleteOrRefillGroup(connection, this.#pick(this.#groups));
    if (what < 0.5 && this.#own.length > 0) return this.#put(connection, this.#pick(this.#own));
    if (this.#own.length > 10 && what < (this.#own.length < ownKeysMax ? 0.6 : 0.8))
      return this.#deleteOwn(connection);
    const own = this.#cell(`key/${this.#name}/${this.#sequence}`, 1);
    this.#own.push(own);
    return this.#put(connection, own);
  }

  async #put(connection: KvConnection, own: OwnCell): Promise<void> {
    const value = this.#value(own.prefix);
    const write = own.cell.begin([value]);
    this.#history.acknowledge(write, await connection.put(own.prefix, value));
  }

  /** All keys in one transaction; every second time the last one is deleted instead. */
  async #transaction(connection: KvConnection, own: OwnCell): Promise<void> {
    const values = own.cell.keys.map((key) => this.#value(key) as string | null);
    if (this.#random() < 0.5) values[values.length - 1] = null;
    const write = own.cell.begin(values);
    own.isThere = true;
    const writes = own.cell.keys.map((key, at) => ({ key, value: values[at] ?? null }));
    this.#history.acknowledge(write, await connection.txn(writes));
  }

  /** One DeleteRange over the whole group, or the group anew when it is gone. */
  async #deleteOrRefillGroup(connection: KvConnection, own: OwnCell): Promise<void> {
    if (!own.isThere) return this.#transaction(connection, own);
    const write = own.cell.begin(own.cell.keys.map(() => null));
    own.isThere = false;
    this.#history.acknowledge(write, await connection.deletePrefix(own.prefix));
  }

  async #deleteOwn(connection: KvConnection): Promise<void> {
    const [own] = this.#own.splice(Math.floor(this.#random() * this.#own.length), 1);
    if (own === undefined) return;
    const write = own.cell.begin([null]);
    this.#history.acknowledge(write, await connection.deleteKey(own.prefix));
  }

  #cell(prefix: string, keys: number): OwnCell {
    const names =
      keys === 1 ? [prefix] : Array.from({ length: keys }, (_, key) => `${prefix}${key}`);
    const cell = new Cell(names);
    this.#history.add(cell);
    return { cell, prefix, isThere: false };
  }

  #value(key: string): string {
    this.#sequence += 1;
    const draw = this.#random();
    const padding = draw < 0.03 ? longPaddingBytes : Math.floor(draw * 300);
    return makeValue(key, this.#sequence, padding);
  }

  #pick(cells: readonly OwnCell[]): OwnCell {
    const own = cells[Math.floor(this.#random() * cells.length)];
    if (own === undefined) throw new RangeError("nothing to pick from");
    return own;
  }
}
