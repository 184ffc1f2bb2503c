import assert from "node:assert/strict";
import { test } from "node:test";
import { buildDisruptionBudget } from "../../../../operator/resources/disruption-budget.ts";
import { clusterOf } from "../../../operator/model/objects.ts";

test("the budget is an integer of members, and keeps members that are not ready while quorum is lost", () => {
  const budget = buildDisruptionBudget(clusterOf({ replicas: 3 }), { minAvailable: 2 });
  assert.equal(budget.apiVersion, "policy/v1");
  assert.equal(budget.metadata.name, "etcd-members");
  assert.equal(budget.metadata.ownerReferences?.[0]?.uid, "cluster-uid");
  assert.deepEqual(budget["spec"], {
    minAvailable: 2,
    unhealthyPodEvictionPolicy: "IfHealthyBudget",
    selector: {
      matchLabels: { "etcd-ts.dev/cluster": "etcd", "app.kubernetes.io/component": "member" },
    },
  });
});
