/** What a member's Pod is told about its cluster: how split brain is made or prevented. */
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { InitialCluster } from "../resources/flags.ts";
import { peersServiceNameOf } from "../resources/names.ts";
import { namespaceOf } from "../resources/urls.ts";
import type { ListedMember, ObservedMember } from "./observed.ts";
import type { Look } from "./rule.ts";

/**
 * The initial cluster for a Pod of this member that is made now.
 *
 * "new" only for the seed, and only as long as neither the cluster nor the member has an id: afterwards an empty volume would make a second cluster with
 * the same ids and without the data. Otherwise etcd's own member list as read now, never one remembered from the time when the member was made. While
 * etcd does not tell it, the EtcdMembers stand in: then the member has a log, and does not read the flag but only checks its form.
 */
export function initialClusterOf(look: Look, { member }: ObservedMember): InitialCluster {
  const own = { name: member.metadata.name, peerUrl: member.spec.peerURL };
  if (mayFound(look, member)) return { state: "new", members: [own] };
  const ours = look.members.map(({ name, member: { spec } }) => ({ name, peerUrl: spec.peerURL }));
  if (look.list === undefined) return { state: "existing", members: ours };
  const listed = look.list.flatMap((entry) =>
    entry.peerUrls.map((peerUrl) => ({ name: nameOf(entry, peerUrl, ours), peerUrl })),
  );
  return { state: "existing", members: listed };
}

/** Whether etcd's list holds this member, which its peer URL tells. */
export function listedMemberOf(
  list: readonly ListedMember[],
  member: EtcdMember,
): ListedMember | undefined {
  return list.find(({ peerUrls }) => peerUrls.includes(member.spec.peerURL));
}

/** Name of the member that a URL of this cluster's naming belongs to or belonged to, "etcd-x7k2p". Undefined for URLs of others. */
export function nameInPeerUrl(cluster: EtcdCluster, url: string): string | undefined {
  const host = /^https?:\/\/([^/:]+)/.exec(url)?.[1] ?? "";
  const [name = "", ...rest] = host.split(".");
  const { name: clusterName } = cluster.metadata;
  const suffix = `${peersServiceNameOf(clusterName)}.${namespaceOf(cluster)}.svc`;
  const isOurs =
    name.startsWith(`${clusterName}-`) && `${rest.join(".")}.`.startsWith(`${suffix}.`);
  return isOurs ? name : undefined;
}

export function isOwnPeerUrl(cluster: EtcdCluster, url: string): boolean {
  return nameInPeerUrl(cluster, url) !== undefined;
}

function mayFound({ latched }: Look, member: EtcdMember): boolean {
  return (
    member.spec.bootstrap === "NewCluster" &&
    latched.clusterID === undefined &&
    member.status?.memberID === undefined
  );
}

/** A member that has not started yet has no name in the list: ours is known by its URL. Others get one, since the flag needs it. */
function nameOf(
  entry: ListedMember,
  peerUrl: string,
  ours: readonly { readonly name: string; readonly peerUrl: string }[],
): string {
  const own = ours.find((member) => member.peerUrl === peerUrl);
  if (own !== undefined) return own.name;
  return entry.name === "" ? entry.id : entry.name;
}
