/** Where a member's Pod may run: each member on a node of its own, and what the user asks besides. */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import { memberSelectorOf } from "./labels.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The fields of a PodSpec that concern the scheduler. */
export function placementOf(cluster: EtcdCluster): Fields {
  const { pod } = cluster.spec;
  const selector = { matchLabels: memberSelectorOf(cluster.metadata.name) };
  const affinity = affinityOf(pod.affinityPreset, selector);
  return {
    ...(affinity === undefined ? {} : { affinity }),
    ...(pod.topologySpreadConstraints === undefined
      ? {}
      : {
          topologySpreadConstraints: pod.topologySpreadConstraints.map((constraint) => ({
            ...constraint,
            // A constraint without one counts no pods at all.
            labelSelector: selector,
          })),
        }),
    ...(pod.nodeSelector === undefined ? {} : { nodeSelector: pod.nodeSelector }),
    ...(pod.tolerations === undefined ? {} : { tolerations: pod.tolerations }),
    ...(pod.priorityClassName === undefined ? {} : { priorityClassName: pod.priorityClassName }),
  };
}

function affinityOf(preset: "Soft" | "Hard" | "None", labelSelector: Fields): Fields | undefined {
  const apart = { labelSelector, topologyKey: "kubernetes.io/hostname" };
  switch (preset) {
    case "Soft":
      return {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 100, podAffinityTerm: apart },
          ],
        },
      };
    case "Hard":
      return { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [apart] } };
    case "None":
      return undefined;
  }
}
