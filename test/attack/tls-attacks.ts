/** Clients that begin a TLS handshake and let it hang. They need no certificate for that. */
import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import type { Attack } from "./attack.ts";
import type { AttackSocket } from "./socket.ts";

/** The first bytes of a client that speaks TLS. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer) => resolve(chunk),
    });
    connect({ socket: wire, ALPNProtocols: ["h2"] }).on("error", () => undefined);
  });
}

const hello = clientHello();

export const tlsAttacks: readonly Attack[] = [
  {
    name: "TLS hello and silence",
    bound: "handshake-gate.ts: addresses take turns; waitingOfAddressMax, underWayMax",
    // More than may wait. Each that is begun holds a place for youngMs; whoever is cut comes again.
    connections: 6_000,
    growthMibMax: 700,
    leastMs: 5_000,
    isOnTls: true,
    from: "127.0.0.2",
    session: async (socket: AttackSocket): Promise<void> => {
      await socket.write(await hello);
      // Only whose turn came is answered. It has held its place for as long as it could; the next one stands in the line.
      while (!socket.isDone && socket.tally.bytesReceived === 0) await sleep(250);
      if (socket.tally.bytesReceived > 0) socket.tally.answers += 1;
    },
  },
];
