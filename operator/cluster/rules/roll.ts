/**
 * The rule for Pods that are not as asked any more (operators.md 4.3, DRUID's DEP-07): those whose member is down anyway first, then followers by name, the
 * leader last and after it has handed over. The next one only when all are there and have the log: never two at once.
 */

import { isOutdated } from "../built.ts";
import { whyNotCalm, whyNotNow } from "../calm.ts";
import type { MemberView } from "../member-view.ts";
import { restartsOf } from "../pod-state.ts";
import { type Answer, type Look, type Rule, wait } from "../rule.ts";
import { handOver } from "./hand-over.ts";
import { deletePod, isToLive, latchImage } from "./pod.ts";

/** Longer than a member that lives keeps silent: for defragmentation, a slow disk, a pause of its machine. */
const stallMs = 60_000;

/** After the rules for volumes: while a claim is being deleted nothing may end a Pod, so the roll stands still and membership goes on. */
export const rollPods: Rule = (look) => {
  const living = look.members.filter(isToLive);
  const outdated = living.filter(
    ({ member, pod, podState }) =>
      pod !== undefined && podState.kind !== "terminating" && isOutdated(look.cluster, member, pod),
  );
  if (outdated.length === 0 || living.some(({ isVolumeGoing }) => isVolumeGoing)) return undefined;
  const busy = whyNotNow(look);
  if (busy !== undefined) return busy;
  const down = outdated.find((seen) => isDown(look, seen));
  // The change may be what brings it up; of a single member nobody else is there to wait for.
  const atOnce = down ?? (living.length === 1 && look.voters.length < 2 ? outdated[0] : undefined);
  return atOnce === undefined ? nextInTurn(look, outdated) : rolled(look, atOnce);
};

/** For some time, or again and again: a member that only stalls may be back in a moment, and its vote may be needed until then. */
function isDown({ nowMs }: Look, { isReady, answer, pod, podState, member }: MemberView): boolean {
  if (isReady || answer !== undefined) return false;
  const { downSince } = member.status ?? {};
  const isLong = downSince !== undefined && nowMs - Date.parse(downSince) >= stallMs;
  return podState.kind === "pending" || restartsOf(pod).restarts > 0 || isLong;
}

function nextInTurn(look: Look, outdated: readonly MemberView[]): Answer {
  const busy = whyNotCalm(look);
  if (busy !== undefined) return busy;
  const follower = outdated.find(({ name }) => name !== look.leader?.name);
  if (follower !== undefined) return rolled(look, follower);
  const [leader] = outdated;
  if (leader === undefined) return wait("NoLeader", "no member says that it leads");
  // With two voters or more another one can lead. As long as this one does, it is asked again: see handOver.
  return look.voters.length > 1 ? handOver(look, leader) : rolled(look, leader);
}

/** Its image first, so that the Pod that comes is the one that is wanted. */
function rolled(look: Look, seen: MemberView): Answer {
  const { pod, name } = seen;
  if (pod === undefined) return undefined;
  return (
    latchImage(look, seen) ??
    deletePod(
      pod,
      "RestartingPod",
      `the pod of member ${name} is replaced: what was asked of it has changed`,
    )
  );
}
