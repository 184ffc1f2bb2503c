/**
 * The series that etcd's published alerts and dashboard ask for (etcd contrib/mixin: alerts/alerts.libsonnet, dashboards/), with their types and
 * the labels by which they are asked. `up` is Prometheus' own.
 */
export interface PublishedSeries {
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
}

const ofMethods = ["grpc_method", "grpc_service", "grpc_type"];
const plain = (type: PublishedSeries["type"]): PublishedSeries => ({ type, labels: [] });

/** What a member of one shows too. */
export const publishedSeries: Readonly<Record<string, PublishedSeries>> = {
  etcd_server_has_leader: plain("gauge"),
  etcd_server_leader_changes_seen_total: plain("counter"),
  etcd_server_proposals_failed_total: plain("counter"),
  etcd_server_proposals_pending: plain("gauge"),
  etcd_server_proposals_committed_total: plain("gauge"),
  etcd_server_proposals_applied_total: plain("gauge"),
  etcd_server_quota_backend_bytes: plain("gauge"),
  etcd_mvcc_db_total_size_in_bytes: plain("gauge"),
  etcd_mvcc_db_total_size_in_use_in_bytes: plain("gauge"),
  etcd_disk_wal_fsync_duration_seconds: plain("histogram"),
  etcd_disk_backend_commit_duration_seconds: plain("histogram"),
  etcd_network_client_grpc_received_bytes_total: plain("counter"),
  etcd_network_client_grpc_sent_bytes_total: plain("counter"),
  grpc_server_started_total: { type: "counter", labels: ofMethods },
  grpc_server_handled_total: { type: "counter", labels: ["grpc_code", ...ofMethods] },
  grpc_server_handling_seconds: { type: "histogram", labels: ofMethods },
  process_resident_memory_bytes: plain("gauge"),
};

/** What there is with other members alone. */
export const publishedPeerSeries: Readonly<Record<string, PublishedSeries>> = {
  etcd_network_peer_sent_bytes_total: { type: "counter", labels: ["To"] },
  etcd_network_peer_received_bytes_total: { type: "counter", labels: ["From"] },
  etcd_network_peer_sent_failures_total: { type: "counter", labels: ["To"] },
  etcd_network_peer_round_trip_time_seconds: { type: "histogram", labels: ["To"] },
};
