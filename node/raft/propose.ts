/** New entries (thesis 3.5): the leader appends and replicates them, a follower passes them on. */
import { emptyBytes } from "../lib/bytes.ts";
import type { LogIndex } from "../lib/units.ts";
import { logIndex, term } from "../lib/units.ts";
import { withoutRefused } from "./conf-changes.ts";
import { payloadBytes } from "./entry-size.ts";
import { nobody, type Raft } from "./raft.ts";
import type { Proposal } from "./ready.ts";
import { broadcastAppend } from "./replicate.ts";
import { entryType } from "./types.ts";

/** False: dropped, and nothing of it will come; the caller decides. A follower's proposals may still be lost on their way. */
export function propose(raft: Raft, proposals: readonly Proposal[]): boolean {
  if (proposals.length === 0) return true;
  if (raft.role === "leader") return proposeAsLeader(raft, proposals);
  if (raft.role !== "follower" || raft.lead === nobody) return false;
  const entries = proposals.map(({ type, data }) => ({
    term: term(0),
    index: logIndex(0),
    type,
    data,
  }));
  raft.send({ type: "MsgProp", to: raft.lead, entries });
  return true;
}

/** All of them as one append and one message to each follower; none while handing over, or when too much is uncommitted. */
export function proposeAsLeader(raft: Raft, proposals: readonly Proposal[]): boolean {
  if (!raft.tracker.progress.has(raft.id) || raft.leadTransferee !== nobody) return false;
  if (!raft.appendEntries(withoutRefused(raft, proposals))) return false;
  broadcastAppend(raft);
  return true;
}

/**
 * Entries up to `index` are applied, conf changes in force. A joint configuration that ends by itself ends now, by an entry that is
 * never too large; if it is dropped because the leader is handing over, the next applied entry tries again, or the next leader does.
 */
export function appliedTo(raft: Raft, index: LogIndex): void {
  const { log, config } = raft;
  const before = log.applied;
  log.appliedTo(index);
  if (
    raft.role === "leader" &&
    raft.tracker.config.autoLeave &&
    log.applied >= raft.pendingConfIndex
  ) {
    proposeAsLeader(raft, [{ type: entryType.confChangeV2, data: emptyBytes }]);
  }
  if (config.uncommittedBytesMax !== Infinity) forgetUncommitted(raft, before);
}

/** What is applied is committed. Entries of earlier terms were not counted: the estimate stops at zero. */
function forgetUncommitted(raft: Raft, before: LogIndex): void {
  const { log } = raft;
  const low = Math.max(before + 1, log.firstIndex);
  if (low > log.applied) return;
  const bytes = payloadBytes(log.slice(logIndex(low), logIndex(log.applied + 1), Infinity));
  raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - bytes);
}
