/** Linearizable reads without a log entry (thesis 6.4): which index must be applied before a read that comes now is served. */
import { logIndex, term } from "../lib/units.ts";
import { type Message, message } from "./messages.ts";
import { nobody, type Raft } from "./raft.ts";
import type { ReadRequest } from "./read-only.ts";
import { broadcastHeartbeat } from "./replicate.ts";
import { entryType } from "./types.ts";

/** False: no leader known; ask again. `context` comes back in a ReadState, unless a message is lost. */
export function readIndex(raft: Raft, context: Uint8Array): boolean {
  const isLeader = raft.role === "leader";
  if (!isLeader && (raft.role !== "follower" || raft.lead === nobody)) return false;
  const entries = [{ term: term(0), index: logIndex(0), type: entryType.normal, data: context }];
  const to = raft.lead;
  if (isLeader) takeRead(raft, message({ type: "MsgReadIndex", to, from: raft.id, entries }));
  else raft.send({ type: "MsgReadIndex", to, entries });
  return true;
}

/**
 * MsgReadIndex at the leader. It waits until this leader has committed an entry of its term, because earlier leaders may have committed
 * more than it knows. etcd answers at once where there is one voter; after a crash that lost the commit mark it would read the past.
 */
export function takeRead(raft: Raft, request: Message): void {
  if (request.entries.length !== 1) return;
  if (raft.hasCommittedInTerm) confirmRead(raft, request);
  else raft.pendingReads.push(request);
}

/** The leader's first commit of its term: the reads that waited for it go on, in order. */
export function releasePendingReads(raft: Raft): void {
  if (raft.pendingReads.length === 0 || !raft.hasCommittedInTerm) return;
  for (const request of raft.pendingReads.splice(0)) confirmRead(raft, request);
}

/** A quorum has confirmed: to whom asked. */
export function answerReads(raft: Raft, reads: readonly ReadRequest[]): void {
  for (const read of reads) answerRead(raft, read);
}

/** Asks the others whether this node still leads; the only voter need not ask. */
function confirmRead(raft: Raft, request: Message): void {
  const read = { request, index: raft.log.committed };
  if (raft.tracker.isSingleton) {
    answerRead(raft, read);
    return;
  }
  raft.readOnly.add(read, raft.id);
  broadcastHeartbeat(raft);
}

function answerRead(raft: Raft, { request, index }: ReadRequest): void {
  const { from, entries } = request;
  if (from !== nobody && from !== raft.id) {
    raft.send({ type: "MsgReadIndexResp", to: from, index, entries });
    return;
  }
  const context = entries[0]?.data;
  if (context !== undefined) raft.readStates.push({ context, index });
}
