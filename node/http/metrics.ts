/**
 * The metrics of a member, by etcd's names, types, labels and buckets (reference: etcd's own /metrics, 3.7.1), and a few of our own that begin
 * with etcd_ts_. What stands here and what does not yet is held against a real etcd by test/conformance/metrics.test.ts.
 */
import { readdirSync, readFileSync } from "node:fs";
import { collectDefaultMetrics } from "prom-client";
import type { GrpcTransport } from "../grpc/transport.ts";
import { serverVersion } from "../lib/etcd-version.ts";
import { idToHex } from "../lib/units.ts";
import type { PeerStats } from "../peer/peer-stats.ts";
import type { Member } from "../server/member.ts";
import type { StallWatch } from "../server/stall-watch.ts";
import { type HealthStats, registerHealth } from "./health-stats.ts";
import { MetricRegistry, type Sample } from "./metric-registry.ts";
import { registerPeers } from "./peer-metrics.ts";

export interface MetricSources {
  readonly member: Member;
  readonly grpc: GrpcTransport;
  readonly stalls: StallWatch;
  readonly peers: PeerStats;
  readonly health: HealthStats;
}

/** gRPC's codes by number, as grpc-go's Prometheus interceptors name them. */
const codeNames = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

export class Metrics {
  private readonly registry = new MetricRegistry();

  constructor(sources: MetricSources) {
    const { registry } = this;
    collectDefaultMetrics({ register: registry.registry });
    registry.dropEventLoopLag();
    registerServer(registry, sources);
    registerStorage(registry, sources);
    registerGrpc(registry, sources);
    registerPeers(registry, sources);
    registerHealth(registry, sources.health);
    registerProcess(registry, sources);
  }

  /** All metrics as they are now, in Prometheus' text format, which every scraper takes. */
  async text(): Promise<{ readonly contentType: string; readonly body: string }> {
    const { registry } = this.registry;
    return { contentType: registry.contentType, body: await registry.metrics() };
  }
}

function registerServer(to: MetricRegistry, { member }: MetricSources): void {
  to.gauge("etcd_server_has_leader", "Whether a leader is known: 1 or 0.", () =>
    Number(member.hasLeader),
  );
  to.gauge("etcd_server_is_leader", "Whether this member leads: 1 or 0.", () =>
    Number(member.isLeader),
  );
  to.gauge("etcd_server_is_learner", "Whether this member has no vote: 1 or 0.", () =>
    Number(member.isLearner),
  );
  to.counter("etcd_server_leader_changes_seen_total", "Leaders seen.", () => member.leaderChanges);
  to.gauge(
    "etcd_server_proposals_committed_total",
    "Log index that is committed.",
    () => member.raft.committed,
  );
  to.gauge(
    "etcd_server_proposals_applied_total",
    "Log index that is applied.",
    () => member.raft.applied,
  );
  to.gauge("etcd_server_proposals_pending", "Proposals under way.", () => member.pendingProposals);
  to.counter(
    "etcd_server_proposals_failed_total",
    "Proposals that failed.",
    () => member.failedProposals,
  );
  to.gauge(
    "etcd_server_quota_backend_bytes",
    "Stored bytes at which writes are refused; negative for no limit.",
    () => member.quota.shownBytes,
  );
  const one = (labels: Sample["labels"]) => (): Sample[] => [{ labels, value: 1 }];
  const info = (name: string, help: string, label: string, value: string): void =>
    to.samples("gauge", { name, help, labels: [label] }, one({ [label]: value }));
  info("etcd_server_version", "Version that this member speaks.", "server_version", serverVersion);
  info("etcd_server_id", "Id of this member, in hexadecimal.", "server_id", idToHex(member.id));
  to.samples(
    "gauge",
    { name: "etcd_cluster_version", help: "Version of the cluster.", labels: ["cluster_version"] },
    () => {
      // Major and minor alone, as etcd has it here.
      const version = /^\d+\.\d+/.exec(member.cluster.version ?? "")?.[0];
      return version === undefined ? [] : [{ labels: { cluster_version: version }, value: 1 }];
    },
  );
}

function registerStorage(to: MetricRegistry, { member }: MetricSources): void {
  const { stats, defragmentation } = member;
  to.histogram(
    "etcd_disk_wal_fsync_duration_seconds",
    "Durations of making a batch of the log durable.",
    stats.walSyncSeconds,
  );
  to.histogram(
    "etcd_disk_backend_commit_duration_seconds",
    "Durations of the backend's synced commits.",
    stats.backendCommitSeconds,
  );
  to.gauge(
    "etcd_mvcc_db_total_size_in_bytes",
    "Stored bytes, and those freed since the last defragmentation.",
    () => member.store.logicalBytes + member.store.freedBytes,
  );
  to.gauge(
    "etcd_mvcc_db_total_size_in_use_in_bytes",
    "Stored bytes.",
    () => member.store.logicalBytes,
  );
  to.gauge(
    "etcd_ts_backend_disk_bytes",
    "Bytes of the backend's files on the disk, as they were at one of the last scrapes.",
    () => member.diskUsage.bytes,
  );
  to.histogram(
    "etcd_disk_backend_defrag_duration_seconds",
    "Durations of defragmentations.",
    defragmentation.seconds,
  );
  to.gauge("etcd_disk_defrag_inflight", "Whether a defragmentation is under way: 1 or 0.", () =>
    Number(defragmentation.isRunning),
  );
  to.counter("etcd_mvcc_put_total", "Puts.", () => member.store.totals.puts);
  to.counter("etcd_mvcc_delete_total", "Deletes.", () => member.store.totals.deletes);
  to.counter("etcd_mvcc_range_total", "Ranges.", () => member.store.totals.ranges);
  to.counter("etcd_mvcc_txn_total", "Transactions.", () => member.store.totals.txns);
  to.gauge("etcd_debugging_mvcc_keys_total", "Keys.", () => member.store.keyCount);
  to.gauge(
    "etcd_debugging_mvcc_current_revision",
    "Newest revision.",
    () => member.store.currentRevision,
  );
  to.gauge("etcd_debugging_mvcc_compact_revision", "Revision of the last compaction.", () =>
    // etcd's for never.
    member.store.compactRevision === 0 ? -1 : member.store.compactRevision,
  );
  to.gauge(
    "etcd_ts_index_bytes",
    "Memory for keys and history.",
    () => member.store.memory.indexBytes,
  );
  to.gauge(
    "etcd_ts_value_cache_bytes",
    "Memory for values.",
    () => member.store.memory.valueCacheBytes,
  );
}

function registerGrpc(to: MetricRegistry, { grpc }: MetricSources): void {
  const labels = ["grpc_type", "grpc_service", "grpc_method"] as const;
  type Count = "started" | "messagesReceived" | "messagesSent";
  const perMethod = (name: string, help: string, count: Count): void =>
    to.samples("counter", { name, help, labels }, () =>
      grpc.routeStats().map((route) => ({ labels: labelsOf(route), value: route[count] })),
    );
  perMethod("grpc_server_started_total", "Calls begun.", "started");
  perMethod("grpc_server_msg_received_total", "Messages received.", "messagesReceived");
  perMethod("grpc_server_msg_sent_total", "Messages sent.", "messagesSent");
  const handled = {
    name: "grpc_server_handled_total",
    help: "Calls ended, by code.",
    labels: [...labels, "grpc_code"],
  };
  to.samples("counter", handled, () =>
    grpc.routeStats().flatMap((route) =>
      route.handled.map((value, code) => ({
        labels: { ...labelsOf(route), grpc_code: codeNames[code] ?? String(code) },
        value,
      })),
    ),
  );
  const sum = (count: "bytesReceived" | "bytesSent") => (): number =>
    grpc.routeStats().reduce((total, route) => total + route[count], 0);
  to.counter(
    "etcd_network_client_grpc_received_bytes_total",
    "Bytes of requests.",
    sum("bytesReceived"),
  );
  to.counter("etcd_network_client_grpc_sent_bytes_total", "Bytes of answers.", sum("bytesSent"));
}

const labelsOf = (route: {
  readonly type: string;
  readonly service: string;
  readonly method: string;
}) => ({
  grpc_type: route.type,
  grpc_service: route.service,
  grpc_method: route.method,
});

function registerProcess(to: MetricRegistry, { stalls }: MetricSources): void {
  to.histogram(
    "etcd_ts_event_loop_delay_seconds",
    "How late the event loop came to a timer.",
    stalls.delaySeconds,
  );
  to.gauge("os_fd_used", "File descriptors in use.", openFiles);
  to.gauge("os_fd_limit", "File descriptors allowed.", fileLimit);
}

/** 0 where there is no /proc. */
function openFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}

function fileLimit(): number {
  try {
    return Number(
      /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? 0,
    );
  } catch {
    return 0;
  }
}
