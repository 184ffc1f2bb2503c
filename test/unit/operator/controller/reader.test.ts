/** What is read of a cluster and kept while it is at rest. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { pods } from "../../../../operator/controller/kinds.ts";
import { Reader } from "../../../../operator/controller/reader.ts";
import { OperatorLab } from "../../../operator/operator-lab.ts";

test("what is listed and what is asked for by name comes without managedFields, and else whole", async () => {
  const lab = new OperatorLab();
  lab.createCluster("db");
  const labels = { "etcd-ts.dev/cluster": "db" };
  lab.create("pods", "listed", { metadata: { labels } });
  lab.create("pods", "named");
  const stored = lab.list("pods");
  assert.ok(stored.every(({ metadata }) => metadata["managedFields"] !== undefined));
  const reader = new Reader(lab.asker().client, lab.cluster("db"), {});
  const reading = reader.named(
    pods,
    new Map(["listed", "named"].map((name) => [name, () => true])),
  );
  await lab.time.advance(1_000);
  const read = await reading;
  for (const { metadata, ...rest } of stored) {
    const found = read.get(metadata.name);
    const kept = { ...metadata, managedFields: undefined };
    assert.deepEqual(found, { ...rest, metadata: kept });
  }
});
