/** The status of a cluster and of its members after a look: what is to be written, and whether there is anything. */
import type { Observed, PlanContext } from "../cluster/observed.ts";
import { clusterStatus, memberStatus } from "../cluster/status.ts";
import type { Plan } from "../cluster/step.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import {
  isClusterStatusCurrent,
  isMemberStatusCurrent,
  type WriteResult,
  writeClusterStatus,
  writeMemberStatus,
} from "./write-status.ts";

/** `plan`: what the look has come to. "outdated" among the results when one of the objects was changed by others since it was seen. */
export async function writeStatuses(
  client: ApiClient,
  observed: Observed,
  plan: Plan,
  context: PlanContext,
): Promise<readonly WriteResult[]> {
  const { cluster } = observed;
  // It has no future, and nobody waits for what it says.
  if (cluster.metadata.deletionTimestamp !== undefined) return [];
  const results: WriteResult[] = [];
  for (const seen of observed.members) {
    if (isTouched(plan, seen.member.metadata.name)) continue;
    const wanted = memberStatus(observed, seen, context.now);
    results.push(await writeMemberStatus(client, seen.member, wanted));
  }
  // What the step has just written is told of with the next look, which follows at once.
  if (!isClusterLatched(plan)) {
    const wanted = clusterStatus(observed, plan, context, context.now);
    results.push(await writeClusterStatus(client, cluster, wanted));
  }
  return results;
}

/** Whether writeStatuses would write nothing. */
export function areStatusesCurrent(observed: Observed, plan: Plan, context: PlanContext): boolean {
  const { cluster, members } = observed;
  if (cluster.metadata.deletionTimestamp !== undefined) return true;
  const { now } = context;
  return (
    members.every((seen) =>
      isMemberStatusCurrent(seen.member, memberStatus(observed, seen, now)),
    ) && isClusterStatusCurrent(cluster, clusterStatus(observed, plan, context, now))
  );
}

/** The step has just written it, or deleted it. */
function isTouched(plan: Plan, memberName: string): boolean {
  if (plan.kind !== "step") return false;
  const { step } = plan;
  switch (step.kind) {
    case "latch-member":
      return step.memberName === memberName;
    case "apply":
    case "delete":
      return step.object.kind === "EtcdMember" && step.object.metadata.name === memberName;
    default:
      return false;
  }
}

function isClusterLatched(plan: Plan): boolean {
  if (plan.kind !== "step") return false;
  const { step } = plan;
  return step.kind === "latch-cluster" || (step.kind === "etcd" && step.then !== undefined);
}
