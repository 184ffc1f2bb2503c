/**
 * What every HTTP request on a client port passes before its route is looked for (etcd server/embed/serve.go, accessController): the
 * --host-whitelist keeps web pages out that reach a member in plaintext under a name of their own (DNS rebinding, CVE-2018-5702), and --cors
 * says which web pages may read the answers. gRPC calls pass neither.
 */
import { type AnswerTo, plainError } from "../lib/http-answers.ts";
import type { Logger } from "../lib/ports.ts";

export interface AccessOptions {
  /** --cors: origins that are matched whole; empty or with "*" all. */
  readonly cors: readonly string[];
  /** --host-whitelist: names, without port, that are matched whole; empty or with "*" all. */
  readonly hostWhitelist: readonly string[];
  readonly logger: Pick<Logger, "warn">;
}

export interface AccessRequest {
  readonly method: string;
  /** Host header or :authority; "" without. */
  readonly host: string;
  readonly origin: string;
  /** Over TLS any name is fine: the certificate has been checked against it. */
  readonly isSecure: boolean;
}

export class AccessControl {
  private readonly origins: ReadonlySet<string>;
  private readonly isOpenToAll: boolean;
  private readonly hosts: ReadonlySet<string>;
  private readonly isAnyHostFine: boolean;
  private readonly logger: Pick<Logger, "warn">;

  constructor({ cors, hostWhitelist, logger }: AccessOptions) {
    this.origins = new Set(cors);
    this.isOpenToAll = isForAll(this.origins);
    this.hosts = new Set(hostWhitelist);
    this.isAnyHostFine = isForAll(this.hosts);
    this.logger = logger;
  }

  /** True: the request goes on, and the answer has its CORS headers already. False: it is answered. */
  admit(request: AccessRequest, response: AnswerTo): boolean {
    if (!request.isSecure && !this.isAnyHostFine) {
      const host = hostnameOf(request.host);
      if (!this.hosts.has(host)) {
        this.logger.warn("rejecting HTTP request to prevent DNS rebinding attacks", { host });
        plainError(response, 421, unknownHostText(host));
        return false;
      }
    }
    const origin = this.isOpenToAll ? "*" : request.origin;
    if (this.isOpenToAll || this.origins.has(origin)) allowOrigin(response, origin);
    if (request.method !== "OPTIONS") return true;
    response.setHeader("Content-Length", 0);
    response.end("");
    return false;
  }
}

const isForAll = (names: ReadonlySet<string>): boolean => names.size === 0 || names.has("*");

function allowOrigin(response: AnswerTo, origin: string): void {
  response.setHeader("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE");
  response.setHeader("Access-Control-Allow-Origin", origin);
  response.setHeader("Access-Control-Allow-Headers", "accept, content-type, authorization");
}

const hostAndPort = /^(?:\[(?<literal>[^[\]]*)\]|(?<name>[^:[\]]*)):[^:[\]]*$/;

/** Without the port; what is no host and port, as Go's net.SplitHostPort sees it, is taken whole. */
export function hostnameOf(host: string): string {
  const { literal, name } = hostAndPort.exec(host)?.groups ?? {};
  return literal ?? name ?? host;
}

/** etcd's words: people find them on the web. */
const unknownHostText = (host: string): string => `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist ${JSON.stringify(host)}

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`;
