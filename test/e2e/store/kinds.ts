/** The kinds that the tests write, and objects of them. What changes is counted in an annotation, which every kind has. */
import { leaseResource } from "../../../operator/kernel/lease-lock.ts";
import type { KubernetesObject, ResourceType } from "../../../operator/kernel/resource.ts";
import { configMaps, widgets } from "../../operator/kernel-lab.ts";

export { configMaps, leaseResource as leases, widgets };

export const namespaces: ResourceType = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  isNamespaced: false,
};

export const secrets: ResourceType = { ...configMaps, plural: "secrets", kind: "Secret" };

/**
 * These two are read and watched in etcd itself, with no cache of the API server between: one etcd watch for each Kubernetes watch, one
 * etcd range for each page. The others have a watch cache.
 */
export const uncachedFlag = "--watch-cache-sizes=secrets#0,leases.coordination.k8s.io#0";

/** All that is written and watched by the crowd. */
export const kinds: readonly ResourceType[] = [configMaps, secrets, widgets, leaseResource];

const countAnnotation = "test.dev/count";

const content: Readonly<Record<string, (text: string) => Record<string, unknown>>> = {
  ConfigMap: (text) => ({ data: { text } }),
  Secret: (text) => ({ type: "Opaque", stringData: { text } }),
  Widget: (text) => ({ spec: { text } }),
  // MicroTime: the API server takes six digits behind the dot and no others.
  Lease: () => ({
    spec: {
      holderIdentity: "somebody",
      leaseDurationSeconds: 15,
      renewTime: new Date().toISOString().replace("Z", "000Z"),
    },
  }),
};

export interface Place {
  readonly name: string;
  readonly namespace: string;
}

/** About half a kilobyte, with a count of 0. */
export function objectOf(
  kind: ResourceType,
  place: Place,
  labels: Readonly<Record<string, string>> = {},
): KubernetesObject {
  const { group, version } = kind;
  return {
    apiVersion: group === "" ? version : `${group}/${version}`,
    kind: kind.kind,
    metadata: { ...place, labels, annotations: { [countAnnotation]: "0" } },
    ...content[kind.kind]?.("some text ".repeat(20)),
  };
}

export const countOf = ({ metadata }: KubernetesObject): number =>
  Number(metadata.annotations?.[countAnnotation]);

/** A merge patch; with a resourceVersion only upon that very state. */
export const countPatch = (count: number, resourceVersion?: string): object => ({
  metadata: { resourceVersion, annotations: { [countAnnotation]: String(count) } },
});
