/** The series of etcd's published alerts and dashboard: that a real etcd and we have them alike, and, one by one, that ours move when they should. */
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "../cluster/until.ts";
import { needs } from "../support/peers.ts";
import { freePort, ourServer, ServerProcess } from "../support/server-process.ts";
import { encodePut, encodeRange } from "../unit/apply/apply-lab.ts";
import { type Family, labelNames } from "./exposition.ts";
import { ServerPair } from "./pair.ts";
import { publishedSeries } from "./published-series.ts";
import { RawClient } from "./raw-client.ts";
import { bucketCount, type Families, scrape, sumOf } from "./scrape.ts";

const quotaBytes = 32 * 1024 * 1024;
const flags = ["--metrics", "extensive", `--quota-backend-bytes=${quotaBytes}`];
const environmentOfSlowDisk = { ETCD_TS_TEST_LOG_WRITE_DELAY_MS: "600" };

describe("the series of the published alerts and dashboard", needs("etcd"), () => {
  let pair: ServerPair;
  let client: RawClient;
  const now = (): Promise<Families> => scrape(pair.ours.address);
  const put = async (key: string, value: string): Promise<void> => {
    const { code, text } = await client.unary("/etcdserverpb.KV/Put", encodePut(key, value));
    assert.equal(code, 0, text);
  };
  /** What `act` adds to the sum over all samples with these labels. */
  const added = async (
    name: string,
    labels: Readonly<Record<string, string>>,
    act: () => Promise<unknown>,
  ): Promise<number> => {
    const earlier = sumOf(await now(), name, labels);
    await act();
    return sumOf(await now(), name, labels) - earlier;
  };

  before(async () => {
    pair = await ServerPair.start(flags);
    client = new RawClient(pair.ours.address);
  });
  after(async () => {
    client.close();
    await pair.stop();
  });

  for (const [name, { type, labels }] of Object.entries(publishedSeries)) {
    test(`${name} is there on both, with its type and labels`, async () => {
      for (const { address } of [pair.etcd, pair.ours]) {
        const family: Family | undefined = (await scrape(address)).get(name);
        assert.ok(family !== undefined, address);
        assert.equal(family.type, type);
        assert.deepEqual(labelNames(family), labels.toSorted());
      }
    });
  }

  test("a Put moves the proposals that are committed and applied, and leaves none pending", async () => {
    for (const name of ["committed", "applied"]) {
      const moved = await added(`etcd_server_proposals_${name}_total`, {}, () => put("a", "1"));
      assert.ok(moved >= 1, name);
    }
    assert.equal(sumOf(await now(), "etcd_server_proposals_pending"), 0);
  });

  test("calls move what was started, what was handled by its code, how long it took, and the bytes", async () => {
    const ofPut = { grpc_service: "etcdserverpb.KV", grpc_method: "Put", grpc_type: "unary" };
    const refused = encodePut("", "1");
    const fails = (): Promise<unknown> => client.unary("/etcdserverpb.KV/Put", refused);
    assert.equal(await added("grpc_server_started_total", ofPut, () => put("a", "1")), 1);
    const handled = "grpc_server_handled_total";
    assert.equal(await added(handled, { ...ofPut, grpc_code: "OK" }, () => put("a", "1")), 1);
    const invalid = { ...ofPut, grpc_code: "InvalidArgument" };
    assert.equal(await added(handled, invalid, fails), 1);
    const took = "grpc_server_handling_seconds_count";
    assert.equal(await added(took, ofPut, () => put("a", "1")), 1);
    assert.equal(await added(took, ofPut, fails), 1);
    const value = "v".repeat(1000);
    const received = await added("etcd_network_client_grpc_received_bytes_total", {}, () =>
      put("big", value),
    );
    assert.ok(received > 1000 && received < 1100, `${received}`);
    const sent = await added("etcd_network_client_grpc_sent_bytes_total", {}, () =>
      client.unary("/etcdserverpb.KV/Range", encodeRange("big")),
    );
    assert.ok(sent > 1000 && sent < 1200, `${sent}`);
  });

  test("streams that are open are those started and not yet handled", async () => {
    const active = async (): Promise<number> => {
      const families = await now();
      const of = { grpc_service: "etcdserverpb.Watch", grpc_type: "bidi_stream" };
      return (
        sumOf(families, "grpc_server_started_total", of) -
        sumOf(families, "grpc_server_handled_total", of)
      );
    };
    const idle = await active();
    const stream = client.open("/etcdserverpb.Watch/Watch");
    await until("the stream", async () => (await active()) === idle + 1 || undefined);
    assert.equal(sumOf(await now(), "etcd_debugging_mvcc_watch_stream_total"), 1);
    stream.cancel();
    await until("its end", async () => (await active()) === idle || undefined);
    assert.equal(sumOf(await now(), "etcd_debugging_mvcc_watch_stream_total"), 0);
  });

  test("writes are synced, and committed to the backend", async () => {
    const synced = "etcd_disk_wal_fsync_duration_seconds_count";
    assert.ok((await added(synced, {}, () => put("a", "1"))) >= 1);
    const committed = "etcd_disk_backend_commit_duration_seconds_count";
    const earlier = sumOf(await now(), committed);
    await put("a", "2");
    await until("a commit", async () => sumOf(await now(), committed) > earlier || undefined);
  });

  test("the sizes grow with what is put, up to the quota, where an alarm is raised", async () => {
    const size = "etcd_mvcc_db_total_size_in_bytes";
    const inUse = "etcd_mvcc_db_total_size_in_use_in_bytes";
    const value = "v".repeat(1024 * 1024);
    assert.equal(sumOf(await now(), "etcd_server_quota_backend_bytes"), quotaBytes);
    for (const name of [size, inUse])
      assert.ok((await added(name, {}, () => put(name, value))) >= value.length);
    assert.ok(sumOf(await now(), "process_resident_memory_bytes") > 2 ** 20);
    const isFull = async (): Promise<true | undefined> => {
      const put = encodePut(`full${Math.random()}`, value);
      return (await client.unary("/etcdserverpb.KV/Put", put)).code === 8 || undefined;
    };
    await until("the quota", isFull, 60_000);
    const families = await now();
    assert.ok(sumOf(families, size) / quotaBytes > 0.95, "etcdDatabaseQuotaLowSpace fires");
    const exhausted = { grpc_method: "Put", grpc_code: "ResourceExhausted" };
    assert.ok(sumOf(families, "grpc_server_handled_total", exhausted) >= 1);
    assert.equal(sumOf(families, "etcd_debugging_server_alarms", { alarm_type: "NOSPACE" }), 1);
  });
});

test("a slow disk is seen in the durations of syncs", needs("etcd"), async () => {
  const directory = mkdtempSync(join(tmpdir(), "etcd-ts-slow-"));
  const command = ourServer();
  assert.ok(command !== undefined);
  const server = new ServerProcess({
    command,
    dataDirectory: join(directory, "data"),
    logFile: join(directory, "log"),
    clientPort: await freePort(),
    peerPort: await freePort(),
    environment: environmentOfSlowDisk,
  });
  try {
    await server.ready();
    const families = await scrape(server.address);
    const name = "etcd_disk_wal_fsync_duration_seconds";
    const all = sumOf(families, `${name}_count`);
    assert.ok(all >= 1);
    const fast = bucketCount(families, name, 0.512);
    assert.ok(all - fast >= 1, "etcdHighFsyncDurations fires");
  } finally {
    await server.stop("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  }
});
