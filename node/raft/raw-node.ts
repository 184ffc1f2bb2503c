/**
 * The door to the raft machine: inputs go in, `ready` says what to do about them, `advanceAppend` and `advanceApply` report
 * what was done (etcd raft/rawnode.go; its "async storage writes" in spirit: writing and applying advance apart).
 */
import { assert } from "../lib/assert.ts";
import type { LogIndex, MemberId, Term } from "../lib/units.ts";
import type { ConfChangeV2 } from "../proto/conf-change-codec.ts";
import { hup } from "./campaign.ts";
import { applyConfChange } from "./conf-changes.ts";
import type { RaftConfig } from "./config.ts";
import { transferLeader } from "./leader-transfer.ts";
import type { MemoryStorage } from "./memory-storage.ts";
import type { Message, MessageType } from "./messages.ts";
import { appliedTo, propose } from "./propose.ts";
import { nobody, Raft } from "./raft.ts";
import { readIndex } from "./read-index.ts";
import type { Proposal, Ready } from "./ready.ts";
import { snapshotInstalled } from "./receive-snapshot.ts";
import { reportSnapshot, reportUnreachable } from "./reports.ts";
import type { RaftStatus, Role } from "./status.ts";
import { statusOf } from "./status-of.ts";
import { step } from "./step.ts";
import { tick } from "./tick.ts";
import type { ConfState, HardState } from "./types.ts";

/** What a node says to itself; nobody else may. */
const localTypes: ReadonlySet<MessageType> = new Set([
  "MsgHup",
  "MsgBeat",
  "MsgUnreachable",
  "MsgSnapStatus",
  "MsgCheckQuorum",
]);
/** What counts only from who is in the configuration. */
const answerTypes: ReadonlySet<MessageType> = new Set([
  "MsgAppResp",
  "MsgVoteResp",
  "MsgHeartbeatResp",
  "MsgReadIndexResp",
  "MsgPreVoteResp",
]);

const nothing: readonly never[] = [];

/** One raft node with its book-keeping of what was handed out and what is done. */
export class RawNode {
  private readonly raft: Raft;
  private readonly storage: MemoryStorage;
  private readonly config: RaftConfig;
  private lastHardState: HardState;
  private appending: Ready | undefined;

  /** The configuration and hard state come from `config.storage`. */
  constructor(config: RaftConfig) {
    this.raft = new Raft(config);
    this.storage = config.storage;
    this.config = config;
    this.lastHardState = this.raft.hardState;
  }

  get id(): MemberId {
    return this.raft.id;
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

  /** Of the newest entry, durable or not. */
  get lastIndex(): LogIndex {
    return this.raft.log.lastIndex;
  }

  get applied(): LogIndex {
    return this.raft.log.applied;
  }

  /** Whom this leader is handing over to, and takes no proposals meanwhile; 0n for nobody. */
  get leadTransferee(): MemberId {
    return this.raft.leadTransferee;
  }

  /** True while a Ready with something to write was not yet reported durable: the next one may carry none. */
  get isAppending(): boolean {
    return this.appending !== undefined;
  }

  /** True when this node alone decides: it may campaign without waiting for silence. */
  get isSingleVoter(): boolean {
    return this.raft.tracker.isSingleton && this.raft.tracker.isVoter(this.raft.id);
  }

  status(): RaftStatus {
    return statusOf(this.raft);
  }

  tick(): void {
    tick(this.raft);
  }

  /** Campaigns now, if it may: with pre-votes, asks first. */
  campaign(): void {
    hup(this.raft);
  }

  /**
   * New entries: a leader appends all of them or none, a follower passes them on. False: dropped; there is no leader, it is handing over,
   * too much is uncommitted, or this node is in no configuration.
   */
  propose(proposals: readonly Proposal[]): boolean {
    return propose(this.raft, proposals);
  }

  /** Asks for a ReadState with this context. False: no leader known. After true it may still get lost: ask again some time. */
  readIndex(context: Uint8Array): boolean {
    return readIndex(this.raft, context);
  }

  /** Hands leadership to that voter, or asks the leader to; without effect when it cannot be done. */
  transferLeader(to: MemberId): void {
    transferLeader(this.raft, to);
  }

  /** As if the leader had not been heard of: a follower may grant its vote at once. */
  forgetLeader(): void {
    if (this.raft.role === "follower") this.raft.lead = nobody;
  }

  /** A message to that member was lost. */
  reportUnreachable(id: MemberId): void {
    reportUnreachable(this.raft, id);
  }

  /** The sending of a MsgSnap to that member is over. Must be called for every MsgSnap, or the member is sent nothing any more. */
  reportSnapshot(id: MemberId, outcome: "finished" | "failed"): void {
    reportSnapshot(this.raft, id, outcome);
  }

  /** A message from the network. Local types, and answers from who is not in the configuration, are ignored. */
  step(message: Message): void {
    const { type, from } = message;
    if (localTypes.has(type)) return;
    if (answerTypes.has(type) && !this.raft.tracker.progress.has(from)) return;
    step(this.raft, message);
  }

  /**
   * An entry with this conf change is being applied: called before `advanceApply` of it, and not at all if the member refuses the change.
   * Returns the configuration in force from now on.
   */
  applyConfChange(change: ConfChangeV2): ConfState {
    return applyConfChange(this.raft, change);
  }

  hasReady(): boolean {
    const { raft } = this;
    const { log } = raft;
    if (log.hasCommitted || raft.readStates.length > 0 || raft.messages.length > 0) return true;
    if (this.appending !== undefined) return false;
    return (
      log.unstable.hasNext ||
      raft.messagesAfterAppend.length > 0 ||
      this.hardStateMoved() ||
      log.unstable.hasNextSnapshot
    );
  }

  /** What is to be done now; each thing once. After one with `mustSync`, nothing more to write comes before its `advanceAppend`. */
  ready(): Ready {
    const { raft, config } = this;
    const { unstable } = raft.log;
    const committedEntries = raft.log.takeCommitted(
      config.committedPerReadyMax,
      config.messageBytesMax,
    );
    const readStates = takeAll(raft.readStates);
    const messages = takeAll(raft.messages);
    if (this.appending !== undefined) {
      const noAppend = {
        hardState: undefined,
        entries: nothing,
        snapshot: undefined,
        mustSync: false,
        messagesAfterAppend: nothing,
      };
      return { ...noAppend, committedEntries, readStates, messages };
    }
    const { lastHardState } = this;
    const hardState = this.hardStateMoved() ? raft.hardState : undefined;
    if (hardState !== undefined) this.lastHardState = hardState;
    const entries = unstable.takeNext();
    const snapshot = unstable.takeNextSnapshot();
    const mustSync =
      entries.length > 0 ||
      snapshot !== undefined ||
      (hardState !== undefined &&
        (hardState.term !== lastHardState.term || hardState.vote !== lastHardState.vote));
    const messagesAfterAppend = takeAll(raft.messagesAfterAppend);
    const ready = {
      hardState,
      entries,
      snapshot,
      mustSync,
      committedEntries,
      readStates,
      messages,
      messagesAfterAppend,
    };
    if (mustSync) this.appending = ready;
    else this.deliverOwn(messagesAfterAppend);
    return ready;
  }

  /** What `ready` asked to be made durable is on disk, its snapshot installed. Precondition: it is the one being appended. */
  advanceAppend(ready: Ready): void {
    assert(this.appending === ready, "advanceAppend of another Ready");
    this.appending = undefined;
    const { raft, storage } = this;
    const { snapshot, entries } = ready;
    if (snapshot !== undefined) storage.applySnapshot(snapshot.metadata);
    storage.append(entries);
    const last = entries.at(-1);
    if (last !== undefined) raft.log.unstable.stableTo(last.index, last.term);
    if (snapshot !== undefined) snapshotInstalled(raft, snapshot);
    this.deliverOwn(ready.messagesAfterAppend);
  }

  /** Everything handed out up to `index` is applied. What a snapshot has overtaken is not reported. */
  advanceApply(index: LogIndex): void {
    const { log } = this.raft;
    assert(index >= log.applied && index <= log.applying, "applied out of order", index);
    appliedTo(this.raft, index);
  }

  /** The node's answers to itself: its own vote, its own durable entries. */
  private deliverOwn(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.to === this.raft.id) step(this.raft, message);
    }
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

/** What the list holds, which is empty then. */
function takeAll<Item>(list: Item[]): readonly Item[] {
  return list.length === 0 ? nothing : list.splice(0);
}
