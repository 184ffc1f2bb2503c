/**
 * A TCP proxy in front of one member's peer port: the cluster knows the member by the proxy's address, so all that other
 * members send passes here. Who dialled is read from X-Server-From in the head of a request; a connection whose requests
 * carry none (probes, questions for the version) is of an unknown member.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { Flow } from "./flow.ts";
import type { LinkFault } from "./link-fault.ts";

const fromHeader = /\r\nx-server-from: *([0-9a-f]+)\r\n/i;
/** A header may come in two chunks. */
const tailLength = 64;

export interface ProxyOptions {
  readonly port: number;
  readonly targetPort: number;
  /** The fault of the way to the member from the one with this id (hexadecimal), or back; undefined id: not known. */
  readonly fault: (direction: "to" | "back", dialler: string | undefined) => LinkFault | undefined;
}

class ProxiedConnection {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #flows: readonly Flow[];
  #dialler: string | undefined;
  #tail = "";

  constructor(near: Socket, { targetPort, fault }: ProxyOptions) {
    const far = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true });
    this.#near = near;
    this.#far = far;
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      // A reset is told by "close", which the flow passes on.
      socket.on("error", () => undefined);
    }
    this.#flows = [
      new Flow({
        from: near,
        to: far,
        fault: () => fault("to", this.#dialler),
        onChunk: (chunk) => this.#identify(chunk),
      }),
      new Flow({ from: far, to: near, fault: () => fault("back", this.#dialler) }),
    ];
  }

  /** Both ends are gone. One alone is no end: a fault may keep the news from the other. */
  onceClosed(handler: () => void): void {
    let open = 2;
    for (const socket of [this.#near, this.#far]) {
      socket.once("close", () => {
        open -= 1;
        if (open === 0) handler();
      });
    }
  }

  refresh(): void {
    if (this.#flows.some((flow) => flow.refresh() === "reset")) this.reset();
  }

  reset(): void {
    for (const socket of [this.#near, this.#far]) {
      // Behind an end no reset is possible: the handle would stay open, and the process would never end.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  /** Kept-alive connections are known by the first request that says who sent it. */
  #identify(chunk: Buffer): void {
    if (this.#dialler !== undefined) return;
    const text = this.#tail + chunk.toString("latin1");
    this.#dialler = fromHeader.exec(text)?.[1];
    this.#tail = text.slice(-tailLength);
    if (this.#dialler !== undefined || this.#tail.includes("\r\n\r\n")) this.refresh();
  }
}

export class FaultyProxy {
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();

  private constructor(options: ProxyOptions) {
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const connection = new ProxiedConnection(near, options);
      this.#connections.add(connection);
      connection.onceClosed(() => this.#connections.delete(connection));
    });
  }

  static async start(options: ProxyOptions): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen(options.port, "127.0.0.1", resolve);
    });
    return proxy;
  }

  /** Faults have changed: connections under way feel it too. */
  refresh(): void {
    for (const connection of this.#connections) connection.refresh();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.reset();
    await closed;
  }
}
