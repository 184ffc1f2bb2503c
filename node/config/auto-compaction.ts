/** What --auto-compaction-mode and --auto-compaction-retention mean together (etcd embed/etcd.go, parseCompactionRetention; config.go, Validate). */
import { parseGoDuration } from "../lib/go-units.ts";
import type { AutoCompactionSettings } from "../server/auto-compaction.ts";

export type ReadAutoCompaction =
  | { readonly kind: "off" }
  | { readonly kind: "on"; readonly settings: AutoCompactionSettings }
  | { readonly kind: "problem"; readonly problem: string };

const nsPerMs = 1e6;
const nsPerHour = 3600e9;

/**
 * A bare number is hours in the mode periodic, revisions in the mode revision; all else is a duration, and 0 of any of them is off. As on etcd the
 * mode revision takes a duration for its nanoseconds. Unlike on etcd a negative retention is a problem: there it compacts without a pause.
 */
export function readAutoCompaction(mode: string, retention: string): ReadAutoCompaction {
  if (mode !== "periodic" && mode !== "revision") {
    const problem =
      mode === ""
        ? "undefined auto-compaction-mode"
        : `unknown auto-compaction-mode ${JSON.stringify(mode)}`;
    return { kind: "problem", problem };
  }
  const failed = (why: string): ReadAutoCompaction => ({
    kind: "problem",
    problem: `error parsing CompactionRetention: ${why}`,
  });
  let amount: number;
  try {
    amount = amountOf(mode, retention === "" ? "0" : retention);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return failed(error.message);
  }
  if (amount < 0) return failed("it must not be negative");
  if (amount === 0) return { kind: "off" };
  return {
    kind: "on",
    settings:
      mode === "periodic"
        ? { mode, retentionMs: amount / nsPerMs }
        : { mode, retentionRevisions: amount },
  };
}

/** Nanoseconds, or revisions. Throws RangeError with Go's text. */
function amountOf(mode: "periodic" | "revision", retention: string): number {
  // strconv.Atoi, for what is not negative.
  if (!/^(\+?\d+|-0+)$/.test(retention)) return parseGoDuration(retention);
  const number = Number(retention);
  // Too large for an int: Go goes on to read a duration, and finds no unit.
  if (number >= 2 ** 63) return parseGoDuration(retention);
  return mode === "periodic" ? number * nsPerHour : number;
}
