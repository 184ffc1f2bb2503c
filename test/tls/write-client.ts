/**
 * A client that writes and comes again at random. Every key is written once, so that the outcome of each write can be looked up in the end. Nothing is
 * tried twice: a write that fails is a failure, and so is a connection that cannot be opened, except where the test has closed a connection itself.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { Tally } from "./tally.ts";
import type { WriteClients } from "./write-clients.ts";
import type { WriteConnection } from "./write-connection.ts";

export interface WriteClientOptions {
  /** Its keys begin with it. */
  readonly name: string;
  readonly random: SeededRandom;
  /** Between two writes, on average. */
  readonly pauseMs: number;
  /** Of a connection, on average; Infinity for one that is given up only when the test says so. */
  readonly lifeMs: number;
}

/** After a failure, so that a server that refuses everything is not asked as fast as can be. */
const failurePauseMs = 500;
/** Of the connections that are given up, those that are cut with a write under way. */
const cutShare = 0.2;

/** What a follower answers in the end whose proposal was lost on its way to the leader, as etcd does. */
const isTimedOut = (error: unknown): boolean =>
  error instanceof Error && error.message === "14 etcdserver: request timed out";

export const keyOf = (client: string, count: number): string =>
  `rotation/${client}/${String(count).padStart(6, "0")}`;

export class WriteClient {
  readonly name: string;
  /** Writes that were begun: keys from 0 on. */
  begun = 0;
  /** Of these, those that were not acknowledged: nobody knows whether they are there. */
  readonly unknown = new Set<number>();
  readonly #options: WriteClientOptions;
  readonly #clients: WriteClients;
  readonly #tally: Tally;

  constructor(options: WriteClientOptions, clients: WriteClients, tally: Tally) {
    this.name = options.name;
    this.#options = options;
    this.#clients = clients;
    this.#tally = tally;
  }

  /** Until the clients are told to stop. */
  async run(): Promise<void> {
    while (!this.#clients.isStopping) {
      const port = this.#options.random.pick(this.#clients.ports);
      const connection = await this.#clients.open(port).catch((error: unknown) => {
        this.#tally.fail("connect", error);
      });
      if (connection === undefined) await sleep(failurePauseMs);
      else await this.#use(connection, port);
    }
  }

  async #use(connection: WriteConnection, port: number): Promise<void> {
    const { random, lifeMs } = this.#options;
    this.#tally.connects += 1;
    const endMs = performance.now() + lifeMs * 2 * (random.below(1000) / 1000);
    while (performance.now() < endMs && this.#mayStay(port)) {
      await this.#pause();
      if (connection.end !== undefined) break;
      await this.#write(connection, port);
    }
    if (connection.end !== undefined) this.#tally.fail("connection lost", connection.end);
    // A write takes a few milliseconds: cut at once it is under way.
    else if (performance.now() >= endMs && random.chance(cutShare)) await this.#cut(connection);
    connection.close();
    this.#clients.left(port);
  }

  #mayStay(port: number): boolean {
    return !this.#clients.isStopping && this.#clients.ports.includes(port);
  }

  #pause(): Promise<void> {
    const { random, pauseMs } = this.#options;
    return sleep(random.below(2 * pauseMs));
  }

  async #write(connection: WriteConnection, port: number): Promise<void> {
    const count = this.begun++;
    const key = keyOf(this.name, count);
    const beganMs = performance.now();
    try {
      await connection.put(key, key);
      this.#tally.wrote(performance.now() - beganMs);
    } catch (error) {
      this.unknown.add(count);
      if (isTimedOut(error) && this.#clients.wasPassedOnInACut(port, beganMs))
        this.#tally.excuse("the members' connections were cut");
      else this.#tally.fail("write", error);
    }
  }

  async #cut(connection: WriteConnection): Promise<void> {
    const count = this.begun++;
    const key = keyOf(this.name, count);
    const written = connection.put(key, key);
    this.#tally.cuts += 1;
    setImmediate(() => connection.cut());
    try {
      await written;
    } catch {
      this.unknown.add(count);
      this.#tally.excuse("its connection was cut");
    }
  }
}
