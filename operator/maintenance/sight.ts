/** What a run of maintenance looks at: the objects of the cluster, and what its members say of themselves. Read anew before each step. */
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { ListedAlarm, ListedMember } from "../cluster/observed.ts";

/** A member's own answer. Ids are lower-case hex. */
export interface MemberState {
  readonly kind: "answered";
  readonly id: string;
  readonly clusterId: string;
  /** "" when it knows of none. */
  readonly leaderId: string;
  readonly isLearner: boolean;
  readonly raftTerm: number;
  readonly raftIndex: number;
  readonly raftAppliedIndex: number;
  /** Newest revision that it has. */
  readonly revision: number;
  readonly dbSizeBytes: number;
  readonly dbSizeInUseBytes: number;
  /** Negative for no limit, 0 when it does not tell (before etcd 3.6). */
  readonly quotaBytes: number;
}

export type MemberAnswer = MemberState | { readonly kind: "silent"; readonly reason: string };

export interface EtcdSight {
  /** By the name of the EtcdMember: all of them were asked. */
  readonly answers: ReadonlyMap<string, MemberAnswer>;
  /** Read linearizably, by the leader where one is known. */
  readonly list:
    | { readonly kind: "known"; readonly members: readonly ListedMember[] }
    | { readonly kind: "unknown"; readonly reason: string };
  /** All that are raised. Empty while the list is unknown. */
  readonly alarms: readonly ListedAlarm[];
}

export interface Sight extends EtcdSight {
  readonly cluster: EtcdCluster;
  /** Those that this very cluster object controls, by name. */
  readonly members: readonly EtcdMember[];
}

/** A member that answers. */
export interface Answering {
  readonly name: string;
  readonly state: MemberState;
}

/** By name. */
export function answering({ answers }: EtcdSight): readonly Answering[] {
  return [...answers]
    .flatMap(([name, answer]) => (answer.kind === "answered" ? [{ name, state: answer }] : []))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** The member that says that it leads; of two that do, the one of the newer term. */
export function leaderIn(sight: EtcdSight): Answering | undefined {
  return answering(sight)
    .filter(({ state }) => state.leaderId === state.id)
    .sort((left, right) => right.state.raftTerm - left.state.raftTerm)[0];
}

/** The newest term that any of them knows: each change of the leader is in a new one. */
export function termIn(sight: EtcdSight): number {
  return Math.max(0, ...answering(sight).map(({ state }) => state.raftTerm));
}

/** The newest revision that any of them has. */
export function newestRevisionIn(sight: EtcdSight): number {
  return Math.max(0, ...answering(sight).map(({ state }) => state.revision));
}
