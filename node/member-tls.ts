/** The certificates of a member's two sides, and the listeners that show them. */
import type { Address, Config } from "./config/config.ts";
import { SystemFs } from "./lib/platform/fs.ts";
import { systemNet } from "./lib/platform/net.ts";
import type { ByteSocket, Clock, Listener, Logger, Net, Timers } from "./lib/ports.ts";
import { HandshakeGate } from "./tls/handshake-gate.ts";
import { TlsIdentity } from "./tls/identity.ts";
import { ensureSelfSigned } from "./tls/self-signed.ts";
import type { TlsSettings, TlsStats } from "./tls/settings.ts";
import { TlsNet } from "./tls/tls-net.ts";

type Endpoint = "client" | "peer" | "metrics";

interface Ports {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

export class MemberTls {
  /** Undefined where the side has no certificate. */
  readonly client: TlsIdentity | undefined;
  readonly peer: TlsIdentity | undefined;
  private readonly secure: Readonly<Record<Endpoint, Net | undefined>>;

  private constructor({ client, peer }: Pick<MemberTls, "client" | "peer">, ports: Ports) {
    this.client = client;
    this.peer = peer;
    // One for all: what it bounds is the time that handshakes take from the one event loop.
    const gate = new HandshakeGate(ports);
    const net = (endpoint: Endpoint, identity: TlsIdentity | undefined): Net | undefined =>
      identity === undefined
        ? undefined
        : new TlsNet({
            ...ports,
            identity,
            gate,
            endpoint,
            alpn: endpoint === "client" ? "h2" : "http1",
            sanCheck: endpoint !== "client" && !identity.settings.skipsClientSanVerification,
          });
    this.secure = {
      client: net("client", this.client),
      peer: net("peer", this.peer),
      metrics: net("metrics", this.client),
    };
  }

  /** Errors name the flag and the file. */
  static async open(config: Config, ports: Ports): Promise<MemberTls> {
    const open = async (
      settings: TlsSettings | undefined,
      urls: readonly string[],
    ): Promise<TlsIdentity | undefined> =>
      settings === undefined
        ? undefined
        : TlsIdentity.open(await withFiles(settings, urls, config, ports), ports);
    const { raw } = config;
    const clientUrls = [...raw["listen-client-urls"], ...raw["listen-client-http-urls"]];
    const client = await open(config.clientTls, clientUrls);
    const peer = await open(config.peerTls, raw["listen-peer-urls"]);
    return new MemberTls({ client, peer }, ports);
  }

  listen(
    endpoint: Endpoint,
    address: Address,
    onConnection: (socket: ByteSocket) => void,
  ): Promise<Listener> {
    const net = address.isSecure ? this.secure[endpoint] : systemNet;
    // The options were checked: an https URL has a certificate.
    if (net === undefined) throw new Error(`no certificate for ${address.host}:${address.port}`);
    return net.listen(address, onConnection);
  }

  get stats(): readonly TlsStats[] {
    return [this.client, this.peer].flatMap((identity) => identity?.stats ?? []);
  }

  close(): void {
    this.client?.close();
    this.peer?.close();
  }
}

/** The pair of --auto-tls and --peer-auto-tls is made where there is none (etcd server/embed/config.go, ClientSelfCert). */
async function withFiles(
  settings: TlsSettings,
  listenUrls: readonly string[],
  { dataDir, selfSignedCertValidityYears }: Config,
  { clock, logger }: Ports,
): Promise<TlsSettings> {
  if (!settings.isSelfSigned) return settings;
  const { certFile, keyFile } = await ensureSelfSigned(new SystemFs(), {
    dir: `${dataDir}/fixtures/${settings.side}`,
    hosts: listenUrls.map((url) => new URL(url).host).sort(),
    validityYears: selfSignedCertValidityYears,
    usages: ["serverAuth"],
    nowMs: clock.unixMs(),
    logger,
  });
  return { ...settings, certFile, keyFile };
}
