/** What makes the operator look at a cluster, what does not, and how alive its watches are whatever the API server does. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Watches } from "../../../../operator/controller/watches.ts";
import { ApiClient } from "../../../../operator/kernel/api-client.ts";
import { DirectTransport, type Network } from "../../../operator/direct-transport.ts";
import { type Kind, kinds, OperatorLab } from "../../../operator/operator-lab.ts";

class WatchLab extends OperatorLab {
  readonly network: Network = { isDown: false, latencyMs: () => 1 };
  readonly keys: string[] = [];
  readonly watches: Watches;
  readonly stop = new AbortController();
  readonly running: Promise<void>;

  constructor() {
    super();
    const process = this.time.process();
    const transport = new DirectTransport(this.api, this.time, process, this.network);
    const client = new ApiClient({
      transport,
      ports: process,
      timeoutMs: 10_000,
      readTries: 4,
      userAgent: "test",
    });
    this.watches = new Watches({ client, ports: process, namespaces: [] });
    this.running = this.watches.run(this.stop.signal);
  }

  /** Keys that came since the last call. */
  async heard(): Promise<string[]> {
    await this.time.advance(50);
    return [...new Set(this.keys.splice(0))].sort();
  }

  change(kind: Kind, name: string, subresource: string, fields: Record<string, unknown>): void {
    const at = {
      resource: kinds[kind],
      namespace: "default",
      name,
      subresource,
      manager: "somebody",
    };
    const live = this.api.store.get(at);
    const metadata = { ...live.metadata, ...(fields["metadata"] as object | undefined) };
    this.api.store.update(at, { ...live, ...fields, metadata }, "update");
  }
}

const labels = (cluster: string): { metadata: object } => ({
  metadata: { labels: { "etcd-ts.dev/cluster": cluster } },
});

test("clusters and what is labelled as theirs become keys; what was there before the subscription too", async () => {
  const lab = new WatchLab();
  lab.createCluster("a");
  lab.create("pods", "b-x", labels("b"));
  lab.create("pods", "unlabelled");
  await lab.time.advance(2_000);
  assert.equal(lab.watches.hasSynced, true);
  lab.watches.subscribe((key) => lab.keys.push(key));
  assert.deepEqual(await lab.heard(), ["default/a", "default/b"]);
  for (const kind of ["members", "volumeClaims", "services"] as const) {
    lab.create(kind, "c-x", labels("c"));
    assert.deepEqual(await lab.heard(), ["default/c"], kind);
    lab.delete(kind, "c-x");
    assert.deepEqual(await lab.heard(), ["default/c"], kind);
  }
  lab.change("pods", "b-x", "status", { status: { phase: "Running" } });
  assert.deepEqual(await lab.heard(), ["default/b"]);
  lab.change("pods", "b-x", "", labels("d"));
  assert.deepEqual(await lab.heard(), ["default/b", "default/d"]);
});

test("the status of our own kinds is no news; spec, labels and deletion are", async () => {
  const lab = new WatchLab();
  lab.createCluster("a");
  await lab.time.advance(2_000);
  lab.watches.subscribe((key) => lab.keys.push(key));
  await lab.heard();
  lab.change("clusters", "a", "status", { status: { phase: "Running" } });
  assert.deepEqual(await lab.heard(), []);
  lab.changeSpec("a", { paused: true });
  assert.deepEqual(await lab.heard(), ["default/a"]);
  lab.change("clusters", "a", "", { metadata: { annotations: { a: "b" } } });
  assert.deepEqual(await lab.heard(), ["default/a"]);
  lab.delete("clusters", "a");
  assert.deepEqual(await lab.heard(), ["default/a"]);
});

test("an API server that is down, hangs or is silent for an hour is no reason to restart: the watches keep trying", async () => {
  const lab = new WatchLab();
  await lab.time.advance(2_000);
  let most = 0;
  const look = (): void => {
    most = Math.max(most, lab.watches.stalledMs);
  };
  lab.network.isDown = true;
  await lab.time.advance(3_600_000, look);
  lab.network.isDown = false;
  const fault = lab.api.fail({ kind: "hang", effect: "before" }, () => true, 1_000_000);
  await lab.time.advance(3_600_000, look);
  fault.count = 0;
  await lab.time.advance(60_000, look);
  lab.api.eachWatch((watch) => watch.silence());
  await lab.time.advance(600_000, look);
  assert.ok(most < 300_000, `${most} ms without a turn`);
  assert.equal(lab.watches.hasSynced, true);
  lab.stop.abort();
  await lab.time.advance(60_000);
  await lab.running;
  await lab.time.advance(600_000);
  assert.ok(lab.watches.stalledMs >= 600_000, "a loop that has ended is seen");
});
