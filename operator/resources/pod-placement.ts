/** Where a member's Pod may run: each member on a node and in a zone of its own where it goes, and what the user asks besides. */
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
    ...spreadOf(cluster, selector),
    ...(pod.nodeSelector === undefined ? {} : { nodeSelector: pod.nodeSelector }),
    ...(pod.tolerations === undefined ? {} : { tolerations: pod.tolerations }),
    ...(pod.priorityClassName === undefined ? {} : { priorityClassName: pod.priorityClassName }),
  };
}

/**
 * Without constraints of the user's, zones are to differ by one member at most, where it goes: a zone that fails then takes the smallest number with it. Not
 * for one member, nor for who wants members to lie together.
 */
function spreadOf({ spec: { pod, replicas } }: EtcdCluster, labelSelector: Fields): Fields {
  const isSpreadByUs =
    pod.topologySpreadConstraints === undefined && pod.affinityPreset !== "None" && replicas > 1;
  const constraints = isSpreadByUs ? [acrossZones] : (pod.topologySpreadConstraints ?? []);
  return constraints.length === 0
    ? {}
    : {
        // A constraint without a selector counts no pods at all.
        topologySpreadConstraints: constraints.map((constraint) => ({
          ...constraint,
          labelSelector,
        })),
      };
}

const acrossZones = {
  maxSkew: 1,
  topologyKey: "topology.kubernetes.io/zone",
  whenUnsatisfiable: "ScheduleAnyway",
} as const;

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
