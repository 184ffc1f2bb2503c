/** Reads a cluster's objects, live, and asks its members: the API server's part of what a run looks at. */
import { clusterLabel, etcdClusters, etcdMembers } from "../api/v1alpha1/names.ts";
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { EtcdTarget } from "../controller/etcd-port.ts";
import { credentialsOf } from "../controller/etcd-target.ts";
import { secrets } from "../controller/kinds.ts";
import { isControlledBy } from "../controller/ownership.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { ApiError } from "../kernel/api-error.ts";
import { listAll } from "../kernel/pager.ts";
import { operatorSecretNameOf } from "../resources/tls-secrets.ts";
import type { MembersPort } from "./run-ports.ts";
import type { Sight } from "./sight.ts";

/** Throws ApiError: "NotFound" when there is no such cluster, or another one of the same name. */
export async function lookAt(
  client: ApiClient,
  etcd: MembersPort,
  began: EtcdCluster,
): Promise<Sight> {
  const { namespace, name, uid } = began.metadata;
  const cluster = (await client.get(etcdClusters, { namespace, name })) as EtcdCluster;
  if (cluster.metadata.uid !== uid) {
    throw new ApiError({ kind: "NotFound", message: `EtcdCluster ${name} is another one by now` });
  }
  const query = { namespace, labelSelector: `${clusterLabel}=${name}` };
  const { items } = await listAll(client, etcdMembers, query);
  const members = (items as readonly EtcdMember[])
    .filter((member) => isControlledBy(member, cluster))
    .sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  // Read each time: certificates change while a long run goes on.
  etcd.aim(cluster, members, await credentials(client, cluster));
  return { cluster, members, ...(await etcd.look()) };
}

/** The Role of the CronJobs allows this one Secret by its name. */
async function credentials(client: ApiClient, cluster: EtcdCluster): Promise<EtcdTarget["tls"]> {
  const name = operatorSecretNameOf(cluster);
  if (name === undefined) return "none";
  const { namespace } = cluster.metadata;
  const secret = await client.find(secrets, { namespace, name });
  return credentialsOf(cluster, new Map(secret === undefined ? [] : [[name, secret]]));
}
