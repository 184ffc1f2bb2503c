/** Handing leadership over (thesis 3.10): the target is brought up to date, then told to campaign at once. */
import type { MemberId } from "../lib/units.ts";
import { message } from "./messages.ts";
import { nobody, type Raft } from "./raft.ts";
import { sendAppend, sendTimeoutNow } from "./replicate.ts";

/** The wish of this node's owner: a leader begins, a follower passes it on, others forget it. */
export function transferLeader(raft: Raft, to: MemberId): void {
  if (raft.role === "leader") {
    beginTransfer(raft, to);
  } else if (raft.role === "follower" && raft.lead !== nobody) {
    // By etcd's convention the message comes "from" whom leadership goes to.
    raft.forwardToLeader(message({ type: "MsgTransferLeader", to: raft.lead, from: to }));
  }
}

/** MsgTransferLeader at the leader. A second target takes the place of the first. It ends, or is given up, within an election timeout. */
export function beginTransfer(raft: Raft, to: MemberId): void {
  const progress = raft.tracker.progress.get(to);
  if (progress === undefined || progress.isLearner || raft.leadTransferee === to) return;
  raft.leadTransferee = nobody;
  if (to === raft.id) return;
  raft.electionElapsed = 0;
  raft.leadTransferee = to;
  if (progress.match === raft.log.lastIndex) sendTimeoutNow(raft, to);
  else sendAppend(raft, to);
}
