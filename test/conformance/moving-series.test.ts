/** The same life of a store on a real etcd and on ours moves the same series by as much: leases, watches, compactions, hashes, durations. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Client } from "../../node/client/client.ts";
import { until } from "../cluster/until.ts";
import { needs } from "../support/peers.ts";
import { ServerPair } from "./pair.ts";
import { type Families, scrape, sumOf } from "./scrape.ts";

type Labels = Readonly<Record<string, string>>;

/** What must grow by the same on both; a duration by its count. */
const counted: readonly (readonly [name: string, labels?: Labels])[] = [
  ["etcd_debugging_lease_granted_total"],
  ["etcd_debugging_lease_revoked_total"],
  ["etcd_debugging_lease_renewed_total"],
  ["etcd_debugging_lease_ttl_total_count"],
  ["etcd_debugging_lease_ttl_total_sum"],
  ["etcd_debugging_lease_ttl_total_bucket", { le: "64" }],
  ["etcd_debugging_mvcc_events_total"],
  ["etcd_debugging_mvcc_total_put_size_in_bytes"],
  ["etcd_debugging_mvcc_db_compaction_keys_total"],
  ["etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_count"],
  ["etcd_debugging_server_watch_send_loop_control_stream_duration_seconds_count"],
  ["etcd_disk_backend_defrag_duration_seconds_count"],
  ["etcd_mvcc_hash_duration_seconds_count"],
  ["etcd_mvcc_hash_rev_duration_seconds_count"],
  ["etcd_server_apply_duration_seconds_count", { op: "Put", success: "true" }],
  ["etcd_server_apply_duration_seconds_count", { op: "Txn", success: "true" }],
  ["etcd_server_apply_duration_seconds_count", { op: "LeaseGrant", success: "true" }],
  ["etcd_server_apply_duration_seconds_count", { op: "LeaseRevoke", success: "true" }],
  ["etcd_server_apply_duration_seconds_count", { op: "Compaction", success: "true" }],
  ["etcd_server_request_duration_seconds_count", { type: "Put", success: "true" }],
  ["etcd_server_request_duration_seconds_count", { type: "Range", success: "true" }],
  ["etcd_server_request_duration_seconds_count", { type: "Range", success: "false" }],
  ["etcd_server_request_duration_seconds_count", { type: "ReadonlyTxn", success: "true" }],
  ["etcd_server_range_duration_seconds_count", { success: "true" }],
  ["etcd_server_range_duration_seconds_count", { success: "false" }],
];

/** What a client does, the same everywhere. */
async function live(client: Client, address: string): Promise<void> {
  const watch = client.watch("w");
  const responses = watch[Symbol.asyncIterator]();
  await until(
    "the watch",
    async () => sumOf(await scrape(address), watcherTotal) === 1 || undefined,
  );
  await client.put("w", "1");
  await responses.next();
  assert.equal(sumOf(await scrape(address), "etcd_debugging_mvcc_watch_stream_total"), 1);
  watch.cancel();
  for (let count = 0; count < 5; count++) await client.put("k", "value");
  await client.get("k");
  await client.get("k", { serializable: true });
  await client.get("k", { revision: 1_000_000 }).catch(() => undefined);
  await client.txn({ success: [{ type: "range", key: "k" }] });
  await client.txn({ success: [{ type: "put", key: "t", value: "1" }] });
  const { id } = await client.leaseGrant(60);
  await client.leaseKeepAliveOnce(id);
  await client.leaseRevoke(id);
  const { header } = await client.put("k", "last");
  await client.compact(header.revision, { physical: true });
  await client.hash();
  await client.hashKv();
  await client.defragment();
}

const watcherTotal = "etcd_debugging_mvcc_watcher_total";

describe("a store's life moves the same series", needs("etcd"), () => {
  let pair: ServerPair;
  before(async () => {
    pair = await ServerPair.start();
  });
  after(async () => {
    await pair.stop();
  });

  async function moved(address: string): Promise<Record<string, number>> {
    const client = new Client({ endpoints: [address] });
    try {
      const earlier = await scrape(address);
      await live(client, address);
      const last = "etcd_debugging_mvcc_db_compaction_last";
      const later = await until("the end of the compaction", async () => {
        const families = await scrape(address);
        return sumOf(families, last) > 0 ? families : undefined;
      });
      const of = (families: Families, [name, labels]: (typeof counted)[number]): number =>
        sumOf(families, name, labels);
      return Object.fromEntries(
        counted.map((one) => [JSON.stringify(one), of(later, one) - of(earlier, one)]),
      );
    } finally {
      client.close();
    }
  }

  test("by as much", async () => {
    const theirs = await moved(pair.etcd.address);
    const still = Object.keys(theirs).filter((name) => theirs[name] === 0);
    assert.deepEqual(still, [], "nothing moves these on etcd: they prove nothing");
    assert.deepEqual(await moved(pair.ours.address), theirs);
  });

  test("batches of the log are written, and synced", async () => {
    const families = await scrape(pair.ours.address);
    assert.ok(sumOf(families, "etcd_disk_wal_write_bytes_total") > 500);
    assert.ok(sumOf(families, "etcd_disk_wal_write_duration_seconds_count") > 10);
    assert.ok(sumOf(families, "etcd_disk_wal_fsync_duration_seconds_count") > 10);
  });
});
