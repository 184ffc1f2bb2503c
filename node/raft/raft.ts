/**
 * The state of one raft node and its changes of role. It is pure: messages, ticks and proposals come in; entries, hard state, committed
 * entries and messages go out, collected by RawNode. It knows no disk, network or clock. What is done with each input stands in
 * step.ts, the step-*.ts of the roles, and a file for each mechanism: campaign, replicate, propose, read-index, conf-changes,
 * leader-transfer, receive-entries, receive-snapshot.
 */
import { assert } from "../lib/assert.ts";
import { emptyBytes } from "../lib/bytes.ts";
import type { LogIndex, MemberId, Term } from "../lib/units.ts";
import { logIndex, term } from "../lib/units.ts";
import type { ChangerContext } from "./confchange/draft.ts";
import { restoreConfig } from "./confchange/restore.ts";
import { checkConfig, type RaftConfig } from "./config.ts";
import { payloadBytes } from "./entry-size.ts";
import { RaftLog } from "./log.ts";
import { type Message, message } from "./messages.ts";
import { ReadOnly } from "./read-only.ts";
import type { Proposal, ReadState } from "./ready.ts";
import type { Role } from "./status.ts";
import type { Progress } from "./tracker/progress.ts";
import { ProgressTracker } from "./tracker/progress-tracker.ts";
import { entryType, type HardState } from "./types.ts";

/** No leader, no vote, nobody to hand over to. */
export const nobody = 0n as MemberId;

/** What a sender says; `send` adds who it is and its term. */
type Outgoing = Pick<Message, "type" | "to"> & Partial<Message>;

/**
 * The state machine. The functions of this folder that take a Raft read and change it; RawNode reads it.
 * Invariants: `currentTerm` never goes back; at most one vote in a term; `lead` is set only in the term it leads.
 */
export class Raft {
  readonly id: MemberId;
  readonly config: RaftConfig;
  readonly log: RaftLog;
  readonly tracker: ProgressTracker;
  role: Role = "follower";
  currentTerm: Term;
  vote: MemberId;
  /** The leader of `currentTerm` as far as known. */
  lead: MemberId = nobody;
  /** Whom this leader is handing over to (thesis 3.10). No proposals are taken meanwhile. */
  leadTransferee: MemberId = nobody;
  /**
   * Of a leader: no conf change is behind this index, so the next one may be appended once this much is applied. May be too high,
   * never too low.
   */
  pendingConfIndex: LogIndex = logIndex(0);
  /** Ticks since the leader's last word, or, of a leader, since its last check of the quorum. */
  electionElapsed = 0;
  /** Of a leader: ticks since its last heartbeats. */
  heartbeatElapsed = 0;
  /** To other nodes, at once. */
  readonly messages: Message[] = [];
  /** To be delivered once everything appended and voted so far is durable. */
  readonly messagesAfterAppend: Message[] = [];
  readonly readStates: ReadState[] = [];
  /** MsgReadIndex that came before this leader committed an entry of its own term (thesis 6.4, step 1). */
  readonly pendingReads: Message[] = [];
  /** Reads that wait for a quorum's word that this node still leads. */
  readOnly = new ReadOnly();
  /** Of a leader: bytes of data that it appended and that are not known applied. An estimate that is never too high. */
  uncommittedBytes = 0;

  private randomizedElectionTicks = 0;

  constructor(config: RaftConfig) {
    checkConfig(config);
    const { storage, applied, inflightMessagesMax, inflightBytesMax } = config;
    const { initialHardState, initialConfState } = storage;
    this.id = config.id;
    this.config = config;
    const compacted = logIndex(storage.firstIndex - 1);
    const isNew = initialHardState.term === 0 && initialHardState.commit === 0;
    this.log = new RaftLog(
      storage,
      isNew ? compacted : initialHardState.commit,
      applied === 0 ? compacted : applied,
    );
    this.tracker = new ProgressTracker({ inflightMessagesMax, inflightBytesMax });
    const restored = restoreConfig(initialConfState, this.changerContext);
    this.tracker.apply(restored.config, restored.progress);
    this.currentTerm = initialHardState.term;
    this.vote = initialHardState.vote;
    this.becomeFollower(this.currentTerm, nobody);
  }

  get hardState(): HardState {
    return { term: this.currentTerm, vote: this.vote, commit: this.log.committed };
  }

  /** It votes as far as it knows, and its state is whole: it may campaign. */
  get isPromotable(): boolean {
    const own = this.tracker.progress.get(this.id);
    return own !== undefined && !own.isLearner && !this.log.hasPendingSnapshot;
  }

  get isPastElectionTimeout(): boolean {
    return this.electionElapsed >= this.randomizedElectionTicks;
  }

  /** Only then does the commit index cover everything that earlier leaders have committed (thesis 6.4). */
  get hasCommittedInTerm(): boolean {
    return this.log.matchesTerm(this.log.committed, this.currentTerm);
  }

  /** How a member begins that a conf change adds: active, so that it is not held against the leader before it could answer. */
  get changerContext(): ChangerContext {
    return {
      newProgress: (isLearner: boolean): Progress => {
        const next = logIndex(Math.max(this.log.lastIndex, 1));
        const progress = this.tracker.newProgress(logIndex(0), next, isLearner);
        progress.isRecentActive = true;
        return progress;
      },
    };
  }

  /**
   * Queues a message of this node and term. Votes carry the term that they are about, which the caller gives; forwarded proposals and
   * reads carry none. What promises something of this node's state waits until that is durable: answers to MsgApp and to votes, and
   * MsgVote, because a candidate must not be elected in a term, or for a log, that a crash takes away from it.
   */
  send(fields: Outgoing): void {
    const { type } = fields;
    switch (type) {
      case "MsgAppResp":
        this.messagesAfterAppend.push(this.sealed(fields, this.currentTerm));
        return;
      case "MsgVote":
      case "MsgVoteResp":
      case "MsgPreVoteResp":
        this.messagesAfterAppend.push(this.sealed(fields, fields.term));
        return;
      case "MsgPreVote":
        this.messages.push(this.sealed(fields, fields.term));
        break;
      case "MsgProp":
      case "MsgReadIndex":
        this.messages.push(this.sealed(fields, term(0)));
        break;
      default:
        this.messages.push(this.sealed(fields, this.currentTerm));
    }
    assert(fields.to !== this.id, "a message to itself", type);
  }

  /** A message of somebody else that the leader must get. */
  forwardToLeader(received: Message): void {
    this.send({ ...received, to: this.lead });
  }

  becomeFollower(newTerm: Term, lead: MemberId): void {
    this.reset(newTerm);
    this.role = "follower";
    this.lead = lead;
  }

  /** Asks whether a campaign would be won; term and vote stay as they are (thesis 9.6). */
  becomePreCandidate(): void {
    assert(this.role !== "leader", "a leader cannot become pre-candidate");
    this.tracker.resetVotes();
    this.lead = nobody;
    this.role = "preCandidate";
  }

  becomeCandidate(): void {
    assert(this.role !== "leader", "a leader cannot become candidate");
    this.reset(term(this.currentTerm + 1));
    this.role = "candidate";
    this.vote = this.id;
  }

  /** Precondition: won the vote of `currentTerm`. Appends the empty entry whose commit makes older ones safe (thesis 3.6.2). */
  becomeLeader(): void {
    assert(this.role === "candidate", "only a candidate becomes leader", this.role);
    this.reset(this.currentTerm);
    this.role = "leader";
    this.lead = this.id;
    const own = this.tracker.progress.get(this.id);
    assert(own !== undefined, "a leader outside of its configuration");
    own.becomeReplicate();
    own.isRecentActive = true;
    // There may be a conf change in the tail of the log; to wait until all of it is applied is cheaper than to look.
    this.pendingConfIndex = this.log.lastIndex;
    const isAppended = this.appendEntries([{ type: entryType.normal, data: emptyBytes }]);
    assert(isAppended, "the empty entry of a term was refused");
  }

  /**
   * The leader's entries, all or none. False: too much is uncommitted already; empty data is never refused, nor is anything while
   * nothing is uncommitted.
   */
  appendEntries(proposals: readonly Proposal[]): boolean {
    const bytes = payloadBytes(proposals);
    const total = this.uncommittedBytes + bytes;
    if (this.uncommittedBytes > 0 && bytes > 0 && total > this.config.uncommittedBytesMax) {
      return false;
    }
    this.uncommittedBytes = total;
    for (const { type, data } of proposals) {
      const index = logIndex(this.log.lastIndex + 1);
      this.log.append({ term: this.currentTerm, index, type, data });
    }
    // The leader counts itself like any voter: by an answer that waits for its own disk (thesis 10.2.1).
    this.send({ type: "MsgAppResp", to: this.id, index: this.log.lastIndex });
    return true;
  }

  /** All that belongs to a term or a role. Thesis 3.4: each time a new random timeout, so that two do not campaign together forever. */
  private reset(newTerm: Term): void {
    assert(newTerm >= this.currentTerm, "terms only grow", newTerm);
    if (newTerm !== this.currentTerm) {
      this.currentTerm = newTerm;
      this.vote = nobody;
    }
    this.lead = nobody;
    this.leadTransferee = nobody;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    const { electionTicks, random } = this.config;
    this.randomizedElectionTicks = electionTicks + (random.uint32() % electionTicks);
    this.pendingConfIndex = logIndex(0);
    this.uncommittedBytes = 0;
    this.readOnly = new ReadOnly();
    this.tracker.resetVotes();
    this.resetProgress();
  }

  /** Nothing is known of the others' logs. Its own counts whole: who is elected has made it durable before it asked for votes. */
  private resetProgress(): void {
    const { tracker } = this;
    const { lastIndex } = this.log;
    const progress = new Map<MemberId, Progress>();
    for (const [id, { isLearner }] of tracker.progress) {
      const match = id === this.id ? lastIndex : logIndex(0);
      progress.set(id, tracker.newProgress(match, logIndex(lastIndex + 1), isLearner));
    }
    tracker.apply(tracker.config, progress);
  }

  private sealed(fields: Outgoing, ofTerm: Term | undefined): Message {
    assert(ofTerm !== undefined, "a vote message without its term");
    const from = fields.from === undefined || fields.from === nobody ? this.id : fields.from;
    return message({ ...fields, from, term: ofTerm });
  }
}
