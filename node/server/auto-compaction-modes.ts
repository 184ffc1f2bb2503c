/** When to compact by itself, and to which revision: etcd's two ways (api/v3compactor/periodic.go, revision.go), without a clock of their own. */

export interface CompactionMode {
  /** Between two looks. */
  readonly intervalMs: number;
  /** Takes note of the revision now, in the beginning and each time behind an interval. */
  look(revision: () => number): void;
  /** Where to compact to, behind an interval, on a member that leads; undefined for nowhere now. */
  target(revision: () => number, nowMs: number): number | undefined;
  /** Everything below `revision` is given up. */
  compacted(revision: number, nowMs: number): void;
}

/** Looks in a period, or in an hour when that is shorter. */
const looksPerInterval = 10;
const hourMs = 3_600_000;

/**
 * Keeps the revisions of the last period: ten looks in it, or ten an hour for a longer one. The first compaction comes when a whole period has
 * passed, the next ones each period, or each hour for a longer one, to the revision of a period ago. After one that failed the next look tries again.
 */
export class PeriodicMode implements CompactionMode {
  readonly intervalMs: number;
  private readonly looksMax: number;
  /** As they were at the last looks: the first one a period ago, once there are as many as may be. */
  private readonly looks: number[] = [];
  private readonly compactEveryMs: number;
  private lastRevision = 0;
  private lastMs: number;
  private waitMs: number;

  /** `periodMs` is above 0, `nowMs` monotonic. */
  constructor(periodMs: number, nowMs: number) {
    this.compactEveryMs = Math.min(periodMs, hourMs);
    this.intervalMs = this.compactEveryMs / looksPerInterval;
    // Rounded: both are whole in Go's nanoseconds.
    this.looksMax = Math.floor((periodMs * looksPerInterval) / this.compactEveryMs) + 1;
    this.waitMs = periodMs;
    this.lastMs = nowMs;
  }

  look(revision: () => number): void {
    this.looks.push(revision());
    if (this.looks.length > this.looksMax) this.looks.shift();
  }

  target(_revision: () => number, nowMs: number): number | undefined {
    const [revision = 0] = this.looks;
    // Our timers may come a little early, unlike Go's; between two looks there is nothing to be late for.
    const isTooEarly = nowMs - this.lastMs + this.intervalMs / 2 < this.waitMs;
    if (isTooEarly || revision === this.lastRevision) return undefined;
    this.waitMs = this.compactEveryMs;
    return revision;
  }

  compacted(revision: number, nowMs: number): void {
    this.lastRevision = revision;
    this.lastMs = nowMs;
  }
}

const revisionIntervalMs = 300_000;

/** Keeps the last so many revisions; looks every five minutes. */
export class RevisionMode implements CompactionMode {
  readonly intervalMs = revisionIntervalMs;
  private readonly kept: number;
  private lastRevision = 0;

  constructor(revisionsKept: number) {
    this.kept = revisionsKept;
  }

  look(): void {
    // Only the revision at the time of the compaction counts.
  }

  target(revision: () => number): number | undefined {
    const target = revision() - this.kept;
    return target <= 0 || target === this.lastRevision ? undefined : target;
  }

  compacted(revision: number): void {
    this.lastRevision = revision;
  }
}
