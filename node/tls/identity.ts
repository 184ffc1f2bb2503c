/**
 * One side's certificates, followed on the disk: what a member shows to its clients or to the other members, whom it takes for one of them, and how that
 * changes while it runs. Etcd reads leaf and key at every handshake and the CA bundle once; here all files are looked at twice a second, and a change of any of
 * them is in use within one.
 */
import type { TLSSocket } from "node:tls";
import type { Clock, Logger, Timers } from "../lib/ports.ts";
import { chooseCiphers } from "./cipher-suites.ts";
import { type Credentials, readCredentials } from "./credentials.ts";
import { certificateUses, type DatedUse, ExpiryLog } from "./expiry.ts";
import { FileFollower } from "./file-follower.ts";
import { type Remote, remoteProblem } from "./remote-check.ts";
import {
  type ClientContext,
  requestsCertificate,
  SecureContexts,
  type ServerContext,
} from "./secure-contexts.ts";
import type { TlsSettings, TlsStats } from "./settings.ts";
import { type FilesContent, readTogether, TlsFileError, tlsFiles } from "./tls-files.ts";

interface Ports {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

/** What is in use together. */
interface InUse {
  readonly digest: string;
  readonly credentials: Credentials;
  readonly contexts: SecureContexts;
  readonly certificates: readonly DatedUse[];
}

/** How a handshake, ours or another's, ended: admitted, or refused by either end. */
export type HandshakeOutcome =
  | { readonly isAdmitted: true; readonly isResumed: boolean }
  | { readonly isAdmitted: false };

export class TlsIdentity {
  readonly settings: TlsSettings;
  private readonly ports: Ports;
  private readonly ciphers: string;
  private readonly expiry: ExpiryLog;
  private readonly follower: FileFollower;
  private readonly reloadHandlers: (() => void)[] = [];
  private inUse: InUse;
  private isStale = false;
  private readonly counts = {
    reloads: 0,
    reloadFailures: 0,
    handshakes: 0,
    handshakeFailures: 0,
    resumed: 0,
  };

  /** Rejects with an Error that names flag and file, or the cipher suite. */
  static async open(settings: TlsSettings, ports: Ports): Promise<TlsIdentity> {
    const { ciphers, unavailable } = chooseCiphers(settings.cipherSuites);
    if (unavailable.length > 0) {
      ports.logger.warn("TLS cipher suites are not available here and left out", {
        side: settings.side,
        "cipher-suites": unavailable,
      });
    }
    const content = await readTogether(tlsFiles(settings));
    const first = await readInUse(content, { settings, ciphers, timers: ports.timers });
    return new TlsIdentity(settings, ports, { ciphers, content, first });
  }

  private constructor(
    settings: TlsSettings,
    ports: Ports,
    start: { readonly ciphers: string; readonly content: FilesContent; readonly first: InUse },
  ) {
    this.settings = settings;
    this.ports = ports;
    this.ciphers = start.ciphers;
    this.inUse = start.first;
    this.expiry = new ExpiryLog(ports);
    this.expiry.begin(start.first.certificates);
    this.follower = new FileFollower({
      files: tlsFiles(settings),
      content: start.content,
      onContent: (content) => this.take(content),
      onLook: () => this.expiry.check(),
      ports,
    });
  }

  /** For those who dial us. Another object after each reload, so it is asked for at each connection; that of before goes on for handshakes under way. */
  serverOptions(): ServerContext {
    return this.inUse.contexts.serverContext();
  }

  /** For those whom we dial. The first call may take 50 ms where the system's CAs are to be read. */
  clientOptions(): ClientContext {
    return this.inUse.contexts.clientContext();
  }

  /**
   * Why the other end of a finished handshake is refused, or undefined. Must be asked for every connection before a byte of it is believed: OpenSSL
   * is told to finish every handshake in which a certificate was shown. Rules are those of this moment, not of the handshake's beginning.
   */
  refusal(socket: TLSSocket, remote: Remote): string | undefined {
    const isDialler = remote.role === "dialler";
    if (isDialler && !requestsCertificate(this.settings)) return undefined;
    const { allowedCns, allowedHostnames } = this.settings;
    const { revoked } = this.inUse.credentials;
    const verifiesChain = isDialler || !this.settings.isSelfSigned;
    const rules = { revoked, allowedCns, allowedHostnames, verifiesChain };
    return remoteProblem(socket, remote, rules, this.ports.clock.unixMs());
  }

  /** Told by the listener and the dialler, once for each connection. */
  countHandshake(outcome: HandshakeOutcome): void {
    if (!outcome.isAdmitted) {
      this.counts.handshakeFailures += 1;
      return;
    }
    this.counts.handshakes += 1;
    if (outcome.isResumed) this.counts.resumed += 1;
  }

  /** As it is now; a new object each time. */
  get stats(): TlsStats {
    const { isStale } = this;
    const { certificates } = this.inUse;
    return { side: this.settings.side, ...this.counts, isStale, certificates };
  }

  /** Runs after each reload that came into use. */
  onReload(run: () => void): void {
    this.reloadHandlers.push(run);
  }

  /** Stops looking at the files; what is in use stays usable. */
  close(): void {
    this.follower.close();
  }

  /** Uses a content that is another than the last one that was seen, or tells once why not. */
  private async take(content: FilesContent): Promise<void> {
    const { settings, ciphers, ports } = this;
    // It was changed for the worse, and back.
    if (content.digest === this.inUse.digest) {
      this.recovered();
      return;
    }
    try {
      this.inUse = await readInUse(content, { settings, ciphers, timers: ports.timers });
    } catch (error) {
      this.isStale = true;
      this.counts.reloadFailures += 1;
      ports.logger.error("failed to reload TLS files; the last good ones stay in use", {
        side: settings.side,
        ...(error instanceof TlsFileError ? { flag: error.file.flag, file: error.file.path } : {}),
        error,
      });
      return;
    }
    this.isStale = false;
    this.counts.reloads += 1;
    ports.logger.info("reloaded TLS files", { side: settings.side });
    this.expiry.begin(this.inUse.certificates);
    for (const run of this.reloadHandlers) run();
  }

  private recovered(): void {
    this.isStale = false;
    this.ports.logger.info("TLS files are again what is in use", { side: this.settings.side });
  }
}

async function readInUse(
  content: FilesContent,
  {
    settings,
    ciphers,
    timers,
  }: { readonly settings: TlsSettings; readonly ciphers: string; readonly timers: Timers },
): Promise<InUse> {
  const pause = (): Promise<void> => new Promise((resolve) => timers.after(0, resolve));
  const credentials = await readCredentials(content.files, pause);
  return {
    digest: content.digest,
    credentials,
    contexts: new SecureContexts(settings, credentials, ciphers),
    certificates: certificateUses(settings.side, credentials),
  };
}
