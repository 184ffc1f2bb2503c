/**
 * What the simulator looks at inside a member, through the one door that its network opens: the checkers see raft's log and marks from the first
 * moment, long before the member serves. TypeScript's private parts are read here and nowhere else.
 */
import type { MemberId } from "../../node/lib/units.ts";
import type { Cluster } from "../../node/membership/cluster.ts";
import type { RaftLog } from "../../node/raft/log.ts";
import type { MemoryStorage } from "../../node/raft/memory-storage.ts";
import type { RawNode } from "../../node/raft/raw-node.ts";
import type { Role } from "../../node/raft/status.ts";
import type { ConfState } from "../../node/raft/types.ts";
import type { Member } from "../../node/server/member.ts";
import { PeerInbox } from "../../node/server/peer-inbox.ts";
import type { PeerReceiver } from "../../node/server/peer-transport.ts";
import type { Reconfig } from "../../node/server/reconfig.ts";

export class MemberView {
  readonly id: MemberId;
  readonly cluster: Cluster;
  private readonly node: RawNode;

  constructor(id: MemberId, receiver: PeerReceiver) {
    if (!(receiver instanceof PeerInbox))
      throw new Error("the member receives through another class");
    this.id = id;
    this.node = receiver["options"].node;
    this.cluster = receiver["options"].cluster;
  }

  get role(): Role {
    return this.node.role;
  }

  get term(): number {
    return this.node.term;
  }

  get lead(): MemberId {
    return this.node.lead;
  }

  get committed(): number {
    return this.node.committed;
  }

  get applied(): number {
    return this.node.applied;
  }

  get leadTransferee(): MemberId {
    return this.node.leadTransferee;
  }

  get log(): RaftLog {
    return this.node["raft"].log;
  }

  get storage(): MemoryStorage {
    return this.node["storage"];
  }

  get confState(): ConfState {
    return this.node["raft"].tracker.config;
  }
}

/** Whether the member behind `receiver` has applied the removal of `id`: then it refuses to talk to it. */
export const hasRemoved = (receiver: PeerReceiver, id: MemberId): boolean =>
  receiver instanceof PeerInbox && receiver["options"].cluster.isRemoved(id);

/** With the changes of several members at once, which no client can ask for yet. */
export const reconfigOf = (member: Member): Reconfig => member["parts"].reconfig;

/** Index of the last entry that the member's state holds whole. */
export const appliedIndexOf = (member: Member): number =>
  member["turns"].state.applier.position.consistentIndex;
