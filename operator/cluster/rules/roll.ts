/**
 * The rule for Pods that are not as asked any more (operators.md 4.3, DRUID's DEP-07): those whose member is down anyway first, then followers by name, the
 * leader last and after it has handed over, unless it does not within two minutes. The next one only when all are there and have the log: never two at once.
 */

import { isOutdated } from "../built.ts";
import { whyNotCalm, whyNotNow } from "../calm.ts";
import type { MemberView } from "../member-view.ts";
import { type Answer, type Look, type Rule, step, wait } from "../rule.ts";
import { growthOf, needsRestart } from "../volume-growth.ts";
import { minAvailableOf } from "./disruption.ts";
import { isDown } from "./down.ts";
import { handOver, hasRefused, unmovedText } from "./hand-over.ts";
import { isToLive, latchImage } from "./pod.ts";

/** After the rules for volumes: while a claim is being deleted nothing may end a Pod, so the roll stands still and membership goes on. */
export const rollPods: Rule = (look) => {
  const living = look.members.filter(isToLive);
  const outdated = living.filter((seen) => whyRolled(look, seen) !== undefined);
  if (outdated.length === 0 || living.some(({ isVolumeGoing }) => isVolumeGoing)) return undefined;
  const busy = whyNotNow(look);
  if (busy !== undefined) return busy;
  const down = outdated.find((seen) => isDown(look, seen));
  // The change may be what brings it up; of a single member nobody else is there to wait for.
  const atOnce = down ?? (living.length === 1 && look.voters.length < 2 ? outdated[0] : undefined);
  return atOnce === undefined ? nextInTurn(look, outdated) : rolled(look, atOnce);
};

function nextInTurn(look: Look, outdated: readonly MemberView[]): Answer {
  const busy = whyNotCalm(look);
  if (busy !== undefined) return busy;
  const follower = outdated.find(({ name }) => name !== look.leader?.name);
  if (follower !== undefined) return rolled(look, follower);
  const [leader] = outdated;
  if (leader === undefined) return wait("NoLeader", "no member says that it leads");
  if (look.voters.length < 2) return rolled(look, leader);
  // A member that is ended hands over by itself, or is followed by an election.
  return hasRefused(look, leader)
    ? rolled(look, leader, `; ${unmovedText}`)
    : handOver(look, leader);
}

/** Why the member's Pod is to be another one. */
function whyRolled(
  look: Look,
  { member, pod, podState, volumeClaim }: MemberView,
): string | undefined {
  if (pod === undefined || podState.kind === "terminating") return undefined;
  if (isOutdated(look.cluster, member, pod)) return "what was asked of it has changed";
  return needsRestart(growthOf(look.cluster, volumeClaim), pod, look.nowMs)
    ? "its volume has grown, and the file system on it grows at the next start"
    : undefined;
}

/** Its image first, so that the Pod that comes is the one that is wanted. */
function rolled(look: Look, seen: MemberView, note = ""): Answer {
  const { pod, name } = seen;
  if (pod === undefined) return undefined;
  return (
    latchImage(look, seen) ??
    step({
      kind: "delete",
      object: pod,
      ...(isGuarded(look, seen) ? { isEviction: true } : {}),
      reason: "RestartingPod",
      message: `the pod of member ${name} is replaced: ${whyRolled(look, seen) ?? ""}${note}`,
    })
  );
}

/**
 * Whether the Pod is to go by way of the disruption budget: where that lets one go, a drain could take the same one's place between our look and our
 * request, and the API server must see both. Where it lets none go, as while more voters are wanted or fewer, or with one or two, nobody else
 * can take one either, and we may by ourselves.
 */
function isGuarded(look: Look, { isReady }: MemberView): boolean {
  const ready = look.members.filter((member) => member.isReady).length;
  return isReady && ready > minAvailableOf(look);
}
