/** A TLS listener on a loopback port, with time and log under the hand of the test, and those who connect to it. */
import { once } from "node:events";
import { type Socket, connect as tcpConnect } from "node:net";
import type { TestContext } from "node:test";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import { SystemTimers, systemClock } from "../../../node/lib/platform/clock.ts";
import type { HostNames } from "../../../node/lib/platform/host-names.ts";
import type { ByteSocket, LogFields } from "../../../node/lib/ports.ts";
import { HandshakeGate } from "../../../node/tls/handshake-gate.ts";
import type { TlsIdentity } from "../../../node/tls/identity.ts";
import type { Endpoint } from "../../../node/tls/rejections.ts";
import type { TlsSettings } from "../../../node/tls/settings.ts";
import { TlsNet } from "../../../node/tls/tls-net.ts";
import { makePki, type TestPki } from "../../support/pki.ts";
import { HandTimers } from "../peer/hand-timers.ts";
import { type LogLine, linesLogger, openIdentity, temporaryDir, until } from "./handshakes.ts";

export interface LabOptions {
  /** A certificate of clients is asked for unless a CA file "" is given. */
  readonly settings?: Partial<TlsSettings>;
  readonly alpn?: "h2" | "http1";
  readonly endpoint?: Endpoint;
  /** Turns the check of addresses on. */
  readonly hosts?: HostNames;
  readonly gate?: HandshakeGate;
}

export class TlsLab {
  readonly pki: TestPki;
  readonly identity: TlsIdentity;
  readonly timers = new HandTimers();
  readonly lines: LogLine[];
  /** Those who were admitted. */
  readonly admitted: ByteSocket[] = [];
  port = 0;
  close: () => Promise<void> = () => Promise.resolve();
  private readonly toClose: Socket[] = [];

  static async open(t: TestContext, options: LabOptions = {}): Promise<TlsLab> {
    const pki = makePki(temporaryDir(t));
    const { identity } = await openIdentity(t, {
      certFile: pki.files.serverCert,
      keyFile: pki.files.serverKey,
      trustedCaFile: pki.files.ca,
      ...options.settings,
    });
    const lab = new TlsLab(pki, identity);
    await lab.listen(options);
    t.after(async () => {
      for (const socket of [...lab.toClose, ...lab.admitted]) socket.destroy();
      await lab.close();
    });
    return lab;
  }

  private readonly logger: ReturnType<typeof linesLogger>["logger"];

  private constructor(pki: TestPki, identity: TlsIdentity) {
    this.pki = pki;
    this.identity = identity;
    const { lines, logger } = linesLogger();
    this.lines = lines;
    this.logger = logger;
  }

  private async listen({ alpn = "h2", endpoint = "client", hosts, gate }: LabOptions) {
    const { identity, timers, logger } = this;
    const net = new TlsNet({
      ...{ identity, alpn, endpoint, timers, logger },
      clock: systemClock,
      gate: gate ?? new HandshakeGate({ clock: systemClock, timers: new SystemTimers() }),
      sanCheck: hosts !== undefined,
      ...(hosts === undefined ? {} : { hosts }),
    });
    const listener = await net.listen({ host: "127.0.0.1", port: 0 }, (socket) => {
      this.admitted.push(socket);
    });
    this.port = listener.address.port;
    this.close = () => listener.close();
  }

  /** Plain TCP. */
  async tcp(): Promise<Socket> {
    const socket = this.kept(tcpConnect(this.port, "127.0.0.1"));
    await once(socket, "connect");
    return socket;
  }

  /** A client that trusts everybody and shows the client's certificate, unless told otherwise. */
  tls(options: ConnectionOptions = {}): TLSSocket {
    const { certPem: cert, keyPem: key } = this.pki.client;
    const { port } = this;
    const all = { port, host: "127.0.0.1", rejectUnauthorized: false, cert, key, ...options };
    return this.kept(tlsConnect(all));
  }

  /** Shows nothing. */
  anonymous(options: ConnectionOptions = {}): TLSSocket {
    return this.tls({ cert: undefined, key: undefined, ...options });
  }

  private kept<S extends Socket>(socket: S): S {
    socket.on("error", () => undefined);
    this.toClose.push(socket);
    return socket;
  }

  async untilAdmitted(count: number): Promise<ByteSocket> {
    await until(() => this.admitted.length >= count);
    return this.admitted[count - 1]!;
  }

  get rejections(): LogFields[] {
    return this.lines
      .filter(({ level, message }) => level === "warn" && message.startsWith("rejected connection"))
      .map(({ fields }) => fields);
  }

  /** The next one that is told. */
  async rejection(): Promise<LogFields> {
    const before = this.seen;
    await until(() => this.rejections.length > before);
    this.seen += 1;
    return this.rejections[before]!;
  }

  private seen = 0;
}

export const closed = (socket: Socket): Promise<unknown> => {
  socket.resume();
  return socket.destroyed ? Promise.resolve() : once(socket, "close");
};

/** What comes until `text` does, or until the end. */
export async function readUntil(socket: ByteSocket, text: string): Promise<string> {
  let received = "";
  await new Promise<void>((resolve) => {
    socket.onData((chunk) => {
      received += Buffer.from(chunk).toString("latin1");
      if (received.includes(text)) resolve();
    });
    socket.onClose(resolve);
  });
  return received;
}
