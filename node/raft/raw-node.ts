/**
 * The door to the raft machine: inputs go in, `ready` says what to do about them, `advanceAppend` and `advanceApply` report
 * what was done (etcd raft/rawnode.go; its "async storage writes" in spirit: writing and applying advance apart).
 */
import { assert } from "../lib/assert.ts";
import type { LogIndex, MemberId, Term } from "../lib/units.ts";
import type { RaftConfig } from "./config.ts";
import type { MemoryStorage } from "./memory-storage.ts";
import type { Message } from "./messages.ts";
import { type Proposal, Raft, type ReadState, type Role } from "./raft.ts";
import type { ConfState, Entry, HardState } from "./types.ts";

/** What the member must do. Each thing is handed out once. */
export interface Ready {
  /** The new hard state, if it moved. Durable before `entries` count. */
  readonly hardState: HardState | undefined;
  /** To be made durable, together with `hardState`, then reported by `advanceAppend(ready)`. */
  readonly entries: readonly Entry[];
  /** True if term or vote moved or there are entries: a commit index alone may be lost in a crash. */
  readonly mustSync: boolean;
  /** Durable and decided: apply in order, then report by `advanceApply`. */
  readonly committedEntries: readonly Entry[];
  readonly readStates: readonly ReadState[];
  /** Deliver once `entries` and `hardState` are durable; the node's own are delivered by `advanceAppend`. */
  readonly messagesAfterAppend: readonly Message[];
}

/** One raft node with its book-keeping of what was handed out and what is done. */
export class RawNode {
  private readonly raft: Raft;
  private readonly storage: MemoryStorage;
  private readonly committedPerReadyMax: number;
  private lastHardState: HardState;
  private appliedIndex: LogIndex;
  private appending: Ready | undefined;

  constructor(config: RaftConfig) {
    this.raft = new Raft(config);
    this.storage = config.storage;
    this.committedPerReadyMax = config.committedPerReadyMax;
    this.lastHardState = this.raft.hardState;
    this.appliedIndex = config.applied;
  }

  get role(): Role {
    return this.raft.role;
  }

  get term(): Term {
    return this.raft.currentTerm;
  }

  get lead(): MemberId {
    return this.raft.lead;
  }

  get committed(): LogIndex {
    return this.raft.log.committed;
  }

  get applied(): LogIndex {
    return this.appliedIndex;
  }

  /** True while a Ready with entries or hard state was not yet reported durable: the next one may carry none. */
  get isAppending(): boolean {
    return this.appending !== undefined;
  }

  /** True when this node alone decides: it may campaign without waiting for silence. */
  get isSingleVoter(): boolean {
    return this.raft.tracker.isSingleton && this.raft.tracker.isVoter(this.raft.id);
  }

  /** The configuration that an applied conf-change entry leads to. Called before `advanceApply` of that entry. */
  applyConfState(confState: ConfState): void {
    this.raft.tracker.setVoters(confState.voters);
  }

  tick(): void {
    this.raft.tick();
  }

  campaign(): void {
    this.raft.campaign();
  }

  propose(proposals: readonly Proposal[]): boolean {
    return this.raft.propose(proposals);
  }

  readIndex(context: number): boolean {
    return this.raft.readIndex(context);
  }

  hasReady(): boolean {
    const { raft } = this;
    if (raft.log.hasCommitted || raft.readStates.length > 0) return true;
    if (this.appending !== undefined) return false;
    return (
      raft.log.unstable.hasNext || raft.messagesAfterAppend.length > 0 || this.hardStateMoved()
    );
  }

  ready(): Ready {
    const { raft } = this;
    const committedEntries = raft.log.takeCommitted(this.committedPerReadyMax);
    const readStates = raft.readStates.splice(0);
    if (this.appending !== undefined) {
      const nothing = {
        hardState: undefined,
        entries: [],
        mustSync: false,
        messagesAfterAppend: [],
      };
      return { ...nothing, committedEntries, readStates };
    }
    const entries = raft.log.unstable.takeNext();
    const hardState = this.hardStateMoved() ? raft.hardState : undefined;
    const mustSync =
      entries.length > 0 ||
      (hardState !== undefined &&
        (hardState.term !== this.lastHardState.term || hardState.vote !== this.lastHardState.vote));
    const messagesAfterAppend = raft.messagesAfterAppend.splice(0);
    if (hardState !== undefined) this.lastHardState = hardState;
    const ready = {
      hardState,
      entries,
      mustSync,
      committedEntries,
      readStates,
      messagesAfterAppend,
    };
    assert(
      mustSync || messagesAfterAppend.length === 0,
      "a message waits for nothing to be written",
    );
    if (mustSync) this.appending = ready;
    return ready;
  }

  /** What `ready` asked to be made durable is on disk. Precondition: it is the one being appended. */
  advanceAppend(ready: Ready): void {
    assert(this.appending === ready, "advanceAppend of another Ready");
    this.appending = undefined;
    this.storage.append(ready.entries);
    const last = ready.entries.at(-1);
    if (last !== undefined) this.raft.log.unstable.stableTo(last.index, last.term);
    for (const message of ready.messagesAfterAppend) {
      if (message.to === this.raft.id) this.raft.step(message);
    }
  }

  /** Everything handed out up to `index` is applied. */
  advanceApply(index: LogIndex): void {
    assert(
      index >= this.appliedIndex && index <= this.raft.log.applying,
      "applied out of order",
      index,
    );
    this.appliedIndex = index;
  }

  private hardStateMoved(): boolean {
    const { raft, lastHardState } = this;
    return (
      raft.currentTerm !== lastHardState.term ||
      raft.vote !== lastHardState.vote ||
      raft.log.committed !== lastHardState.commit
    );
  }
}
