/** The metrics of TLS, which etcd has none of: by side, "client" for this member's clients, "peer" for the other members. */
import type { TlsStats } from "../tls/settings.ts";
import type { Labels, MetricRegistry, Sample } from "./metric-registry.ts";

export function registerTls(to: MetricRegistry, sides: () => readonly TlsStats[]): void {
  const each = (
    kind: "gauge" | "counter",
    about: { readonly name: string; readonly help: string },
    read: (side: TlsStats) => number,
  ): void =>
    to.samples(kind, { ...about, name: `etcd_ts_tls_${about.name}` }, () =>
      sides().map((stats) => ({ labels: { side: stats.side }, value: read(stats) })),
    );
  each(
    "counter",
    { name: "reloads_total", help: "Changes of the side's files that came into use." },
    (of) => of.reloads,
  );
  each(
    "counter",
    { name: "reload_failures_total", help: "Changes that were refused: what was in use stays." },
    (of) => of.reloadFailures,
  );
  each(
    "gauge",
    { name: "stale", help: "What is in use is older than the files, which are bad: 1 or 0." },
    (of) => Number(of.isStale),
  );
  each(
    "counter",
    { name: "handshake_failures_total", help: "Connections that were refused." },
    (of) => of.handshakeFailures,
  );
  to.samples(
    "counter",
    {
      name: "etcd_ts_tls_handshakes_total",
      help: "Handshakes that went well, by whether a session was resumed.",
    },
    () => sides().flatMap(handshakesOf),
  );
  to.samples(
    "gauge",
    {
      name: "etcd_ts_tls_certificate_expiry_timestamp_seconds",
      help: "Unix time at which a certificate in use ends.",
    },
    () => sides().flatMap(expiriesOf),
  );
}

function handshakesOf({ side, handshakes, resumed }: TlsStats): Sample[] {
  return [
    { labels: { side, resumed: "false" }, value: handshakes - resumed },
    { labels: { side, resumed: "true" }, value: resumed },
  ];
}

/** Of certificates that share their labels, as those of a bundle do, the one that ends first. */
function expiriesOf({ certificates }: TlsStats): Sample[] {
  const first = new Map<string, { readonly labels: Labels; value: number }>();
  for (const { side, file, use, notAfterMs } of certificates) {
    const value = Math.trunc(notAfterMs / 1000);
    const key = `${use} ${file}`;
    const known = first.get(key);
    if (known === undefined) first.set(key, { labels: { side, file, use }, value });
    else known.value = Math.min(known.value, value);
  }
  return [...first.values()];
}
