/**
 * GET /metrics of a real etcd and of our server: what we expose reads strictly, and what has etcd's name has etcd's type, labels and buckets. Each
 * family of etcd's that we do not have stands below with the reason, so that dashboards and alerts know, and a new gap fails.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import { encodeDelete, encodePut, encodeRange, encodeTxn, put } from "../unit/apply/apply-lab.ts";
import { boundsOf, type Family, labelNames, parseExposition } from "./exposition.ts";
import { ServerPair } from "./pair.ts";
import { RawClient } from "./raw-client.ts";

type Families = ReadonlyMap<string, Family>;

/** Families of etcd's own; go_, process_ and promhttp_ tell of its runtime. */
const isEtcds = (name: string): boolean => /^(etcd|grpc_server|os_fd)_/.test(name);

/** What etcd shows when it has another member; test/cluster/metrics.test.ts compares these. */
const ofPeers = /^etcd_network_((active|disconnected)_peers|peer_|snapshot_(send|receive)_)/;

const missing: Readonly<Record<string, readonly string[]>> = {
  "comes with the Watch service": [
    "etcd_debugging_mvcc_events_total",
    "etcd_debugging_mvcc_pending_events_total",
    "etcd_debugging_mvcc_slow_watcher_total",
    "etcd_debugging_mvcc_watch_stream_total",
    "etcd_debugging_mvcc_watcher_total",
    "etcd_debugging_server_watch_send_loop_control_stream_duration_seconds",
    "etcd_debugging_server_watch_send_loop_progress_duration_seconds",
    "etcd_debugging_server_watch_send_loop_watch_stream_duration_per_event_seconds",
    "etcd_debugging_server_watch_send_loop_watch_stream_duration_seconds",
  ],
  "comes with the Lease service": [
    "etcd_debugging_lease_granted_total",
    "etcd_debugging_lease_renewed_total",
    "etcd_debugging_lease_revoked_total",
    "etcd_debugging_lease_ttl_total",
    "etcd_debugging_server_lease_expired_total",
  ],
  "comes with the Auth service": ["etcd_debugging_auth_revision"],
  "comes with peers and learners": [
    "etcd_server_heartbeat_send_failures_total",
    "etcd_server_learner_promote_successes",
  ],
  "comes with snapshots that are sent, taken and restored": [
    "etcd_debugging_snap_save_marshalling_duration_seconds",
    "etcd_debugging_snap_save_total_duration_seconds",
    "etcd_disk_backend_snapshot_duration_seconds",
    "etcd_server_snapshot_apply_in_progress_total",
    "etcd_snap_db_fsync_duration_seconds",
    "etcd_snap_db_save_total_duration_seconds",
    "etcd_snap_fsync_duration_seconds",
  ],
  "of bbolt, its pages and read transactions, which we do not have": [
    "etcd_debugging_disk_backend_commit_rebalance_duration_seconds",
    "etcd_debugging_disk_backend_commit_spill_duration_seconds",
    "etcd_debugging_disk_backend_commit_write_duration_seconds",
    "etcd_mvcc_db_open_read_transactions",
  ],
  "of the v2 store, the gRPC proxy and Go": [
    "etcd_debugging_store_expires_total",
    "etcd_debugging_store_watch_requests_total",
    "etcd_debugging_store_watchers",
    "etcd_grpc_proxy_cache_hits_total",
    "etcd_grpc_proxy_cache_keys_total",
    "etcd_grpc_proxy_cache_misses_total",
    "etcd_grpc_proxy_events_coalescing_total",
    "etcd_grpc_proxy_watchers_coalescing_total",
    "etcd_server_go_version",
  ],
  "not measured yet: compaction and hashing": [
    "etcd_debugging_mvcc_db_compaction_keys_total",
    "etcd_debugging_mvcc_db_compaction_last",
    "etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds",
    "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
    "etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds",
    "etcd_mvcc_hash_duration_seconds",
    "etcd_mvcc_hash_rev_duration_seconds",
  ],
  "not measured yet: single requests, whose clock would cost more than they do": [
    "etcd_debugging_mvcc_total_put_size_in_bytes",
    "etcd_server_apply_duration_seconds",
    "etcd_server_range_duration_seconds",
    "etcd_server_request_duration_seconds",
    "etcd_server_slow_apply_total",
    "etcd_server_slow_read_indexes_total",
    "etcd_server_read_indexes_failed_total",
  ],
  "not measured yet: the rest": [
    "etcd_disk_wal_write_bytes_total",
    "etcd_disk_wal_write_duration_seconds",
    "etcd_server_feature_enabled",
  ],
};

/** What two fresh members alike must agree in, to the value. */
const equalFamilies = [
  "etcd_cluster_version",
  "etcd_debugging_mvcc_current_revision",
  "etcd_debugging_mvcc_compact_revision",
  "etcd_debugging_mvcc_keys_total",
  "etcd_server_has_leader",
  "etcd_server_id",
  "etcd_server_is_leader",
  "etcd_server_is_learner",
  "etcd_server_leader_changes_seen_total",
  "etcd_server_proposals_failed_total",
  "etcd_server_proposals_pending",
  "etcd_server_quota_backend_bytes",
  "etcd_server_version",
];

/** What the same requests must add on both. */
const countedFamilies = [
  "etcd_mvcc_delete_total",
  "etcd_mvcc_put_total",
  "etcd_mvcc_range_total",
  "etcd_mvcc_txn_total",
];

const requests: readonly (readonly [method: string, message: Uint8Array])[] = [
  ["Put", encodePut("a", "1")],
  ["Put", encodePut("b", "2")],
  ["Put", encodePut("c", "3")],
  ["Range", encodeRange("a")],
  ["Range", encodeRange("a", { end: "z" })],
  ["DeleteRange", encodeDelete("a")],
  ["DeleteRange", encodeDelete("a", "c")],
  ["Txn", encodeTxn({ success: [put("x", "1"), put("y", "2")] })],
  ["Txn", encodeTxn({ success: [put("z", "1")] })],
];

async function scrape(address: string): Promise<Families> {
  const response = await fetch(`http://${address}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  return parseExposition(await response.text());
}

const valueOf = (families: Families, name: string): number =>
  families.get(name)?.samples[0]?.value ?? NaN;

/** What the requests added to each of the families that count. */
async function counted(address: string): Promise<Record<string, number>> {
  const earlier = await scrape(address);
  const client = new RawClient(address);
  for (const [method, message] of requests) {
    const { code, text } = await client.unary(`/etcdserverpb.KV/${method}`, message);
    assert.equal(code, 0, text);
  }
  client.close();
  const later = await scrape(address);
  return Object.fromEntries(
    countedFamilies.map((name) => [name, valueOf(later, name) - valueOf(earlier, name)]),
  );
}

describe("/metrics is etcd's, as far as it goes", needs("etcd"), () => {
  let pair: ServerPair;
  let etcd: Families;
  let ours: Families;
  before(async () => {
    pair = await ServerPair.start();
    // etcd shows a check from its first run on.
    for (const { address } of [pair.etcd, pair.ours]) await fetch(`http://${address}/readyz`);
    etcd = await scrape(pair.etcd.address);
    ours = await scrape(pair.ours.address);
  });
  after(async () => {
    await pair.stop();
  });

  test("each family of etcd's is here or in the table, and none of the table is here", () => {
    const gaps = [...etcd.keys()].filter((name) => isEtcds(name) && !ours.has(name));
    assert.deepEqual(gaps.toSorted(), Object.values(missing).flat().toSorted());
  });

  test("no family of ours has a name that looks like etcd's and is not", () => {
    const own = [...ours.keys()].filter(
      (name) => isEtcds(name) && !etcd.has(name) && !ofPeers.test(name),
    );
    assert.deepEqual(
      own.filter((name) => !name.startsWith("etcd_ts_")),
      [],
    );
  });

  test("what has etcd's name has its type, its labels and its buckets", () => {
    for (const [name, family] of ours) {
      const theirs = etcd.get(name);
      if (theirs === undefined || !isEtcds(name)) continue;
      assert.equal(family.type, theirs.type, name);
      assert.deepEqual(labelNames(family), labelNames(theirs), name);
      if (family.type === "histogram") assert.deepEqual(boundsOf(family), boundsOf(theirs), name);
    }
  });

  test("two fresh members alike agree in what they are", () => {
    const view = (families: Families, name: string): unknown =>
      families.get(name)?.samples.map(({ labels, value }) => [...labels.values(), value]);
    for (const name of equalFamilies) assert.deepEqual(view(ours, name), view(etcd, name), name);
  });

  test("the same requests count as the same operations", async () => {
    assert.deepEqual(await counted(pair.ours.address), await counted(pair.etcd.address));
  });

  test("calls are counted by method and code", async () => {
    const of = (families: Families): number | undefined =>
      families
        .get("grpc_server_handled_total")
        ?.samples.find(
          ({ labels }) => labels.get("grpc_method") === "Put" && labels.get("grpc_code") === "OK",
        )?.value;
    assert.equal(of(await scrape(pair.ours.address)), of(await scrape(pair.etcd.address)));
  });
});

const planted: Readonly<Record<string, string>> = {
  "a family told twice": "# HELP a A.\n# TYPE a gauge\na 1\n# HELP a A.\n# TYPE a gauge\na 1\n",
  "a type without help": "# TYPE a gauge\na 1\n",
  "a sample of another family": "# HELP a A.\n# TYPE a gauge\nb 1\n",
  "a sample twice": "# HELP a A.\n# TYPE a gauge\na 1\na 2\n",
  "a label that is not closed": '# HELP a A.\n# TYPE a gauge\na{x="1} 1\n',
  "a label twice": '# HELP a A.\n# TYPE a gauge\na{x="1",x="2"} 1\n',
  "samples with other labels": '# HELP a A.\n# TYPE a gauge\na{x="1"} 1\na{y="1"} 1\n',
  "a value that is no number": "# HELP a A.\n# TYPE a gauge\na undefined\n",
  "a counter below nothing": "# HELP a A.\n# TYPE a counter\na -1\n",
  "buckets that do not cumulate":
    '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
  "no bucket for everything":
    '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n',
  "a count that is not the last bucket's":
    '# HELP a A.\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n',
  "a histogram without a sum":
    '# HELP a A.\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 1\n',
  "no end of the last line": "# HELP a A.\n# TYPE a gauge\na 1",
};

for (const [what, text] of Object.entries(planted)) {
  test(`the reader of the text format refuses ${what}`, () => {
    assert.throws(() => parseExposition(text), assert.AssertionError);
  });
}
