/** A simulated connection of bytes, with delays, torn into chunks at random places: what a client's gRPC goes over. */
import { cloneBytes } from "../../node/lib/bytes.ts";
import type { ByteSocket } from "../../node/lib/ports.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { EventLoop } from "./event-loop.ts";
import type { World } from "./world.ts";

const delayMinMs = 0.05;
const delaySpreadMs = 1;

/** One end of a connection. */
export class SimSocket implements ByteSocket {
  readonly remoteAddress: string;
  /** The other end; set once both are made. */
  peer: SimSocket | undefined;
  private readonly world: World;
  private readonly random: SeededRandom;
  /** Runs this end's handlers; undefined for a client, whose handlers run at once. */
  private readonly loop: EventLoop | undefined;
  private dataHandler: (chunk: Uint8Array) => void = () => undefined;
  private closeHandler: () => void = () => undefined;
  private isOpen = true;
  /** When the last byte on its way to the other end arrives: later ones cannot overtake it. */
  private lastArrivalMs = 0;

  constructor(world: World, random: SeededRandom, remoteAddress: string, loop?: EventLoop) {
    this.world = world;
    this.random = random;
    this.remoteAddress = remoteAddress;
    this.loop = loop;
  }

  onData(handler: (chunk: Uint8Array) => void): void {
    this.dataHandler = handler;
  }

  onClose(handler: () => void): void {
    this.closeHandler = handler;
  }

  onDrain(): void {
    // Every write is taken at once.
  }

  write(bytes: Uint8Array): boolean {
    if (!this.isOpen) return true;
    const { random } = this;
    for (let at = 0; at < bytes.length; ) {
      const length = random.chance(0.3) ? 1 + random.below(bytes.length - at) : bytes.length - at;
      const chunk = cloneBytes(bytes, at, at + length);
      this.deliver(() => this.peer?.receive(chunk));
      at += length;
    }
    return true;
  }

  pause(): void {
    throw new Error("no run of the simulator fills a connection");
  }

  resume(): void {
    throw new Error("no run of the simulator fills a connection");
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.deliver(() => this.peer?.destroy());
    this.world.after(0, () => this.run(() => this.closeHandler()));
  }

  detach(): undefined {
    return undefined;
  }

  private receive(chunk: Uint8Array): void {
    this.run(() => {
      if (this.isOpen) this.dataHandler(chunk);
    });
  }

  private run(handler: () => void): void {
    if (this.loop === undefined) handler();
    else this.loop.dispatch(handler);
  }

  private deliver(run: () => void): void {
    const { world } = this;
    const delayMs = delayMinMs + (this.random.uint32() / 2 ** 32) * delaySpreadMs;
    this.lastArrivalMs = Math.max(this.lastArrivalMs, world.nowMs + delayMs);
    world.at(this.lastArrivalMs, run);
  }
}
