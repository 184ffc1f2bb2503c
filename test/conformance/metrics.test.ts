/**
 * GET /metrics of a real etcd and of our server: what we expose reads strictly, and what has etcd's name has etcd's type, labels and buckets. Each
 * family of etcd's that we do not have stands below with the reason, so that dashboards and alerts know, and a new gap fails.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import { encodeDelete, encodePut, encodeRange, encodeTxn, put } from "../unit/apply/apply-lab.ts";
import { boundsOf, labelNames, parseExposition } from "./exposition.ts";
import { ServerPair } from "./pair.ts";
import { RawClient } from "./raw-client.ts";
import { type Families, scrape } from "./scrape.ts";

/** Families whose samples are compared; process_ has no labels, and its numbers are nobody else's. */
const isEtcds = (name: string): boolean => /^(etcd|grpc_server|os_fd)_/.test(name);

/** What etcd shows when it has another member; test/cluster/metrics.test.ts compares these. */
const ofPeers = /^etcd_network_((active|disconnected)_peers|peer_|snapshot_(send|receive)_)/;

/** What etcd has, its families of other programs too, and we do not. */
const missing: Readonly<Record<string, readonly string[]>> = {
  "of bbolt's own steps; our commit is one step, told by etcd_disk_backend_commit_duration_seconds":
    [
      "etcd_debugging_disk_backend_commit_rebalance_duration_seconds",
      "etcd_debugging_disk_backend_commit_spill_duration_seconds",
      "etcd_debugging_disk_backend_commit_write_duration_seconds",
    ],
  "index and records go in the same slices here, told by etcd_debugging_mvcc_db_compaction_pause_*":
    ["etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds"],
  "no event waits in memory here: a watcher that is behind is a revision in the history, told by slow_watcher_total":
    ["etcd_debugging_mvcc_pending_events_total"],
  "of the store of the v2 API, which nobody can reach in etcd 3.7 either": [
    "etcd_debugging_store_expires_total",
    "etcd_debugging_store_watch_requests_total",
    "etcd_debugging_store_watchers",
  ],
  "of the gRPC proxy, another program, which etcd's binary has in it": [
    "etcd_grpc_proxy_cache_hits_total",
    "etcd_grpc_proxy_cache_keys_total",
    "etcd_grpc_proxy_cache_misses_total",
    "etcd_grpc_proxy_events_coalescing_total",
    "etcd_grpc_proxy_watchers_coalescing_total",
  ],
  "there is no Go here; nodejs_version_info tells what there is": ["etcd_server_go_version"],
  "of the whole machine or of no use: what prom-client does not tell of a process": [
    "process_network_receive_bytes_total",
    "process_network_transmit_bytes_total",
    "process_virtual_memory_max_bytes",
  ],
};

/** Of Go's runtime: no table could tell more of each than that. */
const isGos = (name: string): boolean => name.startsWith("go_");

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
  "etcd_debugging_auth_revision",
  "etcd_debugging_lease_granted_total",
  "etcd_debugging_mvcc_watcher_total",
  "etcd_debugging_mvcc_watch_stream_total",
  "etcd_debugging_mvcc_slow_watcher_total",
  "etcd_server_heartbeat_send_failures_total",
  "etcd_server_read_indexes_failed_total",
  "etcd_server_slow_read_indexes_total",
  "etcd_server_snapshot_apply_in_progress_total",
];

/** What the same requests must add on both. */
const countedFamilies = [
  "etcd_debugging_mvcc_total_put_size_in_bytes",
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
    // A check is shown from its first run on, and etcd's reads.
    for (const { address } of [pair.etcd, pair.ours]) {
      await fetch(`http://${address}/readyz`);
      const client = new RawClient(address);
      await client.unary("/etcdserverpb.KV/Range", encodeRange("a"));
      client.close();
    }
    etcd = await scrape(pair.etcd.address);
    ours = await scrape(pair.ours.address);
  });
  after(async () => {
    await pair.stop();
  });

  test("each family of etcd's is here or in the table, and none of the table is here", () => {
    const gaps = [...etcd.keys()].filter((name) => !isGos(name) && !ours.has(name));
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

  test("features have etcd's names and stages, and its defaults", () => {
    const features = (families: Families): unknown =>
      families
        .get("etcd_server_feature_enabled")
        ?.samples.map(({ labels, value }) => [labels.get("name"), labels.get("stage"), value])
        .toSorted();
    assert.deepEqual(features(ours), features(etcd));
  });

  test("requests, clients and durations have etcd's labels, once there are any", async () => {
    for (const { address } of [pair.etcd, pair.ours]) {
      await counted(address);
      const client = new RawClient(address);
      await client.unary("/etcdserverpb.KV/Range", encodeRange("a", { revision: 99_999 }));
      await client.unary("/etcdserverpb.KV/Put", encodePut("a", "1", { lease: 77n }), {
        "client-api-version": "3.7",
      });
      client.close();
    }
    const theirs = await scrape(pair.etcd.address);
    const after = await scrape(pair.ours.address);
    const seriesOf = (families: Families, name: string): string[] => [
      ...new Set(
        families.get(name)?.samples.map(({ labels }) =>
          [...labels]
            .filter(([label]) => label !== "le")
            .toSorted()
            .join(" "),
        ),
      ),
    ];
    for (const name of [
      "etcd_server_apply_duration_seconds",
      "etcd_server_client_requests_total",
      "etcd_server_range_duration_seconds",
      "etcd_server_request_duration_seconds",
    ]) {
      assert.ok(theirs.has(name), name);
      assert.deepEqual(seriesOf(after, name).toSorted(), seriesOf(theirs, name).toSorted(), name);
    }
  });

  test("a scraper that reads gzip gets gzip, and the type etcd says", async () => {
    for (const { address } of [pair.etcd, pair.ours]) {
      for (const accept of ["gzip", "deflate, gzip;q=0.5", "identity", "gzip;q=0"]) {
        const answer = await fetch(`http://${address}/metrics`, {
          headers: { "accept-encoding": accept, accept: "application/openmetrics-text" },
        });
        const isGzip = accept.includes("gzip") && !accept.endsWith("q=0");
        assert.equal(answer.headers.get("content-encoding"), isGzip ? "gzip" : null, accept);
        assert.equal(
          answer.headers.get("content-type"),
          "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
        );
        parseExposition(await answer.text());
      }
    }
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
