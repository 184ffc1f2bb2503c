/** How a world may come to rest: as it was asked for, or in a way that only a person can help. */
import type { Plan } from "../../../operator/cluster/step.ts";
import { canLive, isReady, isVoter, quorumOf, voterCount } from "./etcd.ts";
import type { World } from "./world.ts";

export function restProblems(world: World, end: Plan): readonly string[] {
  if (end.kind === "step") return ["rest with a step left"];
  if (end.kind === "done") return doneProblems(world);
  return isExcused(world, end.reason) ? [] : [`comes to rest as ${end.reason}: ${end.message}`];
}

/** By what is so, and not by what happened. */
function isExcused(world: World, reason: string): boolean {
  const { slots, spec } = world;
  const voters = slots.filter(isVoter);
  const able = voters.filter(canLive).length;
  // Too few that can ever decide something: nothing may be done without a person.
  if (world.hasClusterId && able < quorumOf(voters.length)) return true;
  switch (reason) {
    case "EvenReplicas":
      return spec.replicas % 2 === 0 && !spec.allowEvenReplicas;
    case "MembersLost":
      return slots.every(({ member }) => member === undefined);
    case "VolumeDeletionPending":
      // With one more member the data would be saved; asleep there is none.
      if (spec.replicas === 0 && slots.some(({ volume }) => volume?.isGoing === true)) return true;
      return isLostAtBirth(world);
    case "VolumeLost":
    case "PodPending":
    case "PodNotReady":
      return isLostAtBirth(world);
    default:
      return false;
  }
}

/** Before it was known that the cluster lives, the one member was all there was. */
function isLostAtBirth({ hasClusterId, slots }: World): boolean {
  return !hasClusterId && slots.every((slot) => !canLive(slot));
}

/** What a person who wrote the spec would look at. */
function doneProblems(world: World): readonly string[] {
  const { slots, spec, budget } = world;
  if (spec.replicas === 0) {
    return slots.some(({ pod }) => pod !== undefined) ? ["asleep with a pod"] : [];
  }
  const wishes: readonly (readonly [string, boolean])[] = [
    ["as many voters as wanted", voterCount(world) === spec.replicas],
    ["only voters", slots.every((slot) => isVoter(slot) && slot.member !== undefined)],
    ["all ready", slots.every((slot) => isReady(world, slot) && slot.pod?.isGoing === false)],
    [
      "the image",
      slots.every(
        ({ pod, member }) => pod?.template === spec.image && member?.image === spec.image,
      ),
    ],
    ["volumes that stay", slots.every(({ volume }) => volume?.isGoing === false)],
    ["a budget of quorum", budget === quorumOf(spec.replicas)],
    ["two Services", world.hasPeersService && world.hasClientService],
    ["the cluster latched", world.hasClusterId],
    [
      "the loss made good",
      // One that was given up and came back before it was removed stays.
      !world.isReplacing || slots.some((slot) => slot.givenUp !== undefined && isVoter(slot)),
    ],
    ["no forced pod", slots.every(({ pod }) => pod?.isForced !== true)],
  ];
  return wishes.flatMap(([wish, isFulfilled]) => (isFulfilled ? [] : [`done without ${wish}`]));
}
