/** A simulated network: connections of bytes with delays, torn into chunks at random places. */
import { cloneBytes } from "../../node/lib/bytes.ts";
import type { ByteSocket, Listener, Net } from "../../node/lib/ports.ts";
import type { World } from "./world.ts";

const delayMinMs = 0.05;
const delaySpreadMs = 1;

/** One end of a connection. */
export class SimSocket implements ByteSocket {
  readonly remoteAddress: string;
  /** The other end; set once both are made. */
  peer: SimSocket | undefined;
  private readonly world: World;
  private dataHandler: (chunk: Uint8Array) => void = () => undefined;
  private closeHandler: () => void = () => undefined;
  private isOpen = true;
  /** When the last byte on its way to the other end arrives: later ones cannot overtake it. */
  private lastArrivalMs = 0;

  constructor(world: World, remoteAddress: string) {
    this.world = world;
    this.remoteAddress = remoteAddress;
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
    const { random } = this.world;
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
    this.world.after(0, () => this.closeHandler());
  }

  detach(): undefined {
    return undefined;
  }

  private receive(chunk: Uint8Array): void {
    if (this.isOpen) this.dataHandler(chunk);
  }

  private deliver(run: () => void): void {
    const { world } = this;
    const delayMs = delayMinMs + (world.random.uint32() / 2 ** 32) * delaySpreadMs;
    this.lastArrivalMs = Math.max(this.lastArrivalMs, world.monotonicMs() + delayMs);
    world.at(this.lastArrivalMs, run);
  }
}

export class SimNet implements Net {
  private readonly world: World;
  private readonly listeners = new Map<number, (socket: ByteSocket) => void>();
  private readonly accepted: SimSocket[] = [];

  constructor(world: World) {
    this.world = world;
  }

  listen(
    address: { readonly host: string; readonly port: number },
    onConnection: (socket: ByteSocket) => void,
  ): Promise<Listener> {
    this.listeners.set(address.port, onConnection);
    const close = (): Promise<void> => {
      this.listeners.delete(address.port);
      return Promise.resolve();
    };
    return Promise.resolve({ address, close });
  }

  /** The client's end of a new connection; undefined when nobody listens. */
  connect(port: number): SimSocket | undefined {
    const onConnection = this.listeners.get(port);
    if (onConnection === undefined) return undefined;
    const client = new SimSocket(this.world, "client");
    const server = new SimSocket(this.world, "server");
    client.peer = server;
    server.peer = client;
    this.accepted.push(server);
    onConnection(server);
    return client;
  }

  /** The server's process is gone: nobody listens, every connection breaks. */
  crash(): void {
    this.listeners.clear();
    for (const socket of this.accepted.splice(0)) socket.destroy();
  }
}
