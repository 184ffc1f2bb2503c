/** Which Secrets with certificates a cluster has. */
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import {
  caSecretNameOf,
  clientTlsSecretNameOf,
  memberTlsSecretNameOf,
  operatorTlsSecretNameOf,
} from "../resources/names.ts";
import { secrets } from "./kinds.ts";
import { isControlledBy } from "./ownership.ts";
import type { IsOwn, Reader } from "./reader.ts";

/** By name; see Observed. Those that the operator makes and that belong to somebody else are foreign; those that a user gives belong to whom they may. */
export async function secretsOf(
  reader: Reader,
  cluster: EtcdCluster,
  members: readonly EtcdMember[],
): Promise<ReadonlyMap<string, KubernetesObject>> {
  switch (cluster.spec.tls.mode) {
    case "Disabled":
      return new Map();
    case "Managed":
      return reader.all(secrets, managedSecrets(cluster, members));
    case "Provided": {
      const { provided } = cluster.spec.tls;
      if (provided === undefined) return new Map();
      const { serverSecretRef, peerSecretRef, operatorSecretRef } = provided;
      const names = [serverSecretRef, peerSecretRef, operatorSecretRef].map(({ name }) => name);
      return reader.given(secrets, names);
    }
  }
}

function managedSecrets(
  cluster: EtcdCluster,
  members: readonly EtcdMember[],
): ReadonlyMap<string, IsOwn> {
  const { name } = cluster.metadata;
  const isCluster: IsOwn = (object) => isControlledBy(object, cluster);
  return new Map([
    [caSecretNameOf(name), isCluster],
    [operatorTlsSecretNameOf(name), isCluster],
    ...(cluster.spec.tls.clients ?? []).map(
      (client) => [clientTlsSecretNameOf(name, client.name), isCluster] as const,
    ),
    ...members.map(
      (member) =>
        [
          memberTlsSecretNameOf(member.metadata.name),
          (object: KubernetesObject) => isControlledBy(object, member),
        ] as const,
    ),
  ]);
}
