/** One of our nodes under the actions of a Go trace: it does what the Go program's member does (test/peers/raft/member.go). */
import { AssertionError } from "../../../node/lib/assert.ts";
import type { LogIndex } from "../../../node/lib/units.ts";
import {
  asConfChangeV2,
  decodeConfChange,
  decodeConfChangeV2,
} from "../../../node/proto/conf-change-codec.ts";
import { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import type { Message } from "../../../node/raft/messages.ts";
import { RawNode } from "../../../node/raft/raw-node.ts";
import type { Ready } from "../../../node/raft/ready.ts";
import {
  type ConfState,
  type Entry,
  entryType,
  type HardState,
  type SnapshotMetadata,
} from "../../../node/raft/types.ts";
import {
  bytesOf,
  entryOf,
  hexOf,
  idOf,
  lineOfConf,
  lineOfEntry,
  lineOfMessage,
  lineOfStatus,
  type TraceAction,
  type TraceOptions,
} from "./go-trace.ts";

/** What our node did, in the form of a trace's line. */
export interface OurOutcome {
  dropped: boolean;
  readonly messages: object[];
  readonly committed: object[];
  readonly reads: object[];
  readonly confStates: (object | null)[];
  status: object;
}

const noLimit = (limit: number): number => (limit === 0 ? Infinity : limit);

export class GoTraceMember {
  private readonly id: string;
  private readonly options: TraceOptions;
  private storage: MemoryStorage;
  private hardState: HardState;
  private snapshot: SnapshotMetadata;
  private confState: ConfState;
  private applied: LogIndex;
  private node: RawNode | undefined;
  /** The numbers that Go drew in this action and ours did not draw yet. */
  private draws: number[] = [];
  /** Entries that were handed out and are not applied yet; none are while `isHolding`. */
  private queue: Entry[] = [];
  private isHolding = false;

  constructor(id: string, options: TraceOptions, start: SnapshotMetadata) {
    this.id = id;
    this.options = options;
    this.snapshot = start;
    this.confState = start.confState;
    this.applied = start.index;
    this.hardState = { term: start.term, vote: idOf("0"), commit: start.index };
    this.storage = new MemoryStorage(start, this.hardState, []);
    if (start.index > 0) this.storage.setSnapshotMetadata(start);
  }

  /** `received`: the message of an action "deliver". */
  perform(
    action: TraceAction,
    draws: readonly number[],
    received: Message | undefined,
  ): OurOutcome {
    this.draws = [...draws];
    const outcome: OurOutcome = {
      dropped: false,
      messages: [],
      committed: [],
      reads: [],
      confStates: [],
      status: {},
    };
    outcome.dropped = this.act(action, received);
    const { node } = this;
    if (node === undefined) throw new Error("the first action starts the node");
    this.settle(node, outcome);
    if (this.draws.length > 0) throw new Error(`Go drew ${this.draws.length} more timeouts`);
    const { lastIndex } = this.storage;
    outcome.status = lineOfStatus(node.status(), {
      index: lastIndex,
      term: this.storage.term(lastIndex),
    });
    return outcome;
  }

  /** True if a proposal was dropped. */
  private act(action: TraceAction, received: Message | undefined): boolean {
    if (action.kind === "start" || action.kind === "restart") {
      this.start(action);
      return false;
    }
    const { node } = this;
    if (node === undefined) throw new Error("the first action starts the node");
    const peer = idOf(action.peer);
    switch (action.kind) {
      case "tick":
        node.tick();
        return false;
      case "campaign":
        node.campaign();
        return false;
      case "deliver":
        if (received === undefined) throw new Error("no such message");
        node.step(received);
        return false;
      case "propose":
      case "proposeConf":
        return !node.propose((action.entries ?? []).map(entryOf));
      case "readIndex":
        node.readIndex(bytesOf(action.context));
        return false;
      case "transferLeader":
        node.transferLeader(peer);
        return false;
      case "reportUnreachable":
        node.reportUnreachable(peer);
        return false;
      case "reportSnapshot":
        node.reportSnapshot(peer, action.failed === true ? "failed" : "finished");
        return false;
      case "forgetLeader":
        node.forgetLeader();
        return false;
      case "compact":
        this.compact(action);
        return false;
      case "hold":
      case "resume":
        this.isHolding = action.kind === "hold";
        return false;
      case "withholdSnapshot":
        this.storage.setSnapshotMetadata(undefined);
        return false;
      default:
        throw new Error(`unknown action ${action.kind}`);
    }
  }

  /** A restart begins with what is on disk: the log, the newest snapshot, and a commit index that may lag. */
  private start({ kind, index = 0, commit = 0 }: TraceAction): void {
    if (kind === "restart") {
      const { storage } = this;
      if (index < this.applied) {
        this.applied = this.snapshot.index;
        this.confState = this.snapshot.confState;
      }
      this.hardState = { ...this.hardState, commit: commit as LogIndex };
      const { firstIndex, lastIndex } = storage;
      const compacted = (firstIndex - 1) as LogIndex;
      const metadata = {
        index: compacted,
        term: storage.term(compacted) ?? this.snapshot.term,
        confState: this.confState,
      };
      const entries = storage.slice(firstIndex, (lastIndex + 1) as LogIndex);
      const isWithheld = storage.snapshotMetadata === undefined;
      this.storage = new MemoryStorage(metadata, this.hardState, entries);
      if (!isWithheld) this.storage.setSnapshotMetadata(this.snapshot);
    }
    this.queue = [];
    this.isHolding = false;
    const { options } = this;
    this.node = new RawNode({
      id: idOf(this.id),
      electionTicks: options.electionTicks,
      heartbeatTicks: options.heartbeatTicks,
      storage: this.storage,
      applied: this.applied,
      random: { uint32: () => this.draw() },
      committedPerReadyMax: 1_000_000,
      messageBytesMax: options.messageBytesMax,
      inflightMessagesMax: options.inflightMessagesMax,
      inflightBytesMax: noLimit(options.inflightBytesMax),
      uncommittedBytesMax: noLimit(options.uncommittedBytesMax),
      checkQuorum: options.checkQuorum,
      preVote: options.preVote,
      stepDownOnRemoval: options.stepDownOnRemoval,
    });
  }

  private draw(): number {
    const drawn = this.draws.shift();
    if (drawn === undefined) throw new Error("Go drew no timeout here");
    return drawn;
  }

  private compact({ index = 0 }: TraceAction): void {
    const term = this.storage.term(this.applied);
    if (term === undefined) throw new Error("the applied entry is not in the log");
    this.snapshot = { index: this.applied, term, confState: this.confState };
    this.storage.setSnapshotMetadata(this.snapshot);
    this.storage.compact(index as LogIndex);
  }

  /** In the order of a member with one disk: send, write, answer; and, when all of that is done, apply. */
  private settle(node: RawNode, outcome: OurOutcome): void {
    for (;;) {
      while (node.hasReady()) this.settleReady(node, node.ready(), outcome);
      if (this.isHolding || this.queue.length === 0) return;
      for (const entry of this.queue.splice(0)) {
        this.applied = entry.index;
        this.applyConfChange(node, entry, outcome);
      }
      node.advanceApply(this.applied);
    }
  }

  private settleReady(node: RawNode, ready: Ready, outcome: OurOutcome): void {
    for (const { index, context } of ready.readStates) {
      outcome.reads.push({ index, context: hexOf(context) });
    }
    for (const sent of ready.messages) outcome.messages.push(lineOfMessage(sent));
    for (const entry of ready.committedEntries) {
      outcome.committed.push(lineOfEntry(entry));
      this.queue.push(entry);
    }
    if (ready.hardState !== undefined) this.hardState = ready.hardState;
    if (ready.snapshot !== undefined) {
      // It has overtaken what waits to be applied.
      this.queue = [];
      this.snapshot = ready.snapshot.metadata;
      this.confState = this.snapshot.confState;
      this.applied = this.snapshot.index;
    }
    if (ready.mustSync) node.advanceAppend(ready);
    for (const sent of ready.messagesAfterAppend) {
      if (sent.to !== node.id) outcome.messages.push(lineOfMessage(sent));
    }
  }

  private applyConfChange(node: RawNode, entry: Entry, outcome: OurOutcome): void {
    if (entry.type === entryType.normal) return;
    const change =
      entry.type === entryType.confChange
        ? asConfChangeV2(decodeConfChange(entry.data))
        : decodeConfChangeV2(entry.data);
    try {
      this.confState = node.applyConfChange(change);
      outcome.confStates.push(lineOfConf(this.confState));
    } catch (error) {
      // A change that the configuration does not allow: in Go a panic with an error.
      if (!(error instanceof AssertionError)) throw error;
      outcome.confStates.push(null);
    }
  }
}
