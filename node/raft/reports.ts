/** What the transport tells of its deliveries (etcd's MsgUnreachable and MsgSnapStatus). Only a leader cares. */
import type { LogIndex, MemberId } from "../lib/units.ts";
import type { Raft } from "./raft.ts";

/** A message to it was lost, so the MsgApp on their way to it probably are: what it has is asked for again. */
export function reportUnreachable(raft: Raft, id: MemberId): void {
  const progress = raft.role === "leader" ? raft.tracker.progress.get(id) : undefined;
  if (progress?.state === "replicate") progress.becomeProbe();
}

/**
 * The transport is done with a MsgSnap. Finished: the member's MsgAppResp decides how to go on. Failed: nothing is tried before it
 * answers a heartbeat.
 */
export function reportSnapshot(raft: Raft, id: MemberId, outcome: "finished" | "failed"): void {
  const progress = raft.role === "leader" ? raft.tracker.progress.get(id) : undefined;
  if (progress?.state !== "snapshot") return;
  // Before becomeProbe, which would go on behind a snapshot that never arrived.
  if (outcome === "failed") progress.pendingSnapshot = 0 as LogIndex;
  progress.becomeProbe();
  progress.isFlowPaused = true;
}
