/**
 * --expected-cluster-id: whoever starts the member knows to which cluster it belongs. Then an emptied volume founds no second cluster under the ids
 * of the first, and the volume of another cluster is not served in its place. Not an option of etcd.
 */
import { type ClusterId, idToHex } from "../lib/units.ts";

/** For a member that would found a cluster: its data is lost, since the cluster is known already. Throws where an id is expected. */
export function refuseFounding(expected: ClusterId | undefined, dir: string): void {
  if (expected === undefined) return;
  throw new Error(
    `--expected-cluster-id says that this member belongs to cluster ${idToHex(expected)}, which lives already, but there is no data of it in ${dir}, ` +
      "and --initial-cluster-state is new; it founds no second cluster: put its data back, or remove the member from the cluster and add another one",
  );
}

/** Throws when the cluster is another one than expected. `whose`: what belongs to `found`. */
export function checkExpectedCluster(
  expected: ClusterId | undefined,
  found: ClusterId,
  whose: string,
): void {
  if (expected === undefined || expected === found) return;
  throw new Error(
    `${whose} is of cluster ${idToHex(found)}, but --expected-cluster-id is ${idToHex(expected)}; start the member with its own data directory and the URLs of its own cluster`,
  );
}
