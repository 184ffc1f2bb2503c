/**
 * Reads that wait for proof that this node still leads (thesis 6.4, etcd raft/read_only.go). They are numbered in the order they came;
 * a heartbeat carries the number of the newest, its answer confirms that one and all before.
 */
import type { LogIndex, MemberId } from "../lib/units.ts";
import type { Message } from "./messages.ts";
import { jointCommittedIndex } from "./quorum/joint.ts";
import type { ConfState } from "./types.ts";

/** A MsgReadIndex, and the commit index when it came: what must be applied before it is served. */
export interface ReadRequest {
  readonly request: Message;
  readonly index: LogIndex;
}

const counterBytes = 8;

/** The reads of one leader in one term. */
export class ReadOnly {
  /** Reads that were confirmed and are gone: the number of the one before unconfirmed[0]. */
  private confirmedCount = 0;
  private readonly unconfirmed: ReadRequest[] = [];
  /** The newest read that each member has confirmed. */
  private readonly acknowledged = new Map<MemberId, number>();

  /** Takes a read, and the leader's own word for it. */
  add(request: ReadRequest, self: MemberId): void {
    this.unconfirmed.push(request);
    this.acknowledged.set(self, this.newest);
  }

  /** A member still took this node for the leader when it answered a heartbeat with this context. */
  acknowledge(from: MemberId, context: Uint8Array): void {
    if (context.length !== counterBytes) return;
    const view = new DataView(context.buffer, context.byteOffset, counterBytes);
    const count = Number(view.getBigUint64(0, true));
    if (count > (this.acknowledged.get(from) ?? 0) && count <= this.newest) {
      this.acknowledged.set(from, count);
    }
  }

  /** Takes out, in order, the reads that a quorum has confirmed. */
  takeConfirmed(config: ConfState): readonly ReadRequest[] {
    const { acknowledged } = this;
    const confirmed: number = jointCommittedIndex(
      config.voters,
      config.votersOutgoing,
      (id) => (acknowledged.get(id) ?? 0) as LogIndex,
    );
    if (confirmed <= this.confirmedCount) return [];
    const reads = this.unconfirmed.splice(0, confirmed - this.confirmedCount);
    this.confirmedCount += reads.length;
    return reads;
  }

  /** What a heartbeat must carry: the number of the newest read in 8 bytes little-endian; undefined when no read waits. */
  get heartbeatContext(): Uint8Array | undefined {
    if (this.unconfirmed.length === 0) return undefined;
    const context = new Uint8Array(counterBytes);
    new DataView(context.buffer).setBigUint64(0, BigInt(this.newest), true);
    return context;
  }

  private get newest(): number {
    return this.confirmedCount + this.unconfirmed.length;
  }
}
