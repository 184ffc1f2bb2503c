/**
 * What to do next for one EtcdCluster: the rules are asked in order, and the first step that one of them has is taken. Pure: the same for the same
 * observation, so two operators, or one that crashed and came back, do the same.
 *
 * One step at a time, and any step may be the last one for weeks: the cluster is safe after each of them.
 */
import { lookOf } from "./look.ts";
import type { Observed, PlanContext } from "./observed.ts";
import {
  type Answer,
  forEachMember,
  forEachMemberInTurn,
  graverOf,
  type Look,
  type MemberRule,
  type Rule,
} from "./rule.ts";
import { corruptMember } from "./rules/corrupt.ts";
import { maintenanceJobs } from "./rules/cron-jobs.ts";
import { disruptionBudget } from "./rules/disruption.ts";
import { madeGood } from "./rules/giving-up.ts";
import { growVolumes } from "./rules/grow.ts";
import { replaceLost, replaceOrphan } from "./rules/healing.ts";
import { hibernate } from "./rules/hibernate.ts";
import { beingDeleted, foreignObject, paused, reservedFlag } from "./rules/hold.ts";
import {
  clusterIdMismatch,
  latchClusterId,
  latchMemberId,
  memberIdMismatch,
  unknownMember,
} from "./rules/identity.ts";
import { addLearner, dropUnborn, giveUpLearner, promoteLearner } from "./rules/membership.ts";
import {
  createPod,
  imageBeforePod,
  isToLive,
  memberTerminating,
  podFinished,
  podTerminating,
} from "./rules/pod.ts";
import { forcedPodLeft, quorumLost, recoverQuorum } from "./rules/quorum-loss.ts";
import { cleanUpRemoved } from "./rules/removal.ts";
import { rollPods } from "./rules/roll.ts";
import { evenReplicas, scaleDown, scaleUp } from "./rules/scale.ts";
import { asleepUnborn, createSeed, latchSeed, membersLost, seedMismatch } from "./rules/seed.ts";
import { clientService, peersService, serviceTerminating } from "./rules/services.ts";
import { etcdUnreachable, memberNotServing, podComingUp } from "./rules/settle.ts";
import { recoverSpace } from "./rules/space.ts";
import { certificatesBeforeBirth, dueCertificates, pressingCertificates } from "./rules/tls.ts";
import {
  createVolume,
  latchVolume,
  volumeLost,
  volumeOwner,
  volumeTerminating,
} from "./rules/volume.ts";
import type { Plan } from "./step.ts";

/**
 * `decides`: any answer ends the plan; the rules after it rely on what it let pass.
 * `notes`: only a step ends it. A wait is remembered, and the rules after it are asked all the same: they ask for themselves whether they may.
 */
interface Entry {
  readonly kind: "decides" | "notes";
  readonly rule: Rule;
}

const decides = (...rules: readonly Rule[]): readonly Entry[] =>
  rules.map((rule) => ({ kind: "decides", rule }));
const notes = (...rules: readonly Rule[]): readonly Entry[] =>
  rules.map((rule) => ({ kind: "notes", rule }));

/** While data is in doubt, a volume that is lost with a dead member might be the right one: nothing else is healed then. */
const heal: Rule = (look) => corruptMember(look) ?? replaceOrphan(look) ?? replaceLost(look);

const ofLiving =
  (rule: MemberRule): MemberRule =>
  (look, seen) =>
    isToLive(seen) ? rule(look, seen) : undefined;

/** Of one member: each relies on those before it. A Pod that ends still holds volume and identity, so nothing is made before it is gone. */
const lifeOfMember: readonly MemberRule[] = [
  memberTerminating,
  volumeLost,
  volumeTerminating,
  createVolume,
  latchVolume,
  volumeOwner,
  podTerminating,
  podFinished,
  imageBeforePod,
  createPod,
  podComingUp,
  memberNotServing,
].map(ofLiving);

const entries: readonly Entry[] = [
  // When hands are off, they are off from everything.
  ...decides(beingDeleted, paused, foreignObject, reservedFlag, asleepUnborn),

  // They harm nobody; members need the DNS names to start, and the budget stands before the change that it is for.
  ...decides(peersService, clientService, disruptionBudget),
  // Secrets before the Pods that mount them.
  ...decides(certificatesBeforeBirth),
  ...notes(pressingCertificates),

  // One birth. membersLost before createSeed: what lived is never born again.
  ...decides(latchSeed, membersLost, seedMismatch, createSeed),

  // Whether this is the cluster we think it is, before anything touches a Pod, a volume or the member list.
  ...decides(clusterIdMismatch, unknownMember, forEachMember(memberIdMismatch)),
  // What was learned is latched at once: the rules for Pods rest on it.
  ...decides(latchClusterId, forEachMember(latchMemberId)),

  // A recovery that runs goes on, and nothing else happens. Otherwise only evidence is kept.
  ...notes(quorumLost),
  ...decides(recoverQuorum),
  ...notes(forEachMember(forcedPodLeft)),

  // What is left of members that are out of etcd: it blocks nobody, and is finished first.
  ...notes(forEachMemberInTurn([cleanUpRemoved])),
  ...decides(hibernate),

  // Dead voters leave before anything is made for them, and before others join.
  ...notes(heal, giveUpLearner),

  // All that are to live, each by itself: after a stop of everything none is ready before a quorum is.
  ...notes(forEachMemberInTurn(lifeOfMember), etcdUnreachable),

  // One membership change at a time: that which was begun is finished before another.
  ...notes(promoteLearner, dropUnborn, addLearner, madeGood),
  ...notes(recoverSpace),
  ...notes(dueCertificates),

  // Nothing presses any more: changes that were asked for, each only while all is well.
  ...notes(rollPods, evenReplicas, scaleUp, scaleDown),
  // After them: a claim that may not grow, for want of quota or rights, holds up no other change.
  ...notes(growVolumes),

  // Last, since nothing waits for them.
  ...notes(maintenanceJobs),
  ...notes(serviceTerminating),
];

/** Never throws for anything that an API server can hold; asserts that what was read has a uid. */
export function plan(observed: Observed, context: PlanContext): Plan {
  return planOf(lookOf(observed, context));
}

/** The same, for who has the look already. */
function planOf(look: Look): Plan {
  let noted: Answer;
  for (const { kind, rule } of entries) {
    const answer = rule(look);
    if (answer === undefined) continue;
    if (answer.kind === "step") return answer;
    noted = graverOf(noted, answer);
    if (kind === "decides") break;
  }
  return noted ?? { kind: "done" };
}
