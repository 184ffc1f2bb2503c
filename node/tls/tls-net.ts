/** Listeners that speak TLS: as lib/platform/net.ts has them, for connections whose other end is known and admitted. */
import type { TLSSocket } from "node:tls";
import { type HostNames, systemHostNames } from "../lib/platform/host-names.ts";
import { byteSocket, listenForSockets, type PlatformSocket } from "../lib/platform/net.ts";
import type { ByteSocket, Clock, Listener, Logger, Net, Timers } from "../lib/ports.ts";
import { Handshake, type HandshakeHost } from "./handshake.ts";
import type { HandshakeGate } from "./handshake-gate.ts";
import type { TlsIdentity } from "./identity.ts";
import { type Endpoint, Rejections } from "./rejections.ts";

export interface TlsNetOptions {
  /** Asked anew for each connection, so that a change of its files counts from the next one on. */
  readonly identity: TlsIdentity;
  /**
   * h2: a client that offers h2 by ALPN gets it, as on etcd. Both: one that offers http/1.1 and no better gets that, one that offers nothing has
   * none, and one that offers only others is refused.
   */
  readonly alpn: "h2" | "http1";
  /** The one of the process. */
  readonly gate: HandshakeGate;
  readonly endpoint: Endpoint;
  /** A certificate with addresses or DNS names must be for the address that it comes from. */
  readonly sanCheck: boolean;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** For tests. */
  readonly hosts?: HostNames;
}

export class TlsNet implements Net {
  private readonly options: TlsNetOptions;

  constructor(options: TlsNetOptions) {
    this.options = options;
  }

  async listen(
    address: { readonly host: string; readonly port: number },
    onConnection: (socket: ByteSocket) => void,
  ): Promise<Listener> {
    const handshakes = new Handshakes(this.options, (socket) => onConnection(byteSocket(socket)));
    const listener = await listenForSockets(address, (raw) => handshakes.begin(raw));
    return {
      address: listener.address,
      close: () => {
        handshakes.close();
        return listener.close();
      },
    };
  }
}

/** Those of one listener that are under way. */
class Handshakes {
  private readonly open = new Set<Handshake>();
  private readonly host: HandshakeHost;

  constructor(options: TlsNetOptions, onAdmitted: (socket: TLSSocket) => void) {
    const { identity, alpn, endpoint, gate, clock, timers, sanCheck } = options;
    this.host = {
      ...{ identity, alpn, endpoint, gate, clock, timers },
      hosts: sanCheck ? (options.hosts ?? systemHostNames) : undefined,
      rejections: new Rejections(endpoint, options),
      admitted: (handshake, socket) => {
        this.open.delete(handshake);
        onAdmitted(socket);
      },
      ended: (handshake) => void this.open.delete(handshake),
    };
  }

  begin(raw: PlatformSocket): void {
    const handshake = new Handshake(this.host, raw);
    this.open.add(handshake);
    handshake.accepted();
  }

  /** Those who are admitted live on. */
  close(): void {
    for (const handshake of this.open) handshake.cancel();
    this.open.clear();
  }
}
