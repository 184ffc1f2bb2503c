/**
 * How fast a member's disk was between two looks: the 99th percentile of its commits and of its log's syncs, from the two histograms that every etcd shows
 * (storage/backend and storage/wal, metrics.go). Pure.
 */

/** Text of a metrics port, in Prometheus' format. */
export type Exposition = string;

/** Cumulative counts by upper bound, in seconds, the bounds growing; the last one is Infinity. */
type Buckets = readonly (readonly [bound: number, count: number])[];

const names = [
  "etcd_disk_backend_commit_duration_seconds",
  "etcd_disk_wal_fsync_duration_seconds",
] as const;

export type DiskTimes = Readonly<Record<(typeof names)[number], Buckets>>;

/** Undefined when one of the histograms is missing. */
export function diskTimesIn(text: Exposition): DiskTimes | undefined {
  const [commits, syncs] = names.map((name) => bucketsOf(text, name));
  if (commits === undefined || syncs === undefined) return undefined;
  if (commits.length === 0 || syncs.length === 0) return undefined;
  return { [names[0]]: commits, [names[1]]: syncs };
}

/** In milliseconds, of the slower of the two; 0 when nothing was written in between, Infinity when it is beyond all bounds. */
export function p99MsBetween(before: DiskTimes, after: DiskTimes): number {
  const seconds = names.map((name) => quantile(increase(before[name], after[name]), 0.99));
  return Math.max(...seconds) * 1000;
}

function bucketsOf(text: Exposition, name: string): Buckets {
  const line = new RegExp(`^${name}_bucket\\{[^}]*\\ble="([^"]+)"[^}]*\\} (\\S+)`, "gm");
  return [...text.matchAll(line)]
    .map(([, bound = "", count = ""]) => {
      return [bound === "+Inf" ? Infinity : Number(bound), Number(count)] as const;
    })
    .sort(([left], [right]) => left - right);
}

/** A process that began anew counts from nothing. */
function increase(before: Buckets, after: Buckets): Buckets {
  const known = new Map(before);
  const isAnew = after.some(([bound, count]) => count < (known.get(bound) ?? 0));
  return isAnew ? after : after.map(([bound, count]) => [bound, count - (known.get(bound) ?? 0)]);
}

/** As Prometheus' histogram_quantile: even within a bucket. */
function quantile(buckets: Buckets, share: number): number {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return 0;
  const rank = share * total;
  let lowerBound = 0;
  let lowerCount = 0;
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      if (bound === Infinity) return Infinity;
      return lowerBound + (bound - lowerBound) * ((rank - lowerCount) / (count - lowerCount));
    }
    lowerBound = bound;
    lowerCount = count;
  }
  return Infinity;
}
