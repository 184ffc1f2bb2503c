/**
 * One accepted connection, from its first byte to its admission: waits for the client to say something, then for its turn (handshake-gate.ts), makes the
 * handshake, and has the client judged. Until then nobody gets a byte of it, and what came behind the handshake stays in the socket. (etcd
 * client/pkg/transport/listener_tls.go, acceptLoop.)
 */
import { TLSSocket, type TLSSocketOptions, type TlsOptions } from "node:tls";
import type { HostNames } from "../lib/platform/host-names.ts";
import { type PlatformSocket, remoteAddressOf } from "../lib/platform/net.ts";
import type { Clock, Timer, Timers } from "../lib/ports.ts";
import { tlsErrorText } from "../lib/tls-error-text.ts";
import type { HandshakeGate, WaitingHandshake } from "./handshake-gate.ts";
import type { TlsIdentity } from "./identity.ts";
import type { Endpoint, Rejection, Rejections } from "./rejections.ts";
import { sanProblem } from "./san-check.ts";
import { type CertificateFacts, certificateFacts } from "./x509/certificate-facts.ts";

/** Of the client's, our own line and DNS not counted (etcd's tlsHandshakeTimeout). */
const timeoutMs = 10_000;

/** What the connections of one listener share. */
export interface HandshakeHost {
  readonly identity: TlsIdentity;
  /** The protocol that a client may have by ALPN besides http/1.1, or none. */
  readonly alpn: "h2" | "http1";
  readonly endpoint: Endpoint;
  readonly gate: HandshakeGate;
  /** For the check of addresses; undefined for none. */
  readonly hosts: HostNames | undefined;
  readonly rejections: Rejections;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Called at most once for each, and for none that `ended` was called for. */
  admitted(handshake: Handshake, socket: TLSSocket): void;
  /** It was refused, or went away. */
  ended(handshake: Handshake): void;
}

export class Handshake implements WaitingHandshake {
  readonly remoteIp: string;
  private isOver = false;
  private readonly host: HandshakeHost;
  private readonly raw: PlatformSocket;
  private readonly remoteAddress: string;
  private socket: TLSSocket | undefined;
  private timer: Timer;
  /** Of the client's time, since when it runs and what is left of it. */
  private readonly sinceMs: number;
  private leftMs = timeoutMs;
  /** The client has said nothing yet. */
  private isSilent = true;

  constructor(host: HandshakeHost, raw: PlatformSocket) {
    this.host = host;
    this.raw = raw;
    this.remoteAddress = remoteAddressOf(raw);
    this.remoteIp = raw.remoteAddress ?? "";
    this.sinceMs = host.clock.monotonicMs();
    this.timer = host.timers.after(this.leftMs, this.onTimeout);
    raw.on("error", this.onError);
    raw.once("close", this.onClose);
    // Its bytes stay in the socket, where TLS will find them. A client that says nothing costs no handshake.
    raw.once("readable", this.onFirstBytes);
  }

  /** Counts for the gate from here on. Apart from the constructor, because the gate may evict it at once. */
  accepted(): void {
    this.host.gate.accepted(this.host.endpoint, this);
  }

  private readonly onFirstBytes = (): void => {
    const { host } = this;
    if (this.isOver) return;
    if (this.raw.readableLength === 0) {
      this.left();
      return;
    }
    this.isSilent = false;
    this.timer.cancel();
    this.leftMs -= host.clock.monotonicMs() - this.sinceMs;
    host.gate.enter(host.endpoint, this);
  };

  /** Its turn has come. */
  begin(): void {
    const { host, raw } = this;
    if (this.isOver || raw.destroyed) {
      this.left();
      return;
    }
    this.timer = host.timers.after(this.leftMs, this.onTimeout);
    const { secureContext, requestsCertificate } = host.identity.serverOptions();
    const options: TLSSocketOptions & Pick<TlsOptions, "ALPNCallback"> = {
      isServer: true,
      secureContext,
      requestCert: requestsCertificate,
      // Means here that OpenSSL refuses who has no certificate, and tells so by an alert. All else is judged below.
      rejectUnauthorized: requestsCertificate,
      ALPNCallback: ({ protocols }) => this.protocolOf(protocols),
    };
    const socket = new TLSSocket(raw, options);
    this.socket = socket;
    socket.disableRenegotiation();
    socket.on("error", this.onError);
    // Not in Node.js's documentation: how a TLSSocket without a tls.Server tells what goes wrong, after the handshake too.
    socket.on("_tlsError", this.onError);
    socket.once("close", this.onClose);
    socket.once("secure", this.onSecure);
  }

  evict(error: string): void {
    this.refuse(error);
  }

  /** Cuts it, without a word: the listener is closed. */
  cancel(): void {
    this.settle();
    this.destroy();
  }

  /** Undefined, where the client offers nothing that is spoken here, ends the handshake by an alert. */
  private protocolOf(offered: readonly string[]): string | undefined {
    if (this.host.alpn === "h2" && offered.includes("h2")) return "h2";
    return offered.includes("http/1.1") ? "http/1.1" : undefined;
  }

  private readonly onSecure = (): void => {
    const { host, socket } = this;
    if (this.isOver || socket === undefined) return;
    this.timer.cancel();
    host.gate.finished(this);
    const problem = host.identity.refusal(socket, { role: "dialler" });
    if (problem !== undefined) this.refuse(problem);
    else if (host.hosts === undefined) this.admit(socket);
    else void this.checkAddress(socket, host.hosts);
  };

  private async checkAddress(socket: TLSSocket, hosts: HostNames): Promise<void> {
    const facts = this.certificate();
    const { remoteAddress = "" } = socket;
    const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/, "");
    const problem = facts === undefined ? undefined : await sanProblem(facts, address, hosts);
    if (this.isOver) return;
    if (problem === undefined) this.admit(socket);
    else this.refuse(problem);
  }

  private admit(socket: TLSSocket): void {
    if (socket.destroyed) {
      this.left();
      return;
    }
    this.settle();
    socket.off("close", this.onClose);
    // Stays true without a tls.Server, and node:http2 would wait for its end.
    (socket as { secureConnecting?: boolean }).secureConnecting = false;
    this.host.identity.countHandshake({ isAdmitted: true, isResumed: socket.isSessionReused() });
    this.host.admitted(this, socket);
  }

  private readonly onTimeout = (): void => this.refuse("i/o timeout: no TLS handshake within 10 s");

  /** Goes on for as long as the socket lives: broken records after the handshake come here, too. */
  private readonly onError = (error: Error): void => {
    if (this.isOver) this.destroy();
    else this.refuse(tlsErrorText(error) ?? error.message);
  };

  private readonly onClose = (): void => {
    if (!this.isOver) this.left();
  };

  private left(): void {
    const { host } = this;
    if (this.isOver) return;
    const rejection = { ...this.logged(), error: "EOF" };
    if (!this.isSilent) host.identity.countHandshake({ isAdmitted: false });
    this.settle();
    host.rejections.left(rejection);
    host.ended(this);
    this.destroy();
  }

  private refuse(error: string): void {
    const { host } = this;
    if (this.isOver) return;
    const rejection = { ...this.logged(), error };
    host.identity.countHandshake({ isAdmitted: false });
    this.settle();
    host.rejections.rejected(rejection);
    host.ended(this);
    this.destroy();
  }

  private settle(): void {
    this.isOver = true;
    this.timer.cancel();
    this.host.gate.finished(this);
  }

  private destroy(): void {
    (this.socket ?? this.raw).destroy();
  }

  private logged(): Omit<Rejection, "error"> {
    const { remoteAddress, socket } = this;
    // Node.js: false for a client without SNI.
    const servername: unknown = socket === undefined ? "" : Reflect.get(socket, "servername");
    const serverName = typeof servername === "string" ? servername : "";
    return { remoteAddress, serverName, certificate: this.certificate() };
  }

  /** What the client's certificate says; undefined where it has shown none, or its extensions are broken. */
  private certificate(): CertificateFacts | undefined {
    const certificate = this.socket?.getPeerX509Certificate();
    if (certificate === undefined) return undefined;
    try {
      return certificateFacts(certificate);
    } catch {
      return undefined;
    }
  }
}
