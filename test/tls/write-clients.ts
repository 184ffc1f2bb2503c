/** The clients of a run together: to which members they go, and with which certificate. */
import { createSecureContext, type SecureContext } from "node:tls";
import { until } from "../cluster/until.ts";
import type { TestLeaf } from "../support/pki.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import type { Tally } from "./tally.ts";
import { WriteClient } from "./write-client.ts";
import { WriteConnection } from "./write-connection.ts";

export interface WriteClientsOptions {
  readonly count: number;
  readonly seed: number;
  readonly pauseMs: number;
  /** Every fifth stays on its connection for ever. */
  readonly lifeMs: number;
}

/** A write that a follower passes on is lost with the connection it is on, and while there is none: until the streams are up again. */
const cutEffectMs = 2000;

export class WriteClients {
  readonly all: readonly WriteClient[];
  isStopping = false;
  readonly #opening = new Set<Promise<unknown>>();
  /** Connections by port, those that are being opened too. */
  readonly #open = new Map<number, number>();
  #ports: readonly number[];
  #context: SecureContext | undefined;
  #runs: readonly Promise<void>[] = [];
  #cutMs = -Infinity;
  #leaderPort = 0;

  constructor(options: WriteClientsOptions, ports: readonly number[], tally: Tally) {
    this.#ports = ports;
    const { count, seed, pauseMs, lifeMs } = options;
    this.all = Array.from({ length: count }, (_, at) => {
      const random = new SeededRandom(seed * 1000 + at);
      const life = at % 5 === 0 ? Infinity : lifeMs;
      const name = `c${String(at).padStart(3, "0")}`;
      return new WriteClient({ name, random, pauseMs, lifeMs: life }, this, tally);
    });
  }

  /** The members they go to. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  start(): void {
    this.#runs = this.all.map((client) => client.run());
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all(this.#runs);
  }

  /** New connections are opened with these from now on. Resolves when none is being opened with others. */
  async use(caPem: string, leaf: TestLeaf): Promise<void> {
    this.#context = createSecureContext({ ca: caPem, cert: leaf.chainPem, key: leaf.keyPem });
    await Promise.allSettled([...this.#opening]);
  }

  /** Resolves when none of them has a connection to this member any more, nor opens one. */
  async leave(port: number): Promise<void> {
    this.#ports = this.#ports.filter((other) => other !== port);
    await until("all clients to leave a member", () => this.#open.get(port) === 0 || undefined);
  }

  comeBack(port: number): void {
    this.#ports = [...this.#ports, port];
  }

  /** The connections between the members are being cut. */
  peersCut(leaderPort: number): void {
    this.#cutMs = performance.now();
    this.#leaderPort = leaderPort;
  }

  /** A write that began then may have been on its way between members when these were cut. */
  wasPassedOnInACut(port: number, beganMs: number): boolean {
    if (port === this.#leaderPort) return false;
    const endedMs = performance.now();
    return beganMs < this.#cutMs + cutEffectMs && endedMs > this.#cutMs;
  }

  /** For a client. */
  async open(port: number): Promise<WriteConnection> {
    if (this.#context === undefined) throw new Error("the clients have no certificate yet");
    this.#open.set(port, (this.#open.get(port) ?? 0) + 1);
    const opening = WriteConnection.open(port, this.#context);
    this.#opening.add(opening);
    try {
      return await opening;
    } catch (error) {
      this.left(port);
      throw error;
    } finally {
      this.#opening.delete(opening);
    }
  }

  /** Of a client: a connection to this port is closed. */
  left(port: number): void {
    this.#open.set(port, (this.#open.get(port) ?? 0) - 1);
  }
}
