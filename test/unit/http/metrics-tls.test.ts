import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricRegistry } from "../../../node/http/metric-registry.ts";
import { registerTls } from "../../../node/http/metrics-tls.ts";
import type { CertificateUse, TlsStats } from "../../../node/tls/settings.ts";

const certificate = (fields: Partial<CertificateUse>): CertificateUse => ({
  side: "peer",
  file: "ca.pem",
  use: "ca",
  subject: "CN=ca",
  notAfterMs: 2_000_000,
  ...fields,
});

test("TLS has no line without it, and one for each side, use and file with it", async () => {
  const registry = new MetricRegistry();
  let sides: readonly TlsStats[] = [];
  registerTls(registry, () => sides);
  assert.equal(await registry.text(), "");
  const counts = { reloads: 2, reloadFailures: 1, isStale: true, handshakeFailures: 4 };
  sides = [
    {
      side: "peer",
      ...counts,
      handshakes: 10,
      resumed: 3,
      certificates: [
        certificate({}),
        certificate({ subject: "CN=old", notAfterMs: 1_500_999 }),
        certificate({ file: "peer.pem", use: "server" }),
      ],
    },
  ];
  const lines = (await registry.text()).split("\n").filter((line) => /^[^#]/.test(line));
  assert.deepEqual(lines, [
    'etcd_ts_tls_certificate_expiry_timestamp_seconds{side="peer",file="ca.pem",use="ca"} 1500',
    'etcd_ts_tls_certificate_expiry_timestamp_seconds{side="peer",file="peer.pem",use="server"} 2000',
    'etcd_ts_tls_handshake_failures_total{side="peer"} 4',
    'etcd_ts_tls_handshakes_total{side="peer",resumed="false"} 7',
    'etcd_ts_tls_handshakes_total{side="peer",resumed="true"} 3',
    'etcd_ts_tls_reload_failures_total{side="peer"} 1',
    'etcd_ts_tls_reloads_total{side="peer"} 2',
    'etcd_ts_tls_stale{side="peer"} 1',
  ]);
});
