/**
 * What to do next for one EtcdCluster: the first rule of the list that has something to say decides. Pure: the same for the same observation, so two
 * operators, or one that crashed and came back, do the same.
 *
 * One step at a time, and any step may be the last one for weeks: the cluster is safe after each of them.
 */
import type { Observed, PlanContext } from "./observed.ts";
import { forEachMember, type Rule } from "./rule.ts";
import {
  beingDeleted,
  foreignObject,
  paused,
  reservedFlag,
  scalingNotServed,
} from "./rules/hold.ts";
import {
  clusterIdMismatch,
  latchClusterId,
  latchMemberId,
  memberIdMismatch,
  unknownMember,
} from "./rules/identity.ts";
import {
  createPod,
  memberImage,
  memberNotListed,
  memberTerminating,
  podFinished,
  podTerminating,
  rollPod,
} from "./rules/pod.ts";
import { createSeed, latchSeed, membersLost, seedMismatch } from "./rules/seed.ts";
import { clientService, peersService, serviceTerminating } from "./rules/services.ts";
import { etcdUnreachable, podComingUp } from "./rules/settle.ts";
import {
  createVolume,
  latchVolume,
  volumeLost,
  volumeOwner,
  volumeTerminating,
} from "./rules/volume.ts";
import type { Plan } from "./step.ts";

const rules: readonly Rule[] = [
  // When hands are off, they are off from everything.
  beingDeleted,
  paused,
  foreignObject,
  reservedFlag,
  scalingNotServed,

  // They harm nobody, and members need the DNS names to start.
  peersService,
  clientService,

  // One birth. membersLost before createSeed: what lived is never born again.
  latchSeed,
  membersLost,
  seedMismatch,
  createSeed,

  // Whether this is the cluster we think it is, before anything touches a Pod or a volume.
  clusterIdMismatch,
  unknownMember,
  forEachMember(memberIdMismatch),
  // What was learned is latched at once: the rules for Pods rest on it.
  latchClusterId,
  forEachMember(latchMemberId),

  forEachMember(memberTerminating),
  // Before all that ends a Pod: a volume under deletion lives as long as its Pod.
  forEachMember(volumeLost),
  forEachMember(volumeTerminating),
  forEachMember(createVolume),
  forEachMember(latchVolume),
  forEachMember(volumeOwner),

  // A Pod that ends still holds volume and identity: no other rule for Pods before it is gone.
  forEachMember(podTerminating),
  forEachMember(podFinished),
  // Before createPod, so that a Pod is not made with an image that is to be replaced at once.
  forEachMember(memberImage),
  forEachMember(memberNotListed),
  forEachMember(createPod),
  forEachMember(rollPod),

  // Nothing is left to do but to wait.
  forEachMember(podComingUp),
  etcdUnreachable,
  serviceTerminating,
];

/** Never throws for anything that an API server can hold; asserts that what was read has a uid. */
export function plan(observed: Observed, context: PlanContext): Plan {
  const { cluster } = observed;
  const latched = cluster.status ?? {};
  const look = { observed, context, cluster, latched };
  for (const rule of rules) {
    const answer = rule(look);
    if (answer !== undefined) return answer;
  }
  return { kind: "done" };
}
