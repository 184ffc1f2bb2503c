/** Labels of what the operator makes. */
import { clusterLabel, memberLabel } from "../api/v1alpha1/names.ts";

type Labels = Readonly<Record<string, string>>;

const componentLabel = "app.kubernetes.io/component";
/** Component of a member's Pod, which Services select. */
const memberComponent = "member";

/** On everything that belongs to the cluster. */
export function clusterLabelsOf(clusterName: string): Labels {
  return {
    "app.kubernetes.io/name": "etcd-ts",
    "app.kubernetes.io/instance": clusterName,
    "app.kubernetes.io/part-of": "etcd-ts",
    "app.kubernetes.io/managed-by": "etcd-ts-operator",
    [clusterLabel]: clusterName,
  };
}

/** On a member's EtcdMember, Pod and claim. */
export function memberLabelsOf(clusterName: string, memberName: string): Labels {
  return {
    ...clusterLabelsOf(clusterName),
    [componentLabel]: memberComponent,
    [memberLabel]: memberName,
  };
}

/** What selects the members' Pods. Immutable in meaning: a label that may change or that a user may set has no place in it. */
export function memberSelectorOf(clusterName: string): Labels {
  return { [clusterLabel]: clusterName, [componentLabel]: memberComponent };
}

/** The selector as /scale and people write it. */
export function selectorTextOf(clusterName: string): string {
  return Object.entries(memberSelectorOf(clusterName))
    .map(([label, value]) => `${label}=${value}`)
    .join(",");
}
