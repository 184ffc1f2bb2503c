/**
 * One raft node as a pure state machine: `step`, `tick` and proposals in; entries, hard state, committed entries and
 * messages out, collected by RawNode. It knows no disk, network or clock. What each role does with its input stands in
 * step-follower.ts, step-candidate.ts and step-leader.ts; here are the state they share and the changes of role.
 */
import { assert } from "../lib/assert.ts";
import { emptyBytes } from "../lib/bytes.ts";
import type { Random } from "../lib/ports.ts";
import type { LogIndex, MemberId, Term } from "../lib/units.ts";
import { logIndex, term } from "../lib/units.ts";
import { checkConfig, type RaftConfig } from "./config.ts";
import { RaftLog } from "./log.ts";
import type { Message } from "./messages.ts";
import { stepCandidate } from "./step-candidate.ts";
import { answerReads, stepLeader } from "./step-leader.ts";
import { ProgressTracker } from "./tracker/progress-tracker.ts";
import { type EntryType, entryType, type HardState } from "./types.ts";

/** What a node is in its current term (thesis 3.3). */
export type Role = "follower" | "candidate" | "leader";

/** The answer to a read request: everything up to `index` must be applied before the read is served (thesis 6.4). */
export interface ReadState {
  readonly context: number;
  readonly index: LogIndex;
}

/** Data of one new entry. */
export interface Proposal {
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/**
 * The state machine. Fields are read by the step functions and RawNode; only this class and the step functions change them.
 * Invariants: `currentTerm` never goes back; at most one vote in a term; `lead` is set only in the term it leads.
 */
export class Raft {
  readonly id: MemberId;
  readonly log: RaftLog;
  readonly tracker: ProgressTracker;
  role: Role = "follower";
  currentTerm: Term;
  vote: MemberId;
  /** The leader of `currentTerm` as far as known; 0n for none. */
  lead: MemberId = 0n as MemberId;
  /** To be delivered once everything appended and voted so far is durable. */
  readonly messagesAfterAppend: Message[] = [];
  readonly readStates: ReadState[] = [];
  /** Reads that came before the leader committed an entry of its own term (thesis 6.4, step 1). */
  readonly pendingReads: number[] = [];

  private readonly electionTicks: number;
  private readonly random: Random;
  private electionElapsed = 0;
  private randomizedElectionTicks = 0;

  constructor(config: RaftConfig) {
    checkConfig(config);
    const { initialHardState, initialConfState } = config.storage;
    this.id = config.id;
    this.electionTicks = config.electionTicks;
    this.random = config.random;
    this.log = new RaftLog(config.storage, initialHardState.commit, config.applied);
    this.tracker = new ProgressTracker(initialConfState.voters);
    this.currentTerm = initialHardState.term;
    this.vote = initialHardState.vote;
    this.resetElectionTimer();
  }

  get hardState(): HardState {
    return { term: this.currentTerm, vote: this.vote, commit: this.log.committed };
  }

  /** One tick of time has passed. */
  tick(): void {
    if (this.role === "leader") return;
    this.electionElapsed += 1;
    if (this.electionElapsed >= this.randomizedElectionTicks) this.campaign();
  }

  /** MsgHup: asks for votes in a new term. No effect for a leader, or for one who may not vote. */
  campaign(): void {
    if (this.role === "leader" || !this.tracker.isVoter(this.id)) return;
    this.becomeCandidate();
    // Its own vote counts only once it is durable: after a crash it could otherwise vote twice in one term.
    this.messagesAfterAppend.push({
      type: "MsgVoteResp",
      from: this.id,
      to: this.id,
      term: this.currentTerm,
      reject: false,
    });
  }

  /** MsgProp. False: no leader here, the proposal is dropped and the caller decides. */
  propose(proposals: readonly Proposal[]): boolean {
    if (this.role !== "leader") return false;
    for (const { type, data } of proposals) this.appendEntry(type, data);
    this.acknowledgeAppend();
    return true;
  }

  /** MsgReadIndex. False: no leader known; ask again. `context` comes back in a ReadState. */
  readIndex(context: number): boolean {
    if (this.role !== "leader") return false;
    this.pendingReads.push(context);
    answerReads(this);
    return true;
  }

  step(message: Message): void {
    if (message.term < this.currentTerm) return;
    assert(message.term === this.currentTerm, "a message of a later term", message.term);
    if (this.role === "candidate") stepCandidate(this, message);
    else if (this.role === "leader") stepLeader(this, message);
  }

  becomeFollower(newTerm: Term, lead: MemberId): void {
    this.resetForTerm(newTerm);
    this.role = "follower";
    this.lead = lead;
  }

  becomeCandidate(): void {
    assert(this.role !== "leader", "a leader cannot become candidate");
    this.resetForTerm(term(this.currentTerm + 1));
    this.role = "candidate";
    this.vote = this.id;
  }

  /** Precondition: won the vote of `currentTerm`. Appends the empty entry whose commit makes older ones safe (thesis 3.6.2). */
  becomeLeader(): void {
    assert(this.role === "candidate", "only a candidate becomes leader", this.role);
    this.resetForTerm(this.currentTerm);
    this.role = "leader";
    this.lead = this.id;
    this.appendEntry(entryType.normal, emptyBytes);
    this.acknowledgeAppend();
  }

  private appendEntry(type: EntryType, data: Uint8Array): void {
    this.log.append({
      term: this.currentTerm,
      index: logIndex(this.log.lastIndex + 1),
      type,
      data,
    });
  }

  /** The leader counts itself like any voter: by an answer that waits for its own disk (thesis 10.2.1). */
  private acknowledgeAppend(): void {
    this.messagesAfterAppend.push({
      type: "MsgAppResp",
      from: this.id,
      to: this.id,
      term: this.currentTerm,
      index: this.log.lastIndex,
    });
  }

  private resetForTerm(newTerm: Term): void {
    assert(newTerm >= this.currentTerm, "terms only grow", newTerm);
    if (newTerm !== this.currentTerm) {
      this.currentTerm = newTerm;
      this.vote = 0n as MemberId;
    }
    this.lead = 0n as MemberId;
    this.pendingReads.length = 0;
    this.tracker.resetVotes();
    this.tracker.resetMatch();
    this.resetElectionTimer();
  }

  /** Thesis 3.4: a random timeout in [n, 2n) keeps two followers from campaigning together again and again. */
  private resetElectionTimer(): void {
    this.electionElapsed = 0;
    this.randomizedElectionTicks = this.electionTicks + (this.random.uint32() % this.electionTicks);
  }
}
