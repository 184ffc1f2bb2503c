/**
 * A configuration in the making: sets that the changer edits, made from a ConfState and turned into one again. Progress of a member is
 * copied before it is changed, so that a change that turns out to be refused leaves no trace.
 */
import { assert } from "../../lib/assert.ts";
import type { MemberId } from "../../lib/units.ts";
import type { Progress } from "../tracker/progress.ts";
import type { ConfState } from "../types.ts";

/** A configuration and the progress of exactly those who are in it. Never changed. */
export interface ChangerState {
  readonly config: ConfState;
  readonly progress: ReadonlyMap<MemberId, Progress>;
}

/** What only raft can give the changer. */
export interface ChangerContext {
  /** For a member that comes new: match 0, next max(last index, 1), recently active, so that a quorum check spares the leader. */
  newProgress(isLearner: boolean): Progress;
}

/** Editable. `incoming` are the voters to be, `outgoing` those that were, and empty outside a joint configuration. */
export class ConfigDraft {
  readonly incoming: Set<MemberId>;
  outgoing: Set<MemberId>;
  readonly learners: Set<MemberId>;
  readonly learnersNext: Set<MemberId>;
  autoLeave: boolean;
  readonly progress: Map<MemberId, Progress>;

  constructor(state: ChangerState) {
    const { config } = state;
    this.incoming = new Set(config.voters);
    this.outgoing = new Set(config.votersOutgoing);
    this.learners = new Set(config.learners);
    this.learnersNext = new Set(config.learnersNext);
    this.autoLeave = config.autoLeave;
    this.progress = new Map(state.progress);
    checkInvariants(this);
  }

  /** Nothing happens to a voter of the incoming half. */
  makeVoter(id: MemberId, context: ChangerContext): void {
    if (this.progress.has(id)) this.markLearner(id, false);
    else this.progress.set(id, context.newProgress(false));
    this.learners.delete(id);
    this.learnersNext.delete(id);
    this.incoming.add(id);
  }

  /**
   * Nothing happens to a learner. A voter of the outgoing half votes until the joint configuration is left and is a learner from then on:
   * nobody is voter and learner at once.
   */
  makeLearner(id: MemberId, context: ChangerContext): void {
    const progress = this.progress.get(id);
    if (progress === undefined) {
      this.progress.set(id, context.newProgress(true));
      this.learners.add(id);
      return;
    }
    if (progress.isLearner) return;
    this.remove(id);
    this.progress.set(id, progress);
    if (this.outgoing.has(id)) {
      this.learnersNext.add(id);
    } else {
      this.markLearner(id, true);
      this.learners.add(id);
    }
  }

  /** Nothing happens to who is not in it. A voter of the outgoing half stays known until the joint configuration is left. */
  remove(id: MemberId): void {
    this.incoming.delete(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
    if (!this.outgoing.has(id)) this.progress.delete(id);
  }

  /** Only the incoming half counts from now on, and learners that waited for that are learners. */
  leaveJoint(): void {
    for (const id of this.learnersNext) {
      this.learners.add(id);
      this.markLearner(id, true);
    }
    this.learnersNext.clear();
    for (const id of this.outgoing) {
      if (!this.incoming.has(id) && !this.learners.has(id)) this.progress.delete(id);
    }
    this.outgoing = new Set();
    this.autoLeave = false;
  }

  /** The finished configuration. Asserts its invariants. */
  finish(): ChangerState {
    checkInvariants(this);
    const config = {
      voters: sorted(this.incoming),
      votersOutgoing: sorted(this.outgoing),
      learners: sorted(this.learners),
      learnersNext: sorted(this.learnersNext),
      autoLeave: this.autoLeave,
    };
    return { config, progress: this.progress };
  }

  private markLearner(id: MemberId, isLearner: boolean): void {
    const progress = this.progress.get(id);
    assert(progress !== undefined, "a member without progress", id);
    if (progress.isLearner === isLearner) return;
    const changed = progress.clone();
    changed.isLearner = isLearner;
    this.progress.set(id, changed);
  }
}

function sorted(ids: ReadonlySet<MemberId>): readonly MemberId[] {
  return [...ids].sort((a, b) => (a < b ? -1 : 1));
}

/** Those of etcd's Changer. The empty configuration is legal: every other one is made from it. */
function checkInvariants(draft: ConfigDraft): void {
  const { incoming, outgoing, learners, learnersNext, progress } = draft;
  const members = new Set([...incoming, ...outgoing, ...learners]);
  for (const id of members) assert(progress.has(id), "a member without progress", id);
  assert(progress.size === members.size, "progress of who is no member", progress.size);
  for (const id of learnersNext) {
    assert(outgoing.has(id), "a learner to be that is no outgoing voter", id);
    assert(!incoming.has(id), "a learner to be that is an incoming voter", id);
    assert(progress.get(id)?.isLearner === false, "a learner to be that is one already", id);
  }
  for (const id of learners) {
    assert(!outgoing.has(id) && !incoming.has(id), "a learner that votes", id);
    assert(progress.get(id)?.isLearner === true, "a learner with progress of a voter", id);
  }
  for (const id of [...incoming, ...outgoing]) {
    assert(progress.get(id)?.isLearner === false, "a voter with progress of a learner", id);
  }
  if (outgoing.size === 0)
    assert(!draft.autoLeave, "nothing to leave outside a joint configuration");
}
