/**
 * Up to which revision a compaction may go: the newest one that the run before saw, when that is long enough ago. So what was current a moment ago is never
 * given up, and a clock that is wrong costs a run and no history. Pure.
 */
import type { Memory } from "./outcome.ts";

/** Whatever the spec says: revisions of the last five minutes stay. */
const ageFloorMs = 5 * 60_000;
/** Clocks of nodes differ; a time that is further ahead than this is no time of a run before. */
const clockSkewMs = 60_000;

export interface CompactionInput {
  /** What the run before left. */
  readonly before: Memory;
  readonly newestRevision: number;
  readonly nowMs: number;
  readonly keepMinutes: number;
  readonly keepRevisions: number;
}

export type CompactionPlan =
  | { readonly kind: "compact"; readonly revision: number }
  /** Nothing to give up; the newest revision is remembered for the next run. */
  | { readonly kind: "remember"; readonly why: string }
  /** Too early: what is remembered stays, or runs that are close together would never compact. */
  | { readonly kind: "wait"; readonly why: string };

export function compactionPlan(input: CompactionInput): CompactionPlan {
  const { before, newestRevision, nowMs, keepMinutes, keepRevisions } = input;
  const { seenRevision, seenAt, revision: compacted = 0 } = before;
  const seenAtMs = Date.parse(seenAt ?? "");
  if (seenRevision === undefined || Number.isNaN(seenAtMs)) {
    return { kind: "remember", why: "no run before has seen a revision" };
  }
  if (seenRevision > newestRevision) {
    return {
      kind: "remember",
      why: `revision ${seenRevision} was seen, and is not there any more`,
    };
  }
  if (seenAtMs > nowMs + clockSkewMs) {
    return { kind: "remember", why: `revision ${seenRevision} was seen in the future, ${seenAt}` };
  }
  const ageMs = Math.max(ageFloorMs, keepMinutes * 60_000);
  if (nowMs - seenAtMs < ageMs) {
    const why = `revision ${seenRevision} was the newest less than ${ageMs / 60_000} minutes ago`;
    return { kind: "wait", why };
  }
  const revision = Math.min(seenRevision, newestRevision - keepRevisions);
  return revision > Math.max(0, compacted)
    ? { kind: "compact", revision }
    : { kind: "remember", why: "there is nothing to compact beyond what is to be kept" };
}
