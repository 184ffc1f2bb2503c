/**
 * Tells the cluster, through the log, who this member is and where its clients find it, and the cluster's version if nobody has: etcd's
 * publishV3 and the leader's version monitor. Only then may the member serve.
 */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import { internalRequest } from "../proto/internal-raft-codec.ts";
import { encodeClusterMemberAttrSet, encodeClusterVersionSet } from "../proto/membership-codec.ts";
import type { Proposer } from "./propose.ts";
import { clusterVersion } from "./version.ts";

export interface Publisher {
  readonly id: bigint;
  readonly cluster: { readonly version: string | undefined };
  propose(field: number, message: Uint8Array, start: number, end: number, proposer: Proposer): void;
}

/** Retries for as long as the proposals time out. Rejects when the member stops. */
export async function publish(
  member: Publisher,
  attributes: { readonly name: string; readonly clientUrls: readonly string[] },
): Promise<void> {
  const request = encodeClusterMemberAttrSet({ memberId: member.id, ...attributes });
  await proposeUntilApplied(member, internalRequest.clusterMemberAttrSet, request);
  if (member.cluster.version === undefined) {
    const version = encodeClusterVersionSet(clusterVersion);
    await proposeUntilApplied(member, internalRequest.clusterVersionSet, version);
  }
}

async function proposeUntilApplied(
  member: Publisher,
  field: number,
  message: Uint8Array,
): Promise<void> {
  let error: EtcdErrorKind | undefined = "Timeout";
  while (error === "Timeout") {
    error = await new Promise<EtcdErrorKind | undefined>((resolve) => {
      member.propose(field, message, 0, message.length, {
        applied: () => resolve(undefined),
        refused: resolve,
      });
    });
  }
  if (error !== undefined) throw new Error(`the member could not publish itself: ${error}`);
}
