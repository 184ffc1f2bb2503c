/** Looks at one member at the end of each of its turns: feeds the checkers, and counts what happened to it. Nothing is copied when nothing moved. */
import { type LogIndex, logIndex } from "../../node/lib/units.ts";
import type { Message } from "../../node/raft/messages.ts";
import { type ConfState, entryType } from "../../node/raft/types.ts";
import type { LogChecker } from "./checkers/log-checker.ts";
import { MarksChecker } from "./checkers/marks-checker.ts";
import { QuorumChecker } from "./checkers/quorum-checker.ts";
import type { Counters } from "./counters.ts";
import type { MemberView } from "./member-view.ts";
import type { World } from "./world.ts";

export interface MemberWatchOptions {
  readonly world: World;
  readonly name: string;
  readonly view: MemberView;
  readonly checker: LogChecker;
  readonly counters: Counters;
  /** Revision of the store; undefined while it cannot be read. */
  readonly revision: () => number | undefined;
  /** Requests that this member has proposed and not answered. */
  readonly pendingProposals: () => number;
  /** Some direction of the network is cut. */
  readonly isPartitioned: () => boolean;
  readonly onViolation: (text: string) => void;
}

/** Index of an entry that nobody has. */
const none = logIndex(0);

export class MemberWatch {
  private readonly marks: MarksChecker;
  private readonly quorum: QuorumChecker;
  private readonly options: MemberWatchOptions;
  private role = "follower";
  private term = 0;
  private committed: LogIndex = none;
  private applied = -1;
  private last = -1;
  private revision = 0;
  private lead = 0n;
  private transferee = 0n;
  private confState: ConfState | undefined;
  /** Index of a snapshot that was received although the log reaches beyond it. */
  private superfluous: number | undefined;

  constructor(options: MemberWatchOptions) {
    this.options = options;
    this.marks = new MarksChecker(options.name, options.onViolation);
    this.quorum = new QuorumChecker(options.view.id, (text) =>
      options.onViolation(`${options.name} ${text}`),
    );
    this.term = options.view.term;
  }

  /** A message is about to be taken in. */
  received(message: Message): void {
    this.quorum.received(message);
    const { log } = this.options.view;
    const { index, term } = message.snapshot?.metadata ?? {};
    if (index === undefined || term === undefined) return;
    if (log.lastIndex > index && log.matchesTerm(index, term)) this.superfluous = index;
  }

  /** A turn of the member has ended. */
  turn(): void {
    const { view } = this.options;
    if (view.role === "leader") {
      this.decisions();
      if (view.log.lastIndex !== this.last) this.changesPending();
    }
    if (this.superfluous !== undefined) this.keepsEntries(this.superfluous);
    if (view.role !== this.role || view.term !== this.term || view.lead !== this.lead) {
      this.roleMoved();
    }
    if (view.leadTransferee !== this.transferee) this.transfereeMoved();
    const { log } = view;
    if (
      view.committed !== this.committed ||
      view.applied !== this.applied ||
      log.lastIndex !== this.last
    ) {
      this.marksMoved();
    }
    if (view.confState !== this.confState) this.confStateMoved();
  }

  /** What this member has decided as a leader in the turn. */
  private decisions(): void {
    const { view } = this.options;
    const { log, term } = view;
    const hasBegun = this.role !== "leader" || this.term !== term;
    const hasCommitted = view.committed > this.committed && this.applied >= 0;
    if (!hasBegun && !hasCommitted) return;
    const configs = [this.confState ?? view.confState, view.confState];
    // With two changes applied in one turn, what was in between may have counted.
    if (this.changesApplied() > 1) return;
    if (hasBegun) this.quorum.elected({ term, configs });
    if (!hasCommitted) return;
    const index = view.committed;
    const entryTerm = log.term(logIndex(index));
    const stable = Math.min(view.storage.lastIndex, log.unstable.offset - 1);
    this.quorum.committed({ term, index, entryTerm, stable, configs });
  }

  /** A leader appends no conf change while another one is not applied (thesis 4.1: one at a time). */
  private changesPending(): void {
    const { view, name, onViolation } = this.options;
    const { log, applied, term } = view;
    let pending: LogIndex | undefined;
    for (let at = Math.max(applied + 1, log.firstIndex); at <= log.lastIndex; at++) {
      const entry = log.entry(logIndex(at));
      if (entry.type === entryType.normal) continue;
      if (pending !== undefined && entry.term === term) {
        onViolation(
          `${name} appended a conf change at ${at} while that at ${pending} is not applied`,
        );
        return;
      }
      pending = entry.index;
    }
  }

  /** A snapshot of what the log holds already, and more, must not take the place of the log. */
  private keepsEntries(index: number): void {
    const { view, name, onViolation } = this.options;
    this.superfluous = undefined;
    if (view.log.snapshotMetadata?.index !== index || !view.log.hasPendingSnapshot) return;
    onViolation(`${name} installs a snapshot at ${index} over newer entries`);
  }

  private changesApplied(): number {
    const { log, applied } = this.options.view;
    let count = 0;
    for (let index = Math.max(this.applied + 1, log.firstIndex); index <= applied; index++) {
      if (log.entry(logIndex(index)).type !== entryType.normal) count += 1;
    }
    return count;
  }

  private roleMoved(): void {
    const { world, name, view, checker, counters, pendingProposals } = this.options;
    const { role, term, lead } = view;
    if (role !== this.role)
      world.note(
        `${name} ${role} term=${term} last=${view.log.lastIndex} committed=${view.committed}`,
      );
    world.trace.number(term);
    if (role === "leader") checker.sawLeader(term, view.id);
    if (role === "leader" && (this.role !== "leader" || term !== this.term)) counters.add("leader");
    if (role === "candidate" && term !== this.term) counters.add("election");
    if (this.role === "leader" && role === "follower" && term === this.term && lead === 0n) {
      counters.add("stepDownQuorum");
    }
    if (this.lead !== 0n && lead !== this.lead && pendingProposals() > 0) {
      counters.add("leaderMovedMidBatch");
    }
    this.role = role;
    this.term = term;
    this.lead = lead;
  }

  private transfereeMoved(): void {
    const { view, counters } = this.options;
    // Given up: still leader of the same term.
    if (this.transferee !== 0n && view.leadTransferee === 0n && view.role === "leader") {
      counters.add("transferAborted");
    }
    if (this.transferee !== 0n && view.leadTransferee === 0n && view.role !== "leader") {
      counters.add("transferDone");
    }
    this.transferee = view.leadTransferee;
  }

  private marksMoved(): void {
    const { view, checker } = this.options;
    const { log, storage } = view;
    const committed = logIndex(view.committed);
    const from = Math.max(this.committed + 1, log.firstIndex);
    const to = Math.min(committed, log.lastIndex);
    if (from <= to) {
      const entries = log.slice(logIndex(from), logIndex(to + 1), Infinity);
      const before = log.term(logIndex(from - 1));
      if (before !== undefined) checker.sawEntries(entries, before, view.id);
      for (const entry of entries) checker.sawCommitted(entry, view.id);
    }
    if (view.role === "leader") this.appended();
    const revision = this.options.revision() ?? this.revision;
    this.marks.saw({
      compacted: storage.firstIndex - 1,
      applied: view.applied,
      committed,
      stable: Math.min(storage.lastIndex, log.unstable.offset - 1),
      last: log.lastIndex,
      term: view.term,
      revision,
    });
    this.revision = revision;
    this.committed = committed;
    this.applied = view.applied;
    this.last = log.lastIndex;
  }

  /** What the leader has appended is seen before it is committed, and perhaps compacted. */
  private appended(): void {
    const { view, checker } = this.options;
    const { log } = view;
    const from = Math.max(this.last + 1, log.firstIndex);
    if (from > log.lastIndex) return;
    const before = log.term(logIndex(from - 1));
    const entries = log.slice(logIndex(from), logIndex(log.lastIndex + 1), Infinity);
    if (before !== undefined) checker.sawEntries(entries, before, view.id);
  }

  private confStateMoved(): void {
    const { world, name, view, counters, isPartitioned } = this.options;
    const now = view.confState;
    const before = this.confState;
    this.confState = now;
    if (before === undefined) return;
    // Every member sees the same changes; the leader's view is counted.
    world.note(`${name} configuration ${describeConfState(now)}`);
    if (view.role !== "leader") return;
    counters.add("confChange");
    if (now.votersOutgoing.length > 0 && before.votersOutgoing.length === 0)
      counters.add("jointEntered");
    if (now.votersOutgoing.length === 0 && before.votersOutgoing.length > 0)
      counters.add("jointLeft");
    const promoted = before.learners.filter((id) => now.voters.includes(id));
    counters.add("learnerPromoted", promoted.length);
    if (isPartitioned()) counters.add("learnerPromotedPartition", promoted.length);
    const known = [...before.voters, ...before.votersOutgoing, ...before.learners];
    counters.add("learnerAdded", now.learners.filter((id) => !known.includes(id)).length);
    const left = [...now.voters, ...now.votersOutgoing, ...now.learners, ...now.learnersNext];
    counters.add("memberRemoved", known.filter((id) => !left.includes(id)).length);
  }
}

const list = (ids: readonly bigint[]): string =>
  ids.map((id) => id.toString(16).slice(0, 4)).join(",");

function describeConfState(state: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext } = state;
  const outgoing = votersOutgoing.length === 0 ? "" : ` outgoing=${list(votersOutgoing)}`;
  const next = learnersNext.length === 0 ? "" : ` next=${list(learnersNext)}`;
  return `voters=${list(voters)}${outgoing} learners=${list(learners)}${next}`;
}
