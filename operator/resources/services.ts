/** The two Services of a cluster, for server-side apply: what is not named here (addresses, node ports) stays as it is. */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { isAsBuilt, withBuiltHash } from "./built-hash.ts";
import { clusterLabelsOf, memberSelectorOf } from "./labels.ts";
import { clientServiceNameOf, peersServiceNameOf } from "./names.ts";
import { ownedByCluster } from "./owners.ts";
import { clientPort, namespaceOf, peerPort } from "./urls.ts";

const clientServicePort = {
  name: "client",
  port: clientPort,
  targetPort: "client",
  protocol: "TCP",
} as const;
const peerServicePort = {
  name: "peer",
  port: peerPort,
  targetPort: "peer",
  protocol: "TCP",
} as const;

interface ServiceParts {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Headless, and with members that are not ready: they must find each other to become ready. */
export function buildPeersService(cluster: EtcdCluster): KubernetesObject {
  return buildService(cluster, {
    name: peersServiceNameOf(cluster.metadata.name),
    spec: {
      type: "ClusterIP",
      clusterIP: "None",
      publishNotReadyAddresses: true,
      ports: [clientServicePort, peerServicePort],
    },
  });
}

export function buildClientService(cluster: EtcdCluster): KubernetesObject {
  const { type, labels, annotations, trafficDistribution } = cluster.spec.services.client;
  return buildService(cluster, {
    name: clientServiceNameOf(cluster.metadata.name),
    labels,
    annotations,
    spec: {
      type,
      ports: [clientServicePort],
      ...(trafficDistribution === undefined ? {} : { trafficDistribution }),
    },
  });
}

/** Whether all that we own in the Service is as built. What a user took out of the spec is seen by the hash: it is still in the Service then. */
export function isServiceAsBuilt(found: KubernetesObject, built: KubernetesObject): boolean {
  return isAsBuilt(found, built);
}

function buildService(cluster: EtcdCluster, parts: ServiceParts): KubernetesObject {
  const clusterName = cluster.metadata.name;
  return withBuiltHash({
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: parts.name,
      namespace: namespaceOf(cluster),
      labels: { ...parts.labels, ...clusterLabelsOf(clusterName) },
      annotations: { ...parts.annotations },
      ownerReferences: [ownedByCluster(cluster)],
    },
    spec: { ...parts.spec, selector: memberSelectorOf(clusterName) },
  });
}
