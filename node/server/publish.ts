/**
 * Tells the cluster, through the log, who this member is and where its clients find it, and the cluster's version if nobody has: etcd's
 * publishV3 and the leader's version monitor. Only then may the member serve.
 */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Timers } from "../lib/ports.ts";
import { internalRequest } from "../proto/internal-raft-codec.ts";
import { encodeClusterMemberAttrSet, encodeClusterVersionSet } from "../proto/membership-codec.ts";
import type { Proposer } from "./propose.ts";
import { clusterVersion } from "./version.ts";

export interface Publisher {
  readonly id: bigint;
  readonly cluster: { readonly version: string | undefined };
  propose(field: number, message: Uint8Array, start: number, end: number, proposer: Proposer): void;
}

/** Between two attempts: a member that still applies its log, or finds no leader, refuses at once. */
const retryMs = 50;

/** Retries whatever the refusal is, as etcd does, until the member stops: then it rejects. */
export async function publish(
  member: Publisher,
  attributes: { readonly name: string; readonly clientUrls: readonly string[] },
  timers: Timers,
): Promise<void> {
  const request = encodeClusterMemberAttrSet({ memberId: member.id, ...attributes });
  await proposeUntilApplied(member, internalRequest.clusterMemberAttrSet, request, timers);
  if (member.cluster.version === undefined) {
    const version = encodeClusterVersionSet(clusterVersion);
    await proposeUntilApplied(member, internalRequest.clusterVersionSet, version, timers);
  }
}

async function proposeUntilApplied(
  member: Publisher,
  field: number,
  message: Uint8Array,
  timers: Timers,
): Promise<void> {
  for (;;) {
    const refusal = await new Promise<EtcdErrorKind | undefined>((resolve) => {
      member.propose(field, message, 0, message.length, {
        applied: () => resolve(undefined),
        refused: resolve,
      });
    });
    if (refusal === undefined) return;
    if (refusal === "Stopped") throw new Error("the member stopped before it had published itself");
    await new Promise<void>((resolve) => timers.after(retryMs, resolve));
  }
}
