/** Whether a member is down, so that a change of it costs nothing and may be what helps. */
import type { MemberView } from "../member-view.ts";
import { restartsOf } from "../pod-state.ts";
import type { Look } from "../rule.ts";

/** Longer than a member that lives keeps silent: for defragmentation, a slow disk, a pause of its machine. */
const stallMs = 60_000;

/** For some time, or again and again: a member that only stalls may be back in a moment, and its vote may be needed until then. */
export function isDown(
  { nowMs }: Look,
  { isReady, answer, pod, podState, member }: MemberView,
): boolean {
  if (isReady || answer !== undefined) return false;
  const { downSince } = member.status ?? {};
  const isLong = downSince !== undefined && nowMs - Date.parse(downSince) >= stallMs;
  return podState.kind === "pending" || restartsOf(pod).restarts > 0 || isLong;
}
