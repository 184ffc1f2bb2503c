/** The operator keeps CronJobs and their rights as the spec says: whole stories on the fake API server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OperatorLab } from "../../../operator/operator-lab.ts";
import { maintenance } from "./lab.ts";

const wanted = [
  "CronJob db-compact",
  "CronJob db-defrag",
  "Role db-maintenance",
  "RoleBinding db-maintenance",
  "ServiceAccount db-maintenance",
];

function kept(lab: OperatorLab): string[] {
  return (["cronJobs", "roles", "roleBindings", "serviceAccounts"] as const)
    .flatMap((kind) => lab.list(kind))
    .map(({ kind, metadata }) => `${String(kind)} ${metadata.name}`)
    .sort();
}

test("they come with spec.maintenance, come back when somebody deletes one, and go with it", async () => {
  const lab = new OperatorLab();
  lab.start();
  lab.createCluster("db", { maintenance });
  await lab.until(() => kept(lab).length === wanted.length);
  assert.deepEqual(kept(lab), wanted);
  await lab.untilReady("db");
  lab.delete("cronJobs", "db-defrag");
  await lab.until(() => kept(lab).length === wanted.length);
  lab.changeSpec("db", { maintenance: {} });
  await lab.until(() => kept(lab).length === 0);
  await lab.untilReady("db");
});

test("a ServiceAccount of somebody else's is left alone, and blocks only who needs its name", async () => {
  const lab = new OperatorLab();
  lab.create("serviceAccounts", "db-maintenance");
  lab.start();
  lab.createCluster("db");
  await lab.untilReady("db");
  lab.changeSpec("db", { maintenance });
  await lab.until(() => lab.cluster("db").status?.phase === "Stuck");
  assert.deepEqual(kept(lab), ["ServiceAccount db-maintenance"]);
});
