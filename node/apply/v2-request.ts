/**
 * What etcd up to 3.5 told the cluster by the v2 API: the attributes that a member publishes, and the cluster's version
 * (etcd server/etcdserver/apply_v2.go of 3.6, v2ToV3Request). Keys of users lay there too, in a store that 3.6 has given up.
 */
import { CorruptionError } from "../lib/corruption-error.ts";
import { memberId } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import type { V2Request } from "../proto/v2-request.ts";

const attributesPath = /^\/0\/members\/([0-9a-f]{1,16})\/attributes$/;
const versionPath = "/0/version";

/** Throws CorruptionError for what sets anything else: to pass it over would be a loss without a word. */
export function applyV2Request(cluster: Cluster, { method, path, value }: V2Request): void {
  const id = attributesPath.exec(path)?.[1];
  if (method === "PUT" && id !== undefined) {
    cluster.updateAttributes(memberId(BigInt(`0x${id}`)), attributesOf(path, value));
  } else if (method === "PUT" && path === versionPath) {
    cluster.setVersion(value);
  } else {
    throw new CorruptionError(
      `the log holds a request of the v2 API, ${method} ${path}, which etcd has given up in 3.6; ` +
        "take a snapshot with the etcd that wrote it, with an empty v2 store, and restore that",
    );
  }
}

function attributesOf(
  path: string,
  value: string,
): { readonly name: string; readonly clientUrls: readonly string[] } {
  let cause: unknown;
  try {
    const json = JSON.parse(value) as {
      readonly name?: unknown;
      readonly clientURLs?: unknown;
    } | null;
    const { name = "", clientURLs } = json ?? {};
    const clientUrls = clientURLs ?? [];
    if (typeof name === "string" && Array.isArray(clientUrls)) {
      return { name, clientUrls: clientUrls.map(String) };
    }
  } catch (error) {
    cause = error;
  }
  throw new CorruptionError(`the log sets ${path} to what are no attributes of a member`, {
    cause,
  });
}
