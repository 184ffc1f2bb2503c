/** How far a learner is, and how long it may take. */
import type { MemberView } from "./member-view.ts";
import type { Look } from "./rule.ts";

/** A learner that does not come up within this time holds up all other changes for nothing (operators.md 4.3, COZY's learner wedge). */
const startDeadlineMs = 15 * 60_000;
/** For people. */
export const startingText = `it has ${startDeadlineMs / 60_000} minutes to come up before another one is tried`;
/** One that answers is being sent the data, which may be much. */
const syncDeadlineMs = 60 * 60_000;
/** Part of the leader's log that it must have; the server has the last word. */
const syncedShare = 0.9;

/** Whether it has so much of the log that it may vote. Nothing is promoted while nobody is known to lead: there is nothing to compare with. */
export function isSynced(look: Look, { serves, answer }: MemberView): boolean {
  if (!serves || answer === undefined || look.leader === undefined) return false;
  return answer.raftAppliedIndex >= syncedShare * look.committedIndex;
}

/** Whole percents in steps of five, so that a status that tells of it is not written all the time. Undefined while it does not answer. */
export function syncedPercentOf(look: Look, { answer }: MemberView): number | undefined {
  if (answer === undefined || look.committedIndex === 0) return undefined;
  const share = Math.min(1, answer.raftAppliedIndex / look.committedIndex);
  return Math.floor((share * 100) / 5) * 5;
}

/** Why it has been given time enough. By times that stand in objects: it was made then, it is down since then. */
export function overdueOf(look: Look, seen: MemberView): string | undefined {
  const { creationTimestamp } = seen.member.metadata;
  const { downSince } = seen.member.status ?? {};
  const sinceMs = (time: string | undefined): number =>
    time === undefined ? 0 : look.nowMs - Date.parse(time);
  const age = sinceMs(creationTimestamp);
  if (!seen.serves) {
    return age > startDeadlineMs && sinceMs(downSince) > startDeadlineMs
      ? `it did not come up within ${startDeadlineMs / 60_000} minutes`
      : undefined;
  }
  return age > syncDeadlineMs && !isSynced(look, seen)
    ? `it did not catch up within ${syncDeadlineMs / 60_000} minutes`
    : undefined;
}
