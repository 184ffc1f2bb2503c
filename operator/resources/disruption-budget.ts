/** The PodDisruptionBudget of a cluster: how many members a drain of nodes leaves, whatever else happens. */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { clusterLabelsOf, memberSelectorOf } from "./labels.ts";
import { disruptionBudgetNameOf } from "./names.ts";
import { ownedByCluster } from "./owners.ts";
import { namespaceOf } from "./urls.ts";

/**
 * For server-side apply. `minAvailable`: an integer of at least 0, priced by the caller before a change of members. Never a share and never maxUnavailable:
 * Kubernetes re-bases both on the Pods that are left.
 *
 * Pods that are not ready may be evicted only while `minAvailable` others are ready (IfHealthyBudget): so a member that crashes blocks no drain, but once quorum
 * is lost, when no Pod is ready any more, the volumes that hold the rest of the data stay where they are. AlwaysAllow would let all of them go.
 */
export function buildDisruptionBudget(
  cluster: EtcdCluster,
  { minAvailable }: { readonly minAvailable: number },
): KubernetesObject {
  const clusterName = cluster.metadata.name;
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: {
      name: disruptionBudgetNameOf(clusterName),
      namespace: namespaceOf(cluster),
      labels: clusterLabelsOf(clusterName),
      ownerReferences: [ownedByCluster(cluster)],
    },
    spec: {
      minAvailable,
      unhealthyPodEvictionPolicy: "IfHealthyBudget",
      selector: { matchLabels: memberSelectorOf(clusterName) },
    },
  };
}
