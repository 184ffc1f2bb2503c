/**
 * The metrics of a member, by etcd's names, types, labels and buckets (reference: etcd's own /metrics, 3.7.1), and a few of our own that begin
 * with etcd_ts_. The families stand by area in metrics-*.ts, peer-metrics.ts and health-stats.ts; test/conformance/metrics.test.ts holds them
 * against a real etcd and says which of etcd's are not here, and why.
 */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { GrpcTransport } from "../grpc/transport.ts";
import type { PeerStats } from "../peer/peer-stats.ts";
import type { Member } from "../server/member.ts";
import type { StallWatch } from "../server/stall-watch.ts";
import type { TlsStats } from "../tls/settings.ts";
import { type HealthStats, registerHealth } from "./health-stats.ts";
import { MetricRegistry } from "./metric-registry.ts";
import type { Scrape } from "./metrics-answer.ts";
import { registerDisk } from "./metrics-disk.ts";
import { type ChosenFeatures, registerFeatures } from "./metrics-features.ts";
import { registerGrpc } from "./metrics-grpc.ts";
import { ProcessState, registerProcess } from "./metrics-process.ts";
import { registerRequests } from "./metrics-requests.ts";
import { registerServer } from "./metrics-server.ts";
import { registerStore } from "./metrics-store.ts";
import { registerTls } from "./metrics-tls.ts";
import { registerPeers } from "./peer-metrics.ts";

export interface MetricSources {
  readonly member: Member;
  readonly grpc: GrpcTransport;
  readonly stalls: StallWatch;
  readonly peers: PeerStats;
  readonly health: HealthStats;
  /** Both sides of it, read at each scrape; of a member without TLS there is none. */
  readonly tls: () => readonly TlsStats[];
  /** --metrics extensive: `grpc` measures how long its calls take. */
  readonly extensive: boolean;
  /** --feature-gates. */
  readonly features: ChosenFeatures;
}

/** What etcd's handler says of the text format. It has Prometheus' protobuf format too, which no scraper needs, and no OpenMetrics. */
const contentType = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
const gzipped = promisify(gzip);

export class Metrics {
  private readonly registry = new MetricRegistry();
  private readonly process = new ProcessState();
  private readonly answered = { "200": 0, "500": 0, "503": 0 };
  private inFlight = 0;

  constructor(sources: MetricSources) {
    const { registry } = this;
    registerServer(registry, sources.member);
    registerFeatures(registry, sources.features);
    registerRequests(registry, sources);
    registerDisk(registry, sources);
    registerStore(registry, sources);
    registerGrpc(registry, sources);
    registerPeers(registry, sources);
    registerHealth(registry, sources.health);
    registerTls(registry, sources.tls);
    registerProcess(registry, { stalls: sources.stalls, state: this.process });
    this.registerScrapes(registry);
  }

  /** All metrics as they are now, in Prometheus' text format, which every scraper takes. */
  async text(): Promise<Scrape> {
    this.inFlight += 1;
    try {
      await this.process.collect();
      const body = await this.registry.text();
      let compressed: Promise<Uint8Array> | undefined;
      return {
        contentType,
        body,
        gzip: () => (compressed ??= gzipped(body)),
        served: () => void (this.answered["200"] += 1),
      };
    } catch (error) {
      this.answered["500"] += 1;
      throw error;
    } finally {
      this.inFlight -= 1;
    }
  }

  /** By the names of Prometheus' handler for Go, which is what etcd has here: they tell of scrapes, whoever serves them. */
  private registerScrapes(to: MetricRegistry): void {
    to.gauge(
      "promhttp_metric_handler_requests_in_flight",
      "Scrapes that are being served.",
      () => this.inFlight,
    );
    const name = "promhttp_metric_handler_requests_total";
    to.samples("counter", { name, help: "Scrapes served, by HTTP status code." }, () =>
      Object.entries(this.answered).map(([code, value]) => ({ labels: { code }, value })),
    );
  }
}
