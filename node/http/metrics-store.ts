/** The metrics of keys, watchers and leases (etcd storage/mvcc/metrics.go, lease/metrics.go). */
import type { Member } from "../server/member.ts";
import type { MetricRegistry } from "./metric-registry.ts";

export function registerStore(to: MetricRegistry, { member }: { readonly member: Member }): void {
  const { store: totals } = member.stats;
  to.counter("etcd_mvcc_put_total", "Puts.", () => totals.puts);
  to.counter("etcd_mvcc_delete_total", "Deletes.", () => totals.deletes);
  to.counter("etcd_mvcc_range_total", "Ranges.", () => totals.ranges);
  to.counter("etcd_mvcc_txn_total", "Transactions.", () => totals.txns);
  to.gauge(
    "etcd_debugging_mvcc_total_put_size_in_bytes",
    "Bytes of keys and values that were put.",
    () => totals.putBytes,
  );
  to.gauge("etcd_debugging_mvcc_keys_total", "Keys.", () => member.store.keyCount);
  to.gauge(
    "etcd_debugging_mvcc_current_revision",
    "Newest revision.",
    () => member.store.currentRevision,
  );
  to.gauge(
    "etcd_mvcc_db_open_read_transactions",
    "Reads under way that hold on to a revision.",
    () => totals.openReads,
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
  to.histogram(
    "etcd_mvcc_hash_duration_seconds",
    "Durations of hashing the whole store.",
    member.stats.hashSeconds,
  );
  to.histogram(
    "etcd_mvcc_hash_rev_duration_seconds",
    "Durations of hashing the store at a revision.",
    member.stats.hashKvSeconds,
  );
  registerCompaction(to, member);
  registerWatchers(to, member);
  registerLeases(to, member);
}

function registerCompaction(to: MetricRegistry, member: Member): void {
  const { compaction, store } = member.stats;
  to.gauge("etcd_debugging_mvcc_compact_revision", "Revision of the last compaction.", () =>
    // etcd's for never.
    member.store.compactRevision === 0 ? -1 : member.store.compactRevision,
  );
  to.counter(
    "etcd_debugging_mvcc_db_compaction_keys_total",
    "Records that compactions have removed.",
    () => store.compactedRecords,
  );
  to.gauge(
    "etcd_debugging_mvcc_db_compaction_last",
    "Unix time at which a compaction was last finished; 0 for none since the start.",
    () => compaction.lastUnixSeconds,
  );
  to.histogram(
    "etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds",
    "Durations of the slices in which compactions remove.",
    compaction.pausesMs,
  );
  to.histogram(
    "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
    "Durations of compactions.",
    compaction.totalMs,
  );
}

function registerWatchers(to: MetricRegistry, member: Member): void {
  const { watches } = member;
  const { services } = member.stats;
  to.gauge("etcd_debugging_mvcc_watcher_total", "Watchers.", () => watches.watcherCount);
  to.gauge(
    "etcd_debugging_mvcc_slow_watcher_total",
    "Watchers that are behind.",
    () => watches.slowCount,
  );
  to.gauge(
    "etcd_debugging_mvcc_watch_stream_total",
    "Watch streams that are open.",
    () => services.watchStreams,
  );
  to.counter(
    "etcd_debugging_mvcc_events_total",
    "Events sent by this member.",
    () => watches.eventsDelivered,
  );
  const sending = (what: string, help: string, seconds: typeof services.watchEventsSeconds): void =>
    to.histogram(`etcd_debugging_server_watch_send_loop_${what}_seconds`, help, seconds);
  sending(
    "watch_stream_duration",
    "Durations of bringing events into a watch stream.",
    services.watchEventsSeconds,
  );
  sending("watch_stream_duration_per_event", "The same by the event.", services.watchEventSeconds);
  sending(
    "control_stream_duration",
    "Durations of answering a watch request.",
    services.watchControlSeconds,
  );
  sending(
    "progress_duration",
    "Durations of telling the watches of a stream how far they are.",
    services.watchProgressSeconds,
  );
}

function registerLeases(to: MetricRegistry, { stats: { leases } }: Member): void {
  to.counter("etcd_debugging_lease_granted_total", "Leases granted.", () => leases.granted);
  to.counter("etcd_debugging_lease_revoked_total", "Leases revoked.", () => leases.revoked);
  to.counter(
    "etcd_debugging_lease_renewed_total",
    "Renewals seen by this member as the leader.",
    () => leases.renewed,
  );
  to.counter(
    "etcd_debugging_server_lease_expired_total",
    "Leases that have ended with their time.",
    () => leases.expired,
  );
  to.histogram(
    "etcd_debugging_lease_ttl_total",
    "Times to live of the leases granted, in seconds.",
    leases.ttlSeconds,
  );
}
