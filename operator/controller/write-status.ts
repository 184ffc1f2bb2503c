/**
 * Writes what the status is to say, when it says something else. By server-side apply with a manager of its own, so that the latched
 * fields, which a step writes, are never touched from here; and only upon the resourceVersion that was seen, so that nothing is said about
 * a state that was not looked at. A uid would not do: the API server ignores it in a status.
 */
import { etcdClusters, etcdMembers, fieldManager } from "../api/v1alpha1/names.ts";
import type {
  EtcdCluster,
  EtcdClusterStatus,
  EtcdMember,
  EtcdMemberStatus,
} from "../api/v1alpha1/types.ts";
import { notOfStatus } from "../cluster/status.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { isApiError } from "../kernel/api-error.ts";
import { assert } from "../kernel/assert.ts";
import type { KubernetesObject, ResourceType } from "../kernel/resource.ts";
import { isSameJson } from "./same.ts";

const statusManager = `${fieldManager}-status`;
/** What steps write, and nobody else: see the fields of the latch steps. */
const clusterLatches: readonly string[] = notOfStatus;
const memberLatches: readonly string[] = [
  "memberID",
  "volumeClaimUID",
] satisfies (keyof EtcdMemberStatus)[];

type Fields = Readonly<Record<string, unknown>>;

/** "outdated": the object is another one by now, and the next look has to tell of it. */
export type WriteResult = "same" | "written" | "outdated";

export async function writeClusterStatus(
  client: ApiClient,
  cluster: EtcdCluster,
  wanted: EtcdClusterStatus,
): Promise<WriteResult> {
  return write(client, etcdClusters, {
    object: cluster,
    present: without(cluster.status ?? {}, clusterLatches),
    wanted: without(wanted, clusterLatches),
  });
}

export async function writeMemberStatus(
  client: ApiClient,
  member: EtcdMember,
  wanted: EtcdMemberStatus,
): Promise<WriteResult> {
  return write(client, etcdMembers, {
    object: member,
    present: without(member.status ?? {}, memberLatches),
    wanted: without(wanted, memberLatches),
  });
}

/** Whether there is nothing to write. */
export function isClusterStatusCurrent(cluster: EtcdCluster, wanted: EtcdClusterStatus): boolean {
  return isSameJson(without(cluster.status ?? {}, clusterLatches), without(wanted, clusterLatches));
}

export function isMemberStatusCurrent(member: EtcdMember, wanted: EtcdMemberStatus): boolean {
  return isSameJson(without(member.status ?? {}, memberLatches), without(wanted, memberLatches));
}

function without(status: object, latches: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(status).filter(([name]) => !latches.includes(name)));
}

interface Change {
  readonly object: KubernetesObject;
  readonly present: Fields;
  readonly wanted: Fields;
}

async function write(
  client: ApiClient,
  resource: ResourceType,
  change: Change,
): Promise<WriteResult> {
  const { object, present, wanted } = change;
  if (isSameJson(present, wanted)) return "same";
  const { name, namespace, resourceVersion } = object.metadata;
  assert(
    namespace !== undefined && resourceVersion !== undefined,
    "only what was read has a status",
    name,
  );
  const metadata = { name, namespace, resourceVersion };
  try {
    await client.apply(
      resource,
      { metadata, status: wanted },
      { fieldManager: statusManager, isForced: true, subresource: "status" },
    );
    return "written";
  } catch (error) {
    if (isApiError(error, "NotFound", "Conflict")) return "outdated";
    throw error;
  }
}
