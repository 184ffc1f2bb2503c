/** Who belongs to the cluster at the log index of a state: what goes with it to another member, and into a `.snap` file. */
import type { Backend } from "../backend/backend.ts";
import type { StateSnapshot } from "../backend/backend-snapshot.ts";
import type { BucketEntry } from "../backend/buckets.ts";
import { compareBytes, fromText, toText } from "../lib/bytes.ts";
import { type MemberId, memberId } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import { confStateFromJson, emptyConfState } from "../membership/conf-state-json.ts";
import { memberFromJson } from "../membership/member.ts";
import type { ConfState } from "../raft/types.ts";
import type { V2Membership } from "../snap/v2-store.ts";

export interface Membership extends V2Membership {
  readonly confState: ConfState;
}

/** The applied membership. */
export function membershipOf(cluster: Cluster, backend: Backend): Membership {
  const { members, version, confState } = cluster;
  return { members, removed: removedIn(backend.entries("members_removed")), version, confState };
}

/** The membership of a state that was opened, whatever was applied since. Rejects with CorruptionError. */
export async function membershipAt(snapshot: StateSnapshot): Promise<Membership> {
  const members = (await snapshot.bucket("members")).map(({ value }) => memberFromJson(value));
  const removed = removedIn(await snapshot.bucket("members_removed"));
  const version = valueOf(await snapshot.bucket("cluster"), "clusterVersion");
  const confState = valueOf(await snapshot.bucket("meta"), "confState");
  return {
    members: members.sort((a, b) => (a.id < b.id ? -1 : 1)),
    removed,
    version: version === undefined ? undefined : toText(version),
    confState: confState === undefined ? emptyConfState : confStateFromJson(confState),
  };
}

const removedIn = (entries: readonly BucketEntry[]): MemberId[] =>
  entries.map(({ key }) => memberId(BigInt(`0x${toText(key)}`)));

function valueOf(entries: readonly BucketEntry[], name: string): Uint8Array | undefined {
  const key = fromText(name);
  return entries.find((entry) => compareBytes(entry.key, key) === 0)?.value;
}
