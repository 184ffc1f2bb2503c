/** What a leader does with a message of its term: above all, it counts what the others hold (thesis 3.5, 3.6, 6.4, 10.2.1). */
import type { LogIndex } from "../lib/units.ts";
import { beginTransfer } from "./leader-transfer.ts";
import type { Message } from "./messages.ts";
import { proposeAsLeader } from "./propose.ts";
import type { Raft } from "./raft.ts";
import { answerReads, releasePendingReads, takeRead } from "./read-index.ts";
import {
  broadcastAppend,
  maybeCommit,
  maybeSendAppend,
  sendAppend,
  sendTimeoutNow,
} from "./replicate.ts";
import type { Progress } from "./tracker/progress.ts";

/** What comes from outside of the configuration is ignored, but for proposals and reads. */
export function stepLeader(raft: Raft, message: Message): void {
  switch (message.type) {
    case "MsgProp":
      if (message.entries.length > 0) proposeAsLeader(raft, message.entries);
      break;
    case "MsgReadIndex":
      takeRead(raft, message);
      break;
    case "MsgTransferLeader":
      beginTransfer(raft, message.from);
      break;
    case "MsgAppResp": {
      const progress = raft.tracker.progress.get(message.from);
      if (progress === undefined) return;
      progress.isRecentActive = true;
      if (message.reject) appendRejected(raft, message, progress);
      else appendAccepted(raft, message, progress);
      break;
    }
    case "MsgHeartbeatResp": {
      const progress = raft.tracker.progress.get(message.from);
      if (progress !== undefined) heartbeatAnswered(raft, message, progress);
      break;
    }
    default:
    // Nobody else leads this term, and its own votes are counted.
  }
}

/**
 * The follower's log parts from ours before `index`; at the hint it may not. Where our terms are above the hint's, they cannot be equal
 * either: one probe for each term of the log is enough.
 */
function appendRejected(raft: Raft, message: Message, progress: Progress): void {
  const { from, index, rejectHint, logTerm } = message;
  let hint: LogIndex = rejectHint;
  if (logTerm > 0) hint = raft.log.findConflictByTerm(rejectHint, logTerm).index;
  if (!progress.maybeDecrementTo(index, hint)) return;
  if (progress.state === "replicate") progress.becomeProbe();
  sendAppend(raft, from);
}

/** Its log is durable and equal to ours up to `index`. */
function appendAccepted(raft: Raft, message: Message, progress: Progress): void {
  const { from, index } = message;
  const { log } = raft;
  const isNews = progress.maybeUpdate(index);
  // An answer without news still ends the probing.
  if (!isNews && !(progress.match === index && progress.state === "probe")) return;
  openFlow(progress, index, log.firstIndex);
  if (maybeCommit(raft)) {
    releasePendingReads(raft);
    broadcastAppend(raft);
  } else if (from !== raft.id && progress.canBumpCommit(log.committed)) {
    sendAppend(raft, from);
  }
  if (from !== raft.id) {
    while (maybeSendAppend(raft, from, false));
  }
  if (from === raft.leadTransferee && progress.match === log.lastIndex) sendTimeoutNow(raft, from);
}

function openFlow(progress: Progress, index: LogIndex, firstIndex: LogIndex): void {
  if (progress.state === "probe") {
    progress.becomeReplicate();
  } else if (progress.state === "replicate") {
    progress.inflights.freeTo(index);
  } else if (progress.match + 1 >= firstIndex) {
    // Whatever snapshot it got, and from whom: our log goes on from where it is.
    progress.becomeProbe();
    progress.becomeReplicate();
  }
}

/** It is alive and takes this node for the leader. What was sent to it may be lost: one message more is tried. */
function heartbeatAnswered(raft: Raft, message: Message, progress: Progress): void {
  const { from, context } = message;
  progress.isRecentActive = true;
  progress.isFlowPaused = false;
  if (progress.match < raft.log.lastIndex || progress.state === "probe") sendAppend(raft, from);
  if (context.length === 0) return;
  raft.readOnly.acknowledge(from, context);
  answerReads(raft, raft.readOnly.takeConfirmed(raft.tracker.config));
}
