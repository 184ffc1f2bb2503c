/** Reads the StorageClasses of claims that are smaller than wanted: whether they may grow. */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { ObservedMember, StorageClassView } from "../cluster/observed.ts";
import { growthOf } from "../cluster/volume-growth.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { isApiError } from "../kernel/api-error.ts";
import type { CallOptions } from "../kernel/exchange.ts";
import { storageClassOf } from "../resources/volume-claim.ts";
import { storageClasses } from "./kinds.ts";

/** By name; those that do not exist are missing. Nothing is read as long as all claims are large enough. Throws ApiError. */
export async function storageClassesOf(
  client: ApiClient,
  cluster: EtcdCluster,
  members: readonly ObservedMember[],
  call: CallOptions,
): Promise<ReadonlyMap<string, StorageClassView>> {
  const names = members.flatMap(({ volumeClaim }) =>
    volumeClaim !== undefined && growthOf(cluster, volumeClaim)?.kind === "small"
      ? (storageClassOf(volumeClaim) ?? [])
      : [],
  );
  const views = await Promise.all(
    [...new Set(names)].map(async (name) => {
      const view = await viewOf(client, name, call);
      return view === undefined ? [] : [[name, view] as const];
    }),
  );
  return new Map(views.flat());
}

/** An operator for some namespaces may not be let to see them: the API server looks for itself when a claim is to grow. */
async function viewOf(
  client: ApiClient,
  name: string,
  call: CallOptions,
): Promise<StorageClassView | undefined> {
  try {
    const found = await client.find(storageClasses, { name }, call);
    return found === undefined ? undefined : { mayExpand: found["allowVolumeExpansion"] === true };
  } catch (error) {
    if (!isApiError(error, "Forbidden")) throw error;
    return { mayExpand: true };
  }
}
