/** What a leader sends to the others: entries, snapshots, heartbeats (thesis 3.5, 5, 10.2.1). Members are served in the order of their ids. */
import { assert } from "../lib/assert.ts";
import { emptyBytes } from "../lib/bytes.ts";
import type { LogIndex, MemberId } from "../lib/units.ts";
import { logIndex } from "../lib/units.ts";
import { payloadBytes } from "./entry-size.ts";
import type { Raft } from "./raft.ts";
import type { Progress } from "./tracker/progress.ts";
import type { Entry } from "./types.ts";

const noEntries: readonly Entry[] = [];

/** To everybody, also where there is nothing but the commit index to tell. */
export function broadcastAppend(raft: Raft): void {
  for (const id of raft.tracker.memberIds()) {
    if (id !== raft.id) sendAppend(raft, id);
  }
}

/** One MsgApp, also an empty one, unless the follower's flow is paused. */
export function sendAppend(raft: Raft, to: MemberId): void {
  maybeSendAppend(raft, to, true);
}

/**
 * One MsgApp with what the follower does not have, as far as its progress and the size of a message allow; a snapshot when that is
 * compacted. True if something was sent. `mayBeEmpty`: also when there is nothing, to tell the commit index.
 */
export function maybeSendAppend(raft: Raft, to: MemberId, mayBeEmpty: boolean): boolean {
  const progress = progressOf(raft, to);
  if (progress.isPaused) return false;
  const { log } = raft;
  const previous = logIndex(progress.next - 1);
  const previousTerm = log.term(previous);
  if (previousTerm === undefined) return maybeSendSnapshot(raft, to, progress);
  // With a full window an empty message still goes: if all that fills the window was lost, its answer is what ends that.
  const isFull = progress.state === "replicate" && progress.inflights.isFull;
  const entries = isFull ? noEntries : entriesFrom(raft, progress.next);
  if (entries.length === 0 && !mayBeEmpty) return false;
  const commit = log.committed;
  raft.send({ type: "MsgApp", to, index: previous, logTerm: previousTerm, entries, commit });
  progress.sentEntries(entries.length, payloadBytes(entries));
  progress.recordSentCommit(commit);
  return true;
}

/** To everybody. `readOnly` says which read the answers confirm. */
export function broadcastHeartbeat(raft: Raft): void {
  const context = raft.readOnly.heartbeatContext ?? emptyBytes;
  for (const to of raft.tracker.memberIds()) {
    if (to === raft.id) continue;
    const progress = progressOf(raft, to);
    // Beyond its match the follower may hold other entries than ours, which it must not take for committed.
    const commit = smaller(progress.match, raft.log.committed);
    raft.send({ type: "MsgHeartbeat", to, commit, context });
    progress.recordSentCommit(commit);
  }
}

/** MsgTimeoutNow: `to` shall campaign without waiting (thesis 3.10). */
export function sendTimeoutNow(raft: Raft, to: MemberId): void {
  raft.send({ type: "MsgTimeoutNow", to });
}

/** Moves the commit index to what a quorum holds, if that is an entry of this term (thesis 3.6.2). */
export function maybeCommit(raft: Raft): boolean {
  return raft.log.maybeCommit(raft.tracker.committedIndex(), raft.currentTerm);
}

/** Only to who answered lately: a snapshot is dear. False: not sent, the next occasion will do. */
function maybeSendSnapshot(raft: Raft, to: MemberId, progress: Progress): boolean {
  if (!progress.isRecentActive) return false;
  const metadata = raft.log.snapshotMetadata;
  if (metadata === undefined) return false;
  assert(metadata.index > 0, "an empty snapshot");
  progress.becomeSnapshot(metadata.index);
  raft.send({ type: "MsgSnap", to, snapshot: { metadata, data: emptyBytes } });
  return true;
}

function entriesFrom({ log, config }: Raft, next: LogIndex): readonly Entry[] {
  if (next > log.lastIndex) return noEntries;
  return log.slice(next, logIndex(log.lastIndex + 1), config.messageBytesMax);
}

function progressOf(raft: Raft, id: MemberId): Progress {
  const progress = raft.tracker.progress.get(id);
  assert(progress !== undefined, "no progress of a member", id);
  return progress;
}

const smaller = (a: LogIndex, b: LogIndex): LogIndex => (a < b ? a : b);
