/**
 * What etcd's bucket `meta` says beside what ours holds: the applied position, and which release the data is for (etcd storage/schema/cindex.go,
 * version.go). Ours keeps the position with each batch instead and needs no version, so both are added on the way out and taken off on the way in.
 */
import { compareBytes, fromText, toText } from "../../lib/bytes.ts";
import type { AppliedPosition } from "../backend.ts";
import type { BucketEntry } from "../buckets.ts";
import { viewOf, writeU64BigEndian } from "./format.ts";

export const metaName = {
  consistentIndex: "consistent_index",
  term: "term",
  storageVersion: "storageVersion",
  scheduledCompact: "scheduledCompactRev",
  finishedCompact: "finishedCompactRev",
} as const;

/** The newest release whose data this version understands. */
const storageVersionMax = { major: 3, minor: 7 } as const;
/** The first release that wrote its version down. */
const storageVersionMin = { major: 3, minor: 6 } as const;

const added: readonly string[] = [metaName.consistentIndex, metaName.term, metaName.storageVersion];

/** Whether the entry is one that etcd has and we have not. */
export const isOfEtcdOnly = (name: string): boolean => added.includes(name);

/** Etcd's bucket `meta` for ours, in key order. */
export function metaEntries(
  ours: readonly BucketEntry[],
  cluster: readonly BucketEntry[],
  position: AppliedPosition,
): BucketEntry[] {
  const entries = ours.filter(({ key }) => !isOfEtcdOnly(toText(key)));
  const add = (name: string, value: Uint8Array): void =>
    void entries.push({ key: fromText(name), value });
  add(metaName.consistentIndex, u64(position.consistentIndex));
  // Etcd takes a term of 0 for one that it has never written.
  if (position.term > 0) add(metaName.term, u64(position.term));
  const version = storageVersion(cluster);
  if (version !== undefined) add(metaName.storageVersion, fromText(version));
  return entries.sort((a, b) => compareBytes(a.key, b.key));
}

/** Why data of this release cannot be taken over; undefined when it can. */
export function storageVersionFault(text: string): string | undefined {
  const version = parse(text);
  if (version === undefined) return `the storage version ${JSON.stringify(text.slice(0, 40))}`;
  return isAtMost(version, storageVersionMax)
    ? undefined
    : `the storage version ${text}, and this member understands those up to 3.7`;
}

/**
 * Etcd's rule: the version of the cluster, or the one that it is about to go back to (storage/schema/schema.go; etcdserver/version/monitor.go). A
 * member of an older release does not start on data of a newer one.
 */
function storageVersion(cluster: readonly BucketEntry[]): string | undefined {
  const textOf = (name: string): string | undefined => {
    const found = cluster.find(({ key }) => toText(key) === name);
    return found === undefined ? undefined : toText(found.value);
  };
  const version = parse(downgradeTarget(textOf("downgrade")) ?? textOf("clusterVersion") ?? "");
  if (version === undefined || !isAtMost(storageVersionMin, version)) return undefined;
  return `${version.major}.${version.minor}.0`;
}

function downgradeTarget(json: string | undefined): string | undefined {
  if (json === undefined) return undefined;
  try {
    const value = JSON.parse(json) as { "target-version"?: unknown; enabled?: unknown } | null;
    const target = value?.["target-version"];
    return value?.enabled === true && typeof target === "string" ? target : undefined;
  } catch {
    return undefined;
  }
}

interface Version {
  readonly major: number;
  readonly minor: number;
}

function parse(text: string): Version | undefined {
  const parts = /^(\d{1,4})\.(\d{1,4})\.\d{1,4}(?:[-+].*)?$/.exec(text);
  return parts === null ? undefined : { major: Number(parts[1]), minor: Number(parts[2]) };
}

const isAtMost = (a: Version, b: Version): boolean =>
  a.major < b.major || (a.major === b.major && a.minor <= b.minor);

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU64BigEndian(viewOf(bytes), 0, value);
  return bytes;
}
