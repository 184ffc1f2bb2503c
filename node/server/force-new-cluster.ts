/**
 * --force-new-cluster: the way out when a majority is lost for ever. What this member knows to be committed becomes the whole truth, and entries
 * at its end make this member the only one (etcdserver/bootstrap.go, bootstrapWALFromSnapshot; storage/util.go, CreateConfigChangeEnts).
 *
 *     kept: everything committed │ dropped: the rest │ appended: leave joint?, this member votes?, remove each other one
 *
 * What a committed entry that is not applied yet will do is not foreseen here: entries that turn out to be of no use are refused when they are
 * applied, as every change that does not fit is. So a change that might be needed is appended.
 */
import { type LogIndex, logIndex, type MemberId, type Term, term } from "../lib/units.ts";
import { idsOf, isJoint } from "../membership/conf-state-json.ts";
import { decodeChange, encodeChange, type MemberChange } from "../membership/membership-change.ts";
import { type ConfState, type Entry, entryType, type HardState } from "../raft/types.ts";

export interface ForceOptions {
  readonly self: MemberId;
  /** Where this member will be found if it has to be added. */
  readonly peerUrls: readonly string[];
  readonly hardState: HardState;
  /** The log, behind what its newest mark covers. */
  readonly entries: readonly Entry[];
  /** Configuration and index up to which the backend has applied. */
  readonly confState: ConfState;
  readonly consistentIndex: LogIndex;
}

export interface ForcedLog {
  /** Its commit covers `appended`. */
  readonly hardState: HardState;
  readonly kept: readonly Entry[];
  /** To be made durable together with `hardState` before the member starts. */
  readonly appended: readonly Entry[];
}

/** Throws an Error when this member is on its way out of the cluster, and so cannot be what remains of it. */
export function forceNewCluster(options: ForceOptions): ForcedLog {
  const { self, peerUrls, hardState, entries, confState, consistentIndex } = options;
  // The commit index in the log may lag behind what was applied, as it is written without a sync.
  const commit = logIndex(Math.max(hardState.commit, consistentIndex));
  const kept = entries.filter(({ index }) => index <= commit);
  const pending = kept
    .filter(({ index, type }) => index > consistentIndex && type !== entryType.normal)
    .map((entry) => ({ type: entry.type, ...decodeChange(entry) }));
  const mayBeJoint =
    isJoint(confState) || pending.some(({ type }) => type === entryType.confChangeV2);
  checkStays(self, confState);

  const others = new Set(idsOf(confState));
  for (const { changes } of pending) {
    for (const change of changes) if (change.kind === "add") others.add(change.member.id);
  }
  others.delete(self);

  const changes: MemberChange[] = [];
  if (!confState.voters.includes(self)) {
    const own = { id: self, peerUrls, isLearner: false, name: "", clientUrls: [] };
    changes.push({ kind: "promote", id: self }, { kind: "add", member: own });
  }
  const ascending = [...others].sort((a, b) => (a < b ? -1 : 1));
  changes.push(...ascending.map((id): MemberChange => ({ kind: "remove", id })));

  const at = { term: lastTerm(hardState, kept), index: commit };
  const leave = { type: entryType.confChangeV2, data: new Uint8Array(0) };
  const proposals = [...(mayBeJoint ? [leave] : []), ...changes.map(encodeOne)];
  const appended = proposals.map(
    (proposal, count): Entry => ({
      ...proposal,
      term: at.term,
      index: logIndex(at.index + count + 1),
    }),
  );
  const newCommit = logIndex(commit + appended.length);
  return { hardState: { ...hardState, term: at.term, commit: newCommit }, kept, appended };
}

const encodeOne = (change: MemberChange): ReturnType<typeof encodeChange> =>
  encodeChange({
    requestId: 0n,
    changes: [change],
    expectedMemberListHash: undefined,
    maxLearners: undefined,
  });

/** A crash can keep entries of a term and lose the state that names it. */
const lastTerm = (hardState: HardState, kept: readonly Entry[]): Term =>
  term(Math.max(hardState.term, kept.at(-1)?.term ?? 0));

/** Whoever is in the outgoing half alone is removed with the end of the joint configuration, and its id cannot come back. */
function checkStays(self: MemberId, confState: ConfState): void {
  const { voters, learners, learnersNext, votersOutgoing } = confState;
  if (!votersOutgoing.includes(self)) return;
  if ([...voters, ...learners, ...learnersNext].includes(self)) return;
  throw new Error(
    "--force-new-cluster: a change that removes this member from the cluster is under way; force the new cluster from another member's data",
  );
}
