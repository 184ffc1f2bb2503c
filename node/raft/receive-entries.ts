/** A follower and its leader's MsgApp and MsgHeartbeat (thesis 3.5, 3.6). */
import type { LogIndex } from "../lib/units.ts";
import type { Message } from "./messages.ts";
import type { Raft } from "./raft.ts";

/**
 * MsgApp. The answer, once all is durable, says up to where both logs are equal; or, when they part before, where they may still agree.
 */
export function handleAppend(raft: Raft, message: Message): void {
  const { log } = raft;
  const { from: to, index, logTerm, entries, commit } = message;
  if (index < log.committed) {
    raft.send({ type: "MsgAppResp", to, index: log.committed });
    return;
  }
  const lastNew = log.maybeAppend({ index, term: logTerm }, entries, commit);
  if (lastNew !== undefined) {
    raft.send({ type: "MsgAppResp", to, index: lastNew });
    return;
  }
  // The leader's log has no term above logTerm up to there; all of ours above it cannot be in it and are skipped in one round trip.
  const hint = log.findConflictByTerm(smaller(index, log.lastIndex), logTerm);
  raft.send({
    type: "MsgAppResp",
    to,
    index,
    reject: true,
    rejectHint: hint.index,
    logTerm: hint.term,
  });
}

/** MsgHeartbeat. The leader has sent only what it knows this log to hold. */
export function handleHeartbeat(raft: Raft, { from, commit, context }: Message): void {
  raft.log.commitTo(commit);
  raft.send({ type: "MsgHeartbeatResp", to: from, context });
}

const smaller = (a: LogIndex, b: LogIndex): LogIndex => (a < b ? a : b);
