/** A follower that is given a state instead of entries (thesis 5). */
import { assert } from "../lib/assert.ts";
import { switchToConfig } from "./conf-changes.ts";
import { restoreConfig } from "./confchange/restore.ts";
import type { Message } from "./messages.ts";
import { appliedTo } from "./propose.ts";
import type { Raft } from "./raft.ts";
import type { Snapshot } from "./types.ts";

/** MsgSnap. The answer, once it is installed, says up to where the logs are equal. */
export function handleSnapshot(raft: Raft, { from, snapshot }: Message): void {
  const isRestored = snapshot !== undefined && restore(raft, snapshot);
  const { lastIndex, committed } = raft.log;
  raft.send({ type: "MsgAppResp", to: from, index: isRestored ? lastIndex : committed });
}

/**
 * The member has installed it, durably: its configuration counts from now on. Not before, as in etcd, because entries that were handed
 * out earlier may still be applied in the meantime, and their conf changes belong to the configuration before. Until then this node
 * does not campaign, so that nothing else depends on it.
 */
export function snapshotInstalled(raft: Raft, { metadata }: Snapshot): void {
  const { index, confState } = metadata;
  raft.log.unstable.stableSnapshotTo(index);
  switchToConfig(raft, restoreConfig(confState, raft.changerContext));
  appliedTo(raft, index);
}

/**
 * True: the snapshot takes the place of the log; the state follows when the member has installed it. False: it is not needed, or not for
 * this node. A log that has the snapshot's last entry keeps the entries behind it; it learns that they are committed so far.
 */
function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { log } = raft;
  const { index, term, confState } = snapshot.metadata;
  if (index <= log.committed) return false;
  assert(raft.role === "follower", "only a follower restores a snapshot", raft.role);
  const { voters, learners, votersOutgoing } = confState;
  // Who is in learnersNext is in votersOutgoing.
  const isMember = [voters, learners, votersOutgoing].some((ids) => ids.includes(raft.id));
  if (!isMember) return false;
  if (log.matchesTerm(index, term)) {
    log.commitTo(index);
    return false;
  }
  log.restore(snapshot);
  return true;
}
