/**
 * Tells of connections that were refused, by etcd's names (server/embed/config_logging.go): each with its cause, and under a flood of them the first ones of
 * each second and then one line with the number of the rest.
 */
import type { LogFields, Logger, Timers } from "../lib/ports.ts";
import type { CertificateFacts } from "./x509/certificate-facts.ts";

export type Endpoint = "client" | "peer" | "metrics";

export interface Rejection {
  readonly remoteAddress: string;
  /** What the client asked for by SNI; "" for nothing. */
  readonly serverName: string;
  /** The client's certificate, where it has shown one that can be read. */
  readonly certificate: Pick<CertificateFacts, "dnsNames" | "ipAddresses"> | undefined;
  readonly error: string;
}

const linesPerPeriod = 10;
const periodMs = 1000;

/** Metrics are served with the certificates of clients, and etcd logs them as such. */
const messages: Readonly<Record<Endpoint, string>> = {
  client: "rejected connection on client endpoint",
  peer: "rejected connection on peer endpoint",
  metrics: "rejected connection on client endpoint",
};

export class Rejections {
  private readonly message: string;
  private readonly logger: Logger;
  private readonly timers: Timers;
  private told = 0;
  private untold = 0;
  private last: LogFields = {};

  constructor(
    endpoint: Endpoint,
    { logger, timers }: { readonly logger: Logger; readonly timers: Timers },
  ) {
    this.message = messages[endpoint];
    this.logger = logger;
    this.timers = timers;
  }

  rejected(rejection: Rejection): void {
    const fields = fieldsOf(rejection);
    if (this.told >= linesPerPeriod) {
      this.untold += 1;
      this.last = fields;
      return;
    }
    if (this.told === 0) this.timers.after(periodMs, () => this.periodOver());
    this.told += 1;
    this.logger.warn(this.message, fields);
  }

  /** It went away before its handshake was over: whoever looks whether the port is open does that. */
  left(rejection: Rejection): void {
    this.logger.debug(this.message, fieldsOf(rejection));
  }

  private periodOver(): void {
    if (this.untold > 0) this.logger.warn(this.message, { ...this.last, rejected: this.untold });
    this.told = 0;
    this.untold = 0;
  }
}

function fieldsOf({ remoteAddress, serverName, certificate, error }: Rejection): LogFields {
  const names =
    certificate === undefined
      ? {}
      : { "ip-addresses": certificate.ipAddresses, "dns-names": certificate.dnsNames };
  return { "remote-addr": remoteAddress, "server-name": serverName, ...names, error };
}
