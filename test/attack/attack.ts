/** What an attack is. */
import type { AttackSocket } from "./socket.ts";

export interface Attack {
  readonly name: string;
  /** What in limits.ts stands against it, and how. */
  readonly bound: string;
  readonly connections: number;
  /** MiB that the member may grow by while it lasts: what the bound allows, and what the garbage collector leaves lying. */
  readonly growthMibMax: number;
  /** It lasts at least so long: what needs its time to build up. */
  readonly leastMs?: number;
  /** Size of the values that the honest client puts; a few bytes where it is left out. */
  readonly honestValueBytes?: number;
  /**
   * It attacks TLS: the member serves it, and the honest client makes one handshake after the other. The time runs from the moment when all
   * connections are there.
   */
  readonly isOnTls?: boolean;
  /** Loopback address that it comes from; the honest client's, 127.0.0.1, where it is left out. */
  readonly from?: string;
  session(socket: AttackSocket): Promise<void>;
}

/** MiB of collected and uncollected garbage of a member under full load. */
export const garbageMib = 200;
