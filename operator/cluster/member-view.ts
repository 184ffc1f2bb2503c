/** One member as decisions need it: its objects, its entry in etcd's list and its own answer put together. */
import type { EtcdMember } from "../api/v1alpha1/types.ts";
import type { EtcdView, ListedMember, MemberStatusAnswer, ObservedMember } from "./observed.ts";
import { type PodState, podStateOf } from "./pod-state.ts";

/**
 * What the member is in its cluster.
 *
 *   Founding   the seed of a cluster that has no id yet
 *   Unborn     an EtcdMember that etcd has never listed: it has no volume, no Pod, no identity
 *   Learner, Voter   as listed
 *   Removed    it had an identity, and etcd's list, which is known, does not hold it: dead for ever
 *   Unclear    it has an identity, and the list is not known: nothing is concluded
 */
export type Standing = "Founding" | "Unborn" | "Learner" | "Voter" | "Removed" | "Unclear";

export interface MemberView extends ObservedMember {
  readonly name: string;
  readonly standing: Standing;
  readonly listed: ListedMember | undefined;
  readonly answer: MemberStatusAnswer | undefined;
  readonly podState: PodState;
  /** It answers for its identity, knows who leads, and its Pod is not ending: its vote counts. Its readiness is another matter. */
  readonly serves: boolean;
  /** The kubelet says that its Pod is ready. */
  readonly isReady: boolean;
  /** Somebody deleted its claim, which goes as soon as its Pod does. */
  readonly isVolumeGoing: boolean;
}

export interface Surroundings {
  readonly etcd: EtcdView;
  readonly list: readonly ListedMember[] | undefined;
  readonly isFormed: boolean;
}

export function viewOf(seen: ObservedMember, around: Surroundings): MemberView {
  const { member, pod, volumeClaim } = seen;
  const { name } = member.metadata;
  const listed = around.list === undefined ? undefined : entryOf(around.list, member);
  const answer = around.etcd.kind === "unasked" ? undefined : around.etcd.answers.get(name);
  const answered = answer?.kind === "answered" ? answer : undefined;
  const podState = podStateOf(pod);
  return {
    ...seen,
    name,
    standing: standingOf(seen, listed, around),
    listed,
    answer: answered,
    podState,
    serves:
      listed !== undefined &&
      answered !== undefined &&
      answered.memberId === listed.id &&
      answered.leaderId !== "" &&
      podState.kind === "running",
    isReady: podState.kind === "running" && podState.isReady,
    isVolumeGoing:
      volumeClaim?.metadata.deletionTimestamp !== undefined &&
      member.status?.volumeClaimUID === volumeClaim.metadata.uid,
  };
}

/** By its id once that is known: an entry that was made anew under its URL is somebody else. */
function entryOf(
  list: readonly ListedMember[],
  { spec, status }: EtcdMember,
): ListedMember | undefined {
  const id = status?.memberID;
  return list.find((entry) =>
    id === undefined ? entry.peerUrls.includes(spec.peerURL) : entry.id === id,
  );
}

function standingOf(
  { member, pod, volumeClaim }: ObservedMember,
  listed: ListedMember | undefined,
  { list, isFormed }: Surroundings,
): Standing {
  if (listed !== undefined) return listed.isLearner ? "Learner" : "Voter";
  if (!isFormed) return member.spec.bootstrap === "NewCluster" ? "Founding" : "Unborn";
  const hasLived =
    member.spec.bootstrap === "NewCluster" ||
    member.status?.memberID !== undefined ||
    member.status?.volumeClaimUID !== undefined ||
    pod !== undefined ||
    volumeClaim !== undefined;
  if (!hasLived) return "Unborn";
  return list === undefined ? "Unclear" : "Removed";
}
