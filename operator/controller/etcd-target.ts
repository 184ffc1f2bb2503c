/** Where and how the members of a cluster are asked, from what was read of them. */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { Observed, ObservedMember } from "../cluster/observed.ts";
import { type KubernetesObject, keyOf } from "../kernel/resource.ts";
import { clientTlsKeys, operatorSecretNameOf, textsIn } from "../resources/tls-secrets.ts";
import { clientPort, hasTls, hostOf } from "../resources/urls.ts";
import type { Asked, EtcdTarget } from "./etcd-port.ts";

export function targetOf({
  cluster,
  members,
  secrets,
}: Pick<Observed, "cluster" | "members" | "secrets">): EtcdTarget {
  return {
    key: keyOf(cluster.metadata),
    members: members.flatMap((seen) => askable(cluster, seen)),
    tls: credentialsOf(cluster, secrets),
  };
}

/** Address of a member's pod that runs, as it stands in a URL. */
export function podHostOf(pod: KubernetesObject | undefined): string | undefined {
  const { phase, podIP } = (pod?.["status"] ?? {}) as { phase?: string; podIP?: string };
  if (phase !== "Running" || podIP === undefined || podIP === "") return undefined;
  return podIP.includes(":") ? `[${podIP}]` : podIP;
}

/** By the pod's address and not by its name: DNS learns of a new pod late, and remembers that it did not know it. */
function askable(cluster: EtcdCluster, { member, pod }: ObservedMember): Asked[] {
  const host = podHostOf(pod);
  if (host === undefined) return [];
  const scheme = hasTls(cluster) ? "https" : "http";
  const endpoint = `${scheme}://${host}:${clientPort}`;
  return [{ name: member.metadata.name, endpoint, serverName: hostOf(member) }];
}

/** With which certificates the members are asked. `secrets`: by name. */
export function credentialsOf(
  cluster: EtcdCluster,
  secrets: ReadonlyMap<string, KubernetesObject>,
): EtcdTarget["tls"] {
  const name = operatorSecretNameOf(cluster);
  if (name === undefined) return "none";
  const secret = secrets.get(name);
  if (secret === undefined) return "missing";
  const texts = textsIn(secret);
  const ca = texts.get(clientTlsKeys.ca);
  const certificate = texts.get(clientTlsKeys.certificate);
  const key = texts.get(clientTlsKeys.key);
  if (ca === undefined || certificate === undefined || key === undefined) return "missing";
  return { ca, certificate, key };
}
