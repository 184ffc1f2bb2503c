/** How many voters there are to be just now. */
import type { Look } from "./rule.ts";

/**
 * spec.replicas, and one more while a voter has to go that still serves: a healthy change adds first, then removes (operators.md 7.4, rule 3). Such a
 * voter is one whose claim somebody deleted: its data lives as long as its Pod, and no longer.
 */
export function wantedVotersOf(look: Look): number {
  const { target, members } = look;
  if (target === 0) return look.voters.length;
  const isOneGoing = members.some(
    ({ standing, isVolumeGoing, serves }) => standing === "Voter" && isVolumeGoing && serves,
  );
  return isOneGoing ? target + 1 : target;
}

/** An even number survives no more failures than one less, so a person has to want it. */
export function isTargetServed({ target, cluster, voters }: Look): boolean {
  const isEven = target > 0 && target % 2 === 0;
  return !isEven || cluster.spec.allowEvenReplicas || voters.length === target;
}
