/** When the certificates in use end: for the metrics, and as log lines long before anybody is refused. */
import type { X509Certificate } from "node:crypto";
import type { Clock, Logger } from "../lib/ports.ts";
import type { Credentials } from "./credentials.ts";
import type { CertificateUse, TlsSettings } from "./settings.ts";

const dayMs = 24 * 60 * 60 * 1000;
const soonMs = 30 * dayMs;

/** A certificate in use, and when its life begins. */
export interface DatedUse extends CertificateUse {
  readonly notBeforeMs: number;
}

/** Leaves with what their files hold of their issuers, and the CA bundle. A pair that serves both directions stands there once, as the server's. */
export function certificateUses(
  side: TlsSettings["side"],
  { server, client, authorities }: Credentials,
): readonly DatedUse[] {
  const uses = (
    use: CertificateUse["use"],
    file: string,
    certificates: readonly X509Certificate[],
  ): DatedUse[] =>
    certificates.map((certificate) => ({
      side,
      file,
      use,
      subject: certificate.subject.replaceAll("\n", ", "),
      notBeforeMs: certificate.validFromDate.getTime(),
      notAfterMs: certificate.validToDate.getTime(),
    }));
  return [
    ...(server === undefined ? [] : uses("server", server.file.path, server.chain)),
    ...(client === undefined || client === server
      ? []
      : uses("client", client.file.path, client.chain)),
    ...(authorities === undefined
      ? []
      : uses("ca", authorities.file.path, authorities.certificates)),
  ];
}

type State = "good" | "ends soon" | "expired" | "not yet valid";

/** A year's certificate is told of in its last 30 days, one of a day in its last 8 hours: less than a third of its life, at most 30 days. */
function stateAt({ notBeforeMs, notAfterMs }: DatedUse, nowMs: number): State {
  if (nowMs > notAfterMs) return "expired";
  if (nowMs < notBeforeMs) return "not yet valid";
  const warnMs = Math.min(soonMs, (notAfterMs - notBeforeMs) / 3);
  return notAfterMs - nowMs < warnMs ? "ends soon" : "good";
}

interface Told {
  readonly state: State;
  readonly atMs: number;
}

/** Tells of each certificate when it comes into use; later when it is about to end or has ended, at once and once a day. */
export class ExpiryLog {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly told = new Map<DatedUse, Told>();

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.clock = clock;
    this.logger = logger;
  }

  /** These have come into use, in the place of those before. */
  begin(uses: readonly DatedUse[]): void {
    this.told.clear();
    const nowMs = this.clock.unixMs();
    for (const use of uses) {
      this.logger.info("TLS certificate in use", fieldsOf(use));
      // Good ones have nothing more to tell; the others are told of below.
      this.told.set(use, { state: "good", atMs: nowMs });
    }
    this.check();
  }

  /** Cheap enough to be called at every look at the files. */
  check(): void {
    const nowMs = this.clock.unixMs();
    for (const [use, told] of this.told) {
      const state = stateAt(use, nowMs);
      const isNews = state !== told.state || (state !== "good" && nowMs - told.atMs >= dayMs);
      if (!isNews) continue;
      this.told.set(use, { state, atMs: nowMs });
      this.tell(use, state);
    }
  }

  private tell(use: DatedUse, state: State): void {
    switch (state) {
      case "good":
        return;
      case "ends soon":
        this.logger.warn("TLS certificate expires soon", fieldsOf(use));
        return;
      case "expired":
        this.logger.error("TLS certificate has expired", fieldsOf(use));
        return;
      case "not yet valid":
        this.logger.error("TLS certificate is not yet valid", {
          ...fieldsOf(use),
          "not-before": new Date(use.notBeforeMs).toISOString(),
        });
    }
  }
}

function fieldsOf({ side, file, use, subject, notAfterMs }: DatedUse) {
  return { side, file, use, subject, "not-after": new Date(notAfterMs).toISOString() };
}
