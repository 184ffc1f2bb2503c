/**
 * A leader that takes writes, a follower beside it, and one behind a link with a bandwidth: three real raft nodes, the real memory window, and
 * a transport and a state that are numbers of bytes. One step is one tick of 100 ms.
 */
import assert from "node:assert/strict";
import type { Logger } from "../../../node/lib/ports.ts";
import { type LogIndex, logIndex, memberId, revision, term } from "../../../node/lib/units.ts";
import type { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import type { Message } from "../../../node/raft/messages.ts";
import type { RawNode } from "../../../node/raft/raw-node.ts";
import type { Ready } from "../../../node/raft/ready.ts";
import type { RaftStatus } from "../../../node/raft/status.ts";
import { CatchUp } from "../../../node/server/catch-up.ts";
import { Snapshotter, type SnapshotterOptions } from "../../../node/server/snapshot.ts";
import { makeNodeAndStorage, me, votersOnly } from "../raft/raft-lab.ts";

const near = memberId(2n);
export const far = memberId(3n);
const voters = votersOnly(me, near, far);
export const tickMs = 100;
const entryBytes = 1000;

export interface WorldOptions {
  readonly writeBytesPerTick: number;
  readonly linkBytesPerTick: number;
  readonly stateBytes: number;
  readonly catchUpBytesMax: number;
  readonly isEnabled?: boolean;
  /** Between the last byte of a state and its installation. */
  readonly installTicks?: number;
}

interface Peer {
  readonly node: RawNode;
  readonly storage: MemoryStorage;
}

interface Parcel {
  readonly message: Message;
  bytesLeft: number;
}

export class World {
  readonly catchUp: CatchUp;
  readonly logged: string[] = [];
  nowMs = 0;
  snapshots = 0;
  writtenBytes = 0;
  /** Most entries that the leader ever held. */
  heldMax = 0;
  /** Nothing passes to or from the far one. */
  isCut = false;
  private readonly options: WorldOptions;
  private readonly leader: Peer;
  private readonly near: Peer;
  private readonly far: Peer;
  private readonly snapshotter: Snapshotter;
  private queue: Parcel[] = [];
  /** What the far one does when its installation is done. */
  private installing: { readonly done: () => void; readonly atMs: number } | undefined;
  private reportAtMs = Infinity;

  constructor(options: WorldOptions) {
    this.options = options;
    const settings = { voters: voters.voters, messageBytesMax: 16_000, checkQuorum: true };
    this.leader = makeNodeAndStorage({ ...settings, id: me });
    this.near = makeNodeAndStorage({ ...settings, id: near });
    this.far = makeNodeAndStorage({ ...settings, id: far });
    const say = (message: string): void => void this.logged.push(message);
    const logger: Logger = { debug() {}, info: say, warn: say, error: say };
    this.catchUp = new CatchUp({
      log: this.leader.storage,
      logger,
      catchupEntries: 50,
      electionTimeoutMs: 10 * tickMs,
      catchUpBytesMax: options.catchUpBytesMax,
      isEnabled: options.isEnabled ?? true,
    });
    this.snapshotter = new Snapshotter(
      {
        id: me,
        storage: this.leader.storage,
        logger,
        snapshotCount: Infinity,
        catchupEntries: 50,
        applied: () => this.position(),
        membership: () => ({ confState: voters, members: [], removed: [], version: undefined }),
        holdFrom: () => this.catchUp.holdFrom,
        onError: (error: Error) => assert.fail(error),
      } as unknown as SnapshotterOptions,
      0,
    );
    this.leader.node.campaign();
    for (let n = 0; n < 10; n++) this.exchange();
    assert.equal(this.leader.node.role, "leader");
  }

  sent(): number {
    return this.snapshots;
  }

  get lastIndex(): LogIndex {
    return this.leader.storage.lastIndex;
  }

  get status(): RaftStatus {
    return this.leader.node.status();
  }

  get heldEntries(): number {
    return this.leader.storage.lastIndex - this.leader.storage.firstIndex + 1;
  }

  /** How far the far one is behind, in entries. */
  get lag(): number {
    return this.lastIndex - this.far.storage.lastIndex;
  }

  /** Runs for so many ticks. */
  run(ticks: number): void {
    for (let n = 0; n < ticks; n++) this.tick();
  }

  tick(): void {
    this.nowMs += tickMs;
    this.leader.node.tick();
    if (!this.isCut) this.far.node.tick();
    this.write();
    this.carry();
    this.exchange();
    this.catchUp.observe({ nowMs: this.nowMs, status: this.leader.node.status() });
    this.heldMax = Math.max(this.heldMax, this.heldEntries);
  }

  /** What was written a second, on average, while `act` ran. */
  rateDuring(act: () => void): number {
    const { nowMs, writtenBytes } = this;
    act();
    return ((this.writtenBytes - writtenBytes) / (this.nowMs - nowMs)) * 1000;
  }

  private write(): void {
    for (let bytes = 0; bytes < this.options.writeBytesPerTick; bytes += entryBytes) {
      if (this.catchUp.allowance(this.nowMs) <= 0) return;
      assert.ok(this.leader.node.propose([{ type: 0, data: new Uint8Array(entryBytes) }]));
      this.catchUp.proposed(entryBytes, this.nowMs);
      this.writtenBytes += entryBytes;
    }
  }

  /** Lets one tick's bytes over the link. */
  private carry(): void {
    if (this.installing !== undefined && this.installing.atMs <= this.nowMs) {
      const { done } = this.installing;
      this.installing = undefined;
      done();
    }
    if (this.reportAtMs <= this.nowMs) {
      this.reportAtMs = Infinity;
      this.leader.node.reportSnapshot(far, "finished");
    }
    let budget = this.isCut ? 0 : this.options.linkBytesPerTick;
    while (budget > 0 && this.queue.length > 0) {
      const [parcel] = this.queue as [Parcel];
      const bytes = Math.min(budget, parcel.bytesLeft);
      budget -= bytes;
      parcel.bytesLeft -= bytes;
      if (parcel.bytesLeft > 0) return;
      this.queue.shift();
      this.arrived(parcel.message);
    }
  }

  private arrived(message: Message): void {
    this.far.node.step(message);
    if (message.type !== "MsgSnap") return;
    this.catchUp.end(far, "finished", this.nowMs);
    this.reportAtMs = this.nowMs + 1000;
  }

  /** The transport gives up. */
  giveUp(): void {
    this.queue = [];
    this.catchUp.end(far, "failed", this.nowMs);
    this.leader.node.reportSnapshot(far, "failed");
  }

  /** Lets everybody do what raft asks, until nothing is left to do but what lies on the link. */
  private exchange(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (const peer of [this.leader, this.near, this.far]) {
        while (peer.node.hasReady()) {
          isBusy = true;
          this.obey(peer, peer.node.ready());
        }
      }
      this.snapshotter.applied();
    }
  }

  private obey({ node, storage }: Peer, ready: Ready): void {
    for (const entry of ready.committedEntries) node.advanceApply(entry.index);
    const after = ready.messagesAfterAppend.filter(({ to }) => to !== node.id);
    const done = (): void => {
      if (ready.mustSync) node.advanceAppend(ready);
      for (const message of after) this.post(message);
    };
    const { installTicks = 0 } = this.options;
    if (ready.snapshot === undefined) done();
    else this.installing = { done, atMs: this.nowMs + installTicks * tickMs };
    // Followers keep little: none of them leads here.
    if (node !== this.leader.node) storage.compact(logIndex(Math.max(0, node.applied - 10)));
    for (const message of ready.messages) this.post(message);
  }

  private post(message: Message): void {
    if (message.to === near) this.near.node.step(message);
    else if (message.to === me) {
      if (message.from !== far || !this.isCut) this.leader.node.step(message);
    } else if (message.type === "MsgSnap") this.sendState(message);
    else if (message.type === "MsgApp") {
      if (this.isCut) return;
      const bytes = message.entries.reduce((sum, { data }) => sum + data.length, 50);
      this.queue.push({ message, bytesLeft: bytes });
    } else if (!this.isCut) this.far.node.step(message);
  }

  private sendState(message: Message): void {
    this.snapshots++;
    const index = message.snapshot?.metadata.index as LogIndex;
    this.catchUp.begin(far, index, this.nowMs);
    const { consistentIndex, term: atTerm } = this.position();
    const metadata = { index: consistentIndex, term: atTerm, confState: voters };
    const made = { ...message, snapshot: { metadata, data: new Uint8Array(0) } };
    this.queue.push({ message: made, bytesLeft: this.options.stateBytes });
  }

  private position() {
    const { applied } = this.leader.node;
    const ofTerm = this.leader.storage.term(applied) ?? term(0);
    return { consistentIndex: applied, term: ofTerm, revision: revision(1) };
  }
}
