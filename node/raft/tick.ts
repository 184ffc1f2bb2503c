/** What happens by the passing of time (thesis 3.4, 6.2; etcd raft/raft.go, tickElection and tickHeartbeat). */
import { hup } from "./campaign.ts";
import { nobody, type Raft } from "./raft.ts";
import { broadcastHeartbeat } from "./replicate.ts";

/** One tick of time has passed. */
export function tick(raft: Raft): void {
  if (raft.role === "leader") tickLeader(raft);
  else tickElection(raft);
}

/** Without a leader's word for long enough, it is time to campaign; a candidate begins again. */
function tickElection(raft: Raft): void {
  raft.electionElapsed += 1;
  if (!raft.isPromotable || !raft.isPastElectionTimeout) return;
  raft.electionElapsed = 0;
  hup(raft);
}

/** Heartbeats; and once in an election timeout, whether a quorum is there, and whether handing over has taken too long. */
function tickLeader(raft: Raft): void {
  const { electionTicks, heartbeatTicks, checkQuorum } = raft.config;
  raft.heartbeatElapsed += 1;
  raft.electionElapsed += 1;
  if (raft.electionElapsed >= electionTicks) {
    raft.electionElapsed = 0;
    if (checkQuorum && !checkQuorumActive(raft)) return;
    raft.leadTransferee = nobody;
  }
  if (raft.heartbeatElapsed < heartbeatTicks) return;
  raft.heartbeatElapsed = 0;
  broadcastHeartbeat(raft);
}

/** MsgCheckQuorum. A leader that a quorum has not answered for an election timeout steps down: another may lead already (thesis 6.2). */
function checkQuorumActive(raft: Raft): boolean {
  const isActive = raft.tracker.isQuorumActive(raft.id);
  if (!isActive) raft.becomeFollower(raft.currentTerm, nobody);
  for (const [id, progress] of raft.tracker.progress) {
    if (id !== raft.id) progress.isRecentActive = false;
  }
  return isActive;
}
