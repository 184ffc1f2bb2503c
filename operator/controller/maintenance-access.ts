/** Reads with which rights the CronJobs of a cluster run. */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { KubernetesObject, ResourceType } from "../kernel/resource.ts";
import { maintenanceAccountNameOf } from "../resources/names.ts";
import { roleBindings, roles, serviceAccounts } from "./kinds.ts";
import { isControlledBy } from "./ownership.ts";
import type { Reader } from "./reader.ts";

/** By kind; see Observed. Not looked for where no CronJob is or is asked for: the last CronJob goes after its rights. */
export async function maintenanceAccessOf(
  reader: Reader,
  cluster: EtcdCluster,
  hasCronJobs: boolean,
): Promise<ReadonlyMap<string, KubernetesObject>> {
  const { maintenance } = cluster.spec;
  const isWanted = maintenance?.compaction !== undefined || maintenance?.defrag !== undefined;
  if (!isWanted && !hasCronJobs) return new Map();
  const name = maintenanceAccountNameOf(cluster.metadata.name);
  const find = async (kind: ResourceType): Promise<KubernetesObject | undefined> => {
    const object = (await reader.given(kind, [name])).get(name);
    if (object === undefined || isControlledBy(object, cluster)) return object;
    // Somebody else's is in nobody's way while none is needed.
    if (isWanted) reader.foreign.push(`${kind.kind} ${name}`);
    return undefined;
  };
  const [account, role, binding] = await Promise.all([
    find(serviceAccounts),
    find(roles),
    find(roleBindings),
  ]);
  return new Map(
    Object.entries({ ServiceAccount: account, Role: role, RoleBinding: binding }).flatMap(
      ([kind, object]) => (object === undefined ? [] : [[kind, object] as const]),
    ),
  );
}
