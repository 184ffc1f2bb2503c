/** The arithmetic of the comparison: medians over rounds, ratios, verdicts. Knows no server. */
import type { Gate } from "./workload.ts";

export type Verdict = "pass" | "miss" | "invalid" | "none";

/** The middle value; of an even number the mean of the middle two. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  if (sorted.length % 2 === 1) return upper;
  return ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The smallest value that at least the share `q` of all does not exceed: of few values their largest, for a high q. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/** Ours divided by theirs, each the median over its rounds. NaN when one has no value or theirs is 0. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): number {
  const divisor = median(theirs);
  return divisor === 0 ? Number.NaN : median(ours) / divisor;
}

/** A ratio that is not a number never passes. */
export function judge(ratio: number, gate: Gate | undefined): Verdict {
  if (gate === undefined) return "none";
  const passes = gate.bound === "atLeast" ? ratio >= gate.ratio : ratio <= gate.ratio;
  return passes ? "pass" : "miss";
}
