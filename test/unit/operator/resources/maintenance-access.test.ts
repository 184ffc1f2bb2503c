import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { buildMaintenanceAccess } from "../../../../operator/resources/maintenance-access.ts";
import { operatorRights, rightsOf } from "../../../chart/access-rules.ts";
import type { KubeObject } from "../../../chart/chart-files.ts";
import { clusterOf, defaultSpec } from "../../../operator/model/objects.ts";

type Access = readonly [KubernetesObject, KubernetesObject, KubernetesObject];

const plain = buildMaintenanceAccess(clusterOf()) as Access;
const managed = buildMaintenanceAccess(
  clusterOf({ tls: { ...defaultSpec.tls, mode: "Managed" } }),
) as Access;

describe("the account of the CronJobs", () => {
  test("is of the cluster's namespace and goes with the cluster", () => {
    assert.deepEqual(
      plain.map(({ kind, metadata }) => [kind, metadata.namespace, metadata.name]),
      [
        ["ServiceAccount", "prod", "etcd-maintenance"],
        ["Role", "prod", "etcd-maintenance"],
        ["RoleBinding", "prod", "etcd-maintenance"],
      ],
    );
    for (const { metadata } of plain) {
      assert.equal(metadata.ownerReferences?.[0]?.uid, "cluster-uid");
    }
    const [account, , binding] = plain;
    assert.equal(account["automountServiceAccountToken"], false);
    assert.deepEqual(binding["subjects"], [
      { kind: "ServiceAccount", name: "etcd-maintenance", namespace: "prod" },
    ]);
    assert.deepEqual(binding["roleRef"], {
      apiGroup: "rbac.authorization.k8s.io",
      kind: "Role",
      name: "etcd-maintenance",
    });
  });

  test("has rights to this cluster, its Lease and the one Secret alone, as far as Kubernetes can say it", () => {
    assert.deepEqual(rightsOf(managed[1] as KubeObject), [
      "/secrets get etcd-operator-tls",
      "coordination.k8s.io/leases create",
      "coordination.k8s.io/leases get etcd-maintenance",
      "coordination.k8s.io/leases update etcd-maintenance",
      "etcd-ts.dev/etcdclusters get etcd",
      "etcd-ts.dev/etcdclusters/status get etcd",
      "etcd-ts.dev/etcdclusters/status patch etcd",
      "etcd-ts.dev/etcdmembers get",
      "etcd-ts.dev/etcdmembers list",
      "events.k8s.io/events create",
      "events.k8s.io/events patch",
    ]);
  });

  test("has no right that the operator lacks: Kubernetes would not let it be granted", () => {
    const withoutNames = rightsOf(managed[1] as KubeObject).map((right) =>
      right.split(" ").slice(0, 2).join(" "),
    );
    const beyond = withoutNames.filter((right) => !operatorRights.includes(right));
    assert.deepEqual(beyond, []);
  });

  test("reads no Secret where there is no TLS", () => {
    assert.doesNotMatch(JSON.stringify(plain), /secrets/);
  });
});
