/** A client that makes a connection of its own for every write: what a rotation of certificates may break, and connections that stand never notice. */
import { setTimeout as sleep } from "node:timers/promises";
import { ClientError } from "../../../node/client/client-error.ts";
import type { Targets } from "./targets.ts";

const pauseMs = 200;
const deadlineMs = 5000;

export class FreshConnections {
  readonly #targets: Targets;
  readonly #running: Promise<void>;
  #isOver = false;
  /** Writes that were acknowledged. */
  done = 0;
  /** Address and error of those that were not, at most one for each write. */
  readonly failures: string[] = [];

  constructor(targets: Targets) {
    this.#targets = targets;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let count = 0; !this.#isOver; count += 1) {
      const { addresses } = this.#targets;
      const address = addresses[count % addresses.length];
      if (address !== undefined) await this.#write(address, count);
      await sleep(pauseMs);
    }
  }

  async #write(address: string, count: number): Promise<void> {
    const client = this.#targets.connectOnce(address);
    try {
      await client.put(`fresh/${count % 100}`, String(count), { deadlineMs });
      this.done += 1;
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      this.failures.push(`${address}: ${error.text}`);
    } finally {
      client.close();
    }
  }
}
