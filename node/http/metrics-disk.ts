/** The metrics of what lies on the disk: log, backend, snapshots (etcd storage/wal, storage/backend, api/snap, metrics.go in each). */
import type { PeerStats } from "../peer/peer-stats.ts";
import type { Member } from "../server/member.ts";
import type { MetricRegistry } from "./metric-registry.ts";

export interface DiskMetricSources {
  readonly member: Member;
  readonly peers: PeerStats;
}

export function registerDisk(to: MetricRegistry, { member, peers }: DiskMetricSources): void {
  const { stats } = member;
  to.histogram(
    "etcd_disk_wal_fsync_duration_seconds",
    "Durations of making a batch of the log durable.",
    stats.walSyncSeconds,
  );
  to.histogram(
    "etcd_disk_wal_write_duration_seconds",
    "Durations of putting a batch of the log into the bytes of one write.",
    stats.wal.writeSeconds,
  );
  to.gauge(
    "etcd_disk_wal_write_bytes_total",
    "Bytes written to the log.",
    () => stats.wal.writtenBytes,
  );
  registerBackend(to, member);
  registerSnapshots(to, member, peers);
}

function registerBackend(to: MetricRegistry, member: Member): void {
  const { stats, defragmentation } = member;
  to.histogram(
    "etcd_disk_backend_commit_duration_seconds",
    "Durations of the backend's synced commits.",
    stats.backendCommitSeconds,
  );
  to.histogram(
    "etcd_disk_backend_snapshot_duration_seconds",
    "How long states of the backend were open to be sent.",
    stats.backendSnapshotSeconds,
  );
  to.histogram(
    "etcd_disk_backend_defrag_duration_seconds",
    "Durations of defragmentations.",
    defragmentation.seconds,
  );
  to.gauge("etcd_disk_defrag_inflight", "Whether a defragmentation is under way: 1 or 0.", () =>
    Number(defragmentation.isRunning),
  );
  to.gauge(
    "etcd_server_quota_backend_bytes",
    "Stored bytes at which writes are refused; negative for no limit.",
    () => member.quota.shownBytes,
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
}

function registerSnapshots(to: MetricRegistry, { stats }: Member, peers: PeerStats): void {
  to.histogram(
    "etcd_debugging_snap_save_marshalling_duration_seconds",
    "Durations of putting a snapshot into bytes.",
    stats.snap.marshalSeconds,
  );
  to.histogram(
    "etcd_debugging_snap_save_total_duration_seconds",
    "Durations of saving a snapshot.",
    stats.snap.saveSeconds,
  );
  to.histogram(
    "etcd_snap_fsync_duration_seconds",
    "Durations of writing and syncing a snapshot's file.",
    stats.snap.syncSeconds,
  );
  to.histogram(
    "etcd_snap_db_save_total_duration_seconds",
    "Durations of receiving and saving the state of another member.",
    peers.stateSaveSeconds,
  );
  to.histogram(
    "etcd_snap_db_fsync_duration_seconds",
    "Durations of making a received state durable.",
    peers.stateSyncSeconds,
  );
}
