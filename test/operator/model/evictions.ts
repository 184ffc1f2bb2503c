/** What a drain of nodes may cost: the API server lets Pods be evicted as long as the budget holds. */
import { healthyVoters, isReady, leaderOf, quorumOf, voterCount } from "./etcd.ts";
import type { World } from "./world.ts";

/** While all are well, as many evictions as the budget lets through must leave a quorum, whoever they take. Undefined when they do. */
export function tooManyEvictions(world: World): string | undefined {
  const { slots, budget, spec, hadLateWrite } = world;
  const voters = voterCount(world);
  const isAllWell = voters > 0 && healthyVoters(world) === voters && leaderOf(world) !== undefined;
  // Of a change by others an operator hears that reaches etcd.
  const isToHold = budget !== undefined && spec.replicas > 0 && world.canOperatorReach;
  if (!isAllWell || !isToHold || hadLateWrite) return undefined;
  // A Pod whose EtcdMember somebody deleted goes along with it: garbage collection is at it.
  const ready = slots.filter(
    (slot) => slot.member !== undefined && isReady(world, slot) && slot.pod?.isGoing !== true,
  ).length;
  const evictable = Math.max(0, ready - budget);
  return voters - evictable < quorumOf(voters)
    ? `the budget of ${budget} lets ${evictable} of ${voters} voters be evicted`
    : undefined;
}

/** Whether the API server lets this Pod be evicted now. */
export function mayEvict(world: World, at: number): boolean {
  const slot = world.slots[at];
  if (slot?.pod === undefined || slot.pod.isGoing) return false;
  const ready = world.slots.filter((other) => isReady(world, other)).length;
  const left = isReady(world, slot) ? ready - 1 : ready;
  return left >= (world.budget ?? 0);
}
