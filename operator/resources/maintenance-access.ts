/** What the CronJobs of a cluster may do: an identity of their own in the cluster's namespace, with rights to this one cluster alone. */
import { group } from "../api/v1alpha1/names.ts";
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { withBuiltHash } from "./built-hash.ts";
import { clusterLabelsOf } from "./labels.ts";
import { maintenanceAccountNameOf, maintenanceLeaseNameOf } from "./names.ts";
import { ownedByCluster } from "./owners.ts";
import { operatorSecretNameOf } from "./tls-secrets.ts";
import { namespaceOf } from "./urls.ts";

interface AccessRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/**
 * ServiceAccount, Role and RoleBinding, in the order in which they are to be applied. Kubernetes lets nobody grant what he has not: each of these rights is
 * the operator's too (test/chart holds both together).
 */
export function buildMaintenanceAccess(cluster: EtcdCluster): readonly KubernetesObject[] {
  const name = maintenanceAccountNameOf(cluster.metadata.name);
  const account = { kind: "ServiceAccount", name, namespace: namespaceOf(cluster) };
  return [
    // Pods ask for its token themselves.
    accessObject(cluster, "v1", "ServiceAccount", { automountServiceAccountToken: false }),
    accessObject(cluster, rbacVersion, "Role", { rules: accessRules(cluster) }),
    accessObject(cluster, rbacVersion, "RoleBinding", {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [account],
    }),
  ];
}

const rbacVersion = "rbac.authorization.k8s.io/v1";

function accessRules(cluster: EtcdCluster): readonly AccessRule[] {
  const { name } = cluster.metadata;
  const secretName = operatorSecretNameOf(cluster);
  return [
    { apiGroups: [group], resources: ["etcdclusters"], resourceNames: [name], verbs: ["get"] },
    {
      apiGroups: [group],
      resources: ["etcdclusters/status"],
      resourceNames: [name],
      verbs: ["get", "patch"],
    },
    // Lists know no names: the cluster's members are told by their label.
    { apiGroups: [group], resources: ["etcdmembers"], verbs: ["get", "list"] },
    {
      apiGroups: ["coordination.k8s.io"],
      resources: ["leases"],
      resourceNames: [maintenanceLeaseNameOf(name)],
      verbs: ["get", "update"],
    },
    // What does not exist yet has no name to be allowed by.
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
    { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
    ...(secretName === undefined
      ? []
      : [{ apiGroups: [""], resources: ["secrets"], resourceNames: [secretName], verbs: ["get"] }]),
  ];
}

function accessObject(
  cluster: EtcdCluster,
  apiVersion: string,
  kind: string,
  fields: Readonly<Record<string, unknown>>,
): KubernetesObject {
  const clusterName = cluster.metadata.name;
  return withBuiltHash({
    apiVersion,
    kind,
    metadata: {
      name: maintenanceAccountNameOf(clusterName),
      namespace: namespaceOf(cluster),
      labels: clusterLabelsOf(clusterName),
      ownerReferences: [ownedByCluster(cluster)],
    },
    ...fields,
  });
}
