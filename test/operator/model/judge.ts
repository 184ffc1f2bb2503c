/** What must hold in every world, and of every step that an operator wants to take in it, written without the plan's own arithmetic. */
import type { Observed, PlanContext } from "../../../operator/cluster/observed.ts";
import type { Plan } from "../../../operator/cluster/step.ts";
import {
  hasHealthyQuorum,
  healthyVoters,
  isHealthy,
  isVoter,
  leaderOf,
  quorumOf,
  voterCount,
} from "./etcd.ts";
import { tooManyEvictions } from "./evictions.ts";
import { requestOf } from "./requests.ts";
import { nameOf, type Request, type Slot, type World } from "./world.ts";

export type PlanFunction = (observed: Observed, context: PlanContext) => Plan;

export function worldProblems(world: World): readonly string[] {
  return [
    ...(world.violation === undefined ? [] : [world.violation]),
    ...membershipProblems(world),
    ...intersectionProblems(world),
  ];
}

/** A name that two operators drew may be there twice for a moment, when the write of one came late: neither has joined. */
function membershipProblems({ slots, hadLateWrite, hasClusterId }: World): readonly string[] {
  const learners = slots.filter(({ entry }) => entry?.isLearner === true).length;
  const unborn = hasClusterId ? slots.filter(isUnborn).length : 0;
  const isTooMany = learners > 1 || (learners + unborn > 1 && !hadLateWrite);
  return isTooMany ? [`${learners} learners and ${unborn} unborn members at once`] : [];
}

/** It has never been listed, and nothing is there of it but its object. */
function isUnborn({ member, entry, volume, pod }: Slot): boolean {
  return (
    member?.bootstrap === "JoinExisting" &&
    member.id === undefined &&
    entry === undefined &&
    volume === undefined &&
    pod === undefined
  );
}

/** Of any voters that may decide something together, one has the newest acknowledged write. */
function intersectionProblems(world: World): readonly string[] {
  const without = world.slots.filter(
    (slot) =>
      isVoter(slot) &&
      slot.volume?.data?.id === slot.entry?.id &&
      slot.volume?.data?.log !== "fresh" &&
      slot.volume?.data?.isBad !== true,
  );
  return without.length > 0 && without.length >= quorumOf(voterCount(world))
    ? [`${without.length} of ${voterCount(world)} voters lack the newest acknowledged write`]
    : [];
}

/** What people and accidents do to the number of members is made good at the next look. */
export function stepProblems(world: World, planned: Plan, observed: Observed): readonly string[] {
  const request = planned.kind === "step" ? requestOf(planned.step) : undefined;
  const late = request?.kind === "apply-budget" ? undefined : tooManyEvictions(world);
  const unpriced = late === undefined ? [] : [late];
  if (planned.kind !== "step" || request === undefined || world.spec.isPaused) {
    return planned.kind === "step" ? ["a step while paused"] : world.spec.isPaused ? [] : unpriced;
  }
  const { step } = planned;
  const isKnown = observed.etcd.kind === "known";
  return [
    ...unpriced,
    ...(isKnown ? [] : silenceProblems(world, request)),
    ...requestProblems(world, request),
  ].map((problem) => `${problem} (${step.reason}: ${step.message})`);
}

/** Nothing is taken away, and no member added, upon silence. */
function silenceProblems(world: World, request: Request): readonly string[] {
  switch (request.kind) {
    case "delete-volume":
    case "delete-member":
    case "add-learner":
    case "promote":
    case "remove":
    case "move-leader":
      return [`${request.kind} while the member list is not known`];
    case "delete-pod": {
      const { pod } = world.slots[request.slot]!;
      const isDead = pod?.process !== "Up" || pod.isForced;
      const isToStop = world.spec.replicas === 0 || world.recovery?.phase === "Stopping";
      // The last of its kind, or one whose change may be what mends it.
      const isOutdated = pod?.template !== world.spec.image;
      return isDead || isToStop || isOutdated ? [] : ["a pod is ended while etcd is silent"];
    }
    default:
      return [];
  }
}

function requestProblems(world: World, request: Request): readonly string[] {
  switch (request.kind) {
    case "latch-cluster":
      return latchProblems(world, request);
    case "latch-member": {
      const { member } = world.slots[request.slot]!;
      const again = Object.keys(request.fields).filter((field) => Object.hasOwn(member!, field));
      return again.map((field) => `${field} of a member is latched a second time`);
    }
    case "create-member":
      return memberProblems(world, request);
    case "create-volume":
      return world.slots[request.slot]?.member?.volume === undefined
        ? []
        : ["a volume that was lost is made anew, without its data"];
    case "create-pod":
      return podProblems(world, request);
    case "delete-pod":
      return endProblems(world, request.slot);
    case "delete-volume":
      return leavingProblems(world, request.slot, "a volume");
    case "delete-member":
      return leavingProblems(world, request.slot, "an EtcdMember");
    case "add-learner":
      return isAllThere(world) ? [] : ["a learner is added while a voter is away"];
    case "promote":
      return promotionProblems(world, request.slot);
    case "remove":
      return removalProblems(world, request);
    case "move-leader":
      return isHealthy(world.slots[request.to]!) ? [] : ["the lead goes to one that is not well"];
    default:
      return [];
  }
}

function promotionProblems(world: World, at: number): readonly string[] {
  const { volume } = world.slots[at]!;
  return [
    ...(isAllThere(world) ? [] : ["a learner is promoted while a voter is away"]),
    ...(volume?.data === undefined || volume.data.log === "far"
      ? ["a learner is promoted that has not caught up"]
      : []),
  ];
}

function latchProblems(
  world: World,
  { seed, clusterId, recovery }: Extract<Request, { kind: "latch-cluster" }>,
): readonly string[] {
  const hasSeed = world.hasClusterId || world.slots.some(({ isSeed }) => isSeed);
  const isForcing = recovery !== undefined && recovery !== null && recovery.phase === "Stopping";
  return [
    ...(seed !== undefined && hasSeed ? ["a second seed is latched"] : []),
    ...(clusterId === true && world.hasClusterId ? ["a second cluster id is latched"] : []),
    ...(isForcing && !world.isApproved ? ["a recovery that nobody approved"] : []),
  ];
}

function memberProblems(
  world: World,
  { slot, member }: Extract<Request, { kind: "create-member" }>,
): readonly string[] {
  if (member.bootstrap === "NewCluster") {
    return world.hasClusterId ? ["a member is to start a cluster that lives already"] : [];
  }
  const isChanging = world.slots.some((seen) => seen.entry?.isLearner === true || isUnborn(seen));
  return [
    ...(slot === undefined ? [] : ["a name that was used before"]),
    ...(isChanging ? ["a second membership change at once"] : []),
    ...(isAllThere(world) ? [] : ["a member is made while a voter is away"]),
  ];
}

/** A Pod starts with the very volume that was latched, and "new" only until cluster and member are known. */
function podProblems(
  world: World,
  { slot: at, pod }: Extract<Request, { kind: "create-pod" }>,
): readonly string[] {
  const { member, volume, entry } = world.slots[at]!;
  const isNew = pod.state === "new";
  const isKnown = world.hasClusterId || member?.id !== undefined;
  const isListKnown = leaderOf(world) !== undefined && world.canOperatorReach;
  return [
    ...(member?.volume === undefined || volume?.number !== member.volume
      ? ["a pod is made without the volume that was latched"]
      : []),
    ...(volume?.isGoing === true ? ["a pod is made on a claim that goes"] : []),
    ...(isNew && isKnown ? ['initial cluster state "new" after an id was latched'] : []),
    ...(!isNew && !pod.isTold && world.hasClusterId ? ["a pod that is told no cluster id"] : []),
    ...(member?.bootstrap === "JoinExisting" && member.id === undefined
      ? ["a pod of a member without an id"]
      : []),
    ...(isListKnown && entry === undefined && !isNew
      ? ["a pod for a member that was removed"]
      : []),
    ...(pod.isForced && world.recovery?.phase !== "Restarting" ? ["a new cluster is forced"] : []),
  ];
}

function endProblems(world: World, at: number): readonly string[] {
  const slot = world.slots[at]!;
  const isListed = slot.entry !== undefined;
  const voters = voterCount(world);
  const isStopping = world.spec.replicas === 0 || world.recovery?.phase === "Stopping";
  // A recovery that a person approved goes on from the survivor's data, and gives up that of the others.
  const isGivenUp =
    world.recovery?.phase === "Stopping" && world.recovery["survivor"] !== nameOf(at);
  const isLastLink =
    slot.volume?.isGoing === true && slot.member?.volume === slot.volume.number && !isGivenUp;
  const isLeaderFirst =
    slot.leads &&
    !isStopping &&
    slot.pod?.isForced !== true &&
    !hasRefused(world, slot) &&
    world.slots.filter((other) => isVoter(other) && isHealthy(other)).length > 1;
  return [
    ...(slot.pod?.isGoing === true ? ["what is ending is deleted again"] : []),
    ...(isListed && isLastLink ? ["a pod is ended that keeps its claim alive"] : []),
    ...(isListed && isLeaderFirst ? ["a leader is ended before it has handed over"] : []),
    ...(isVoter(slot) && isHealthy(slot) && !isStopping && voters > 2 && !isAllThere(world)
      ? ["a voter is ended while another one is away"]
      : []),
  ];
}

/** It was asked to hand over for longer than anybody waits, by what is written down. */
function hasRefused({ isLeadHeld }: World, { pod }: Slot): boolean {
  return isLeadHeld && pod?.handOver !== undefined && pod.handOver > 0;
}

function leavingProblems(world: World, at: number, what: string): readonly string[] {
  const { entry, pod } = world.slots[at]!;
  return [
    ...(entry === undefined ? [] : [`${what} is deleted of a member that is listed`]),
    ...(pod !== undefined && what === "a volume" ? ["a volume is deleted under its pod"] : []),
  ];
}

function removalProblems(world: World, { slot: at }: { readonly slot: number }): readonly string[] {
  const slot = world.slots[at]!;
  if (!isVoter(slot)) return [];
  const voters = voterCount(world);
  const rest = healthyVoters(world) - Number(isHealthy(slot));
  return [
    ...(hasHealthyQuorum(world) ? [] : ["a voter is removed without a quorum"]),
    ...(rest < quorumOf(voters - 1) ? ["a removal leaves no quorum"] : []),
    // One that is ending hands over by itself; of one whose EtcdMember is gone nobody knows how it is reached.
    ...(slot.leads && isHealthy(slot) && slot.member !== undefined && !hasRefused(world, slot)
      ? ["a leader is removed before it has handed over"]
      : []),
    ...(voters <= world.spec.replicas ? replacementProblems(slot) : []),
  ];
}

/** A voter is given up when it is lost or has had its time, and that is written down before. */
function replacementProblems(slot: Slot): readonly string[] {
  const { member, pod, node, givenUp } = slot;
  const isLost = member === undefined || node === "gone" || member.volume !== slot.volume?.number;
  const isLoopLong = pod?.process === "Crashing" && pod.loopAge > 0;
  const isDownLong = member?.downSince !== undefined && member.downSince > 0;
  const isOverdue = !isHealthy(slot) && (isLoopLong || isDownLong);
  return [
    ...(isLost || isOverdue ? [] : ["a voter is given up that is well, or has time left"]),
    ...(givenUp === undefined ? ["a replacement that was not written down"] : []),
  ];
}

function isAllThere(world: World): boolean {
  return healthyVoters(world) === voterCount(world) && leaderOf(world) !== undefined;
}
