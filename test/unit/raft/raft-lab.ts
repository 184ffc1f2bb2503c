/** What the tests of raft share: nodes over a log in memory, luck that a test decides, and a loop that obeys Ready. */
import type { Random } from "../../../node/lib/ports.ts";
import type { LogIndex, MemberId } from "../../../node/lib/units.ts";
import { logIndex, memberId, term } from "../../../node/lib/units.ts";
import {
  asConfChangeV2,
  decodeConfChange,
  decodeConfChangeV2,
} from "../../../node/proto/conf-change-codec.ts";
import { type RaftConfig, raftDefaults } from "../../../node/raft/config.ts";
import { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import { RawNode } from "../../../node/raft/raw-node.ts";
import type { Proposal, Ready } from "../../../node/raft/ready.ts";
import type { ProgressStatus } from "../../../node/raft/status.ts";
import type { ConfState, Entry, HardState, SnapshotMetadata } from "../../../node/raft/types.ts";

export const me = memberId(0x8e9e05c52164694dn);
export const none = 0n as MemberId;
export const emptyHardState: HardState = { term: term(0), vote: none, commit: logIndex(0) };

/** Draws these numbers in turn, the last one again and again. */
export function drawing(...numbers: number[]): Random {
  return { uint32: () => (numbers.length > 1 ? numbers.shift() : numbers[0]) ?? 0 };
}

export const entryAt = (index: number, ofTerm: number, text = ""): Entry => ({
  term: term(ofTerm),
  index: logIndex(index),
  type: 0,
  data: Buffer.from(text),
});

/** Entries 1, 2, 3 ... of these terms. */
export const entriesOfTerms = (...terms: number[]): Entry[] =>
  terms.map((ofTerm, at) => entryAt(at + 1, ofTerm, `e${at + 1}`));

export const proposal = (text: string): Proposal => ({ type: 0, data: Buffer.from(text) });

export const confState = (fields: Partial<ConfState>): ConfState => ({
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
  ...fields,
});

export const votersOnly = (...voters: readonly MemberId[]): ConfState => confState({ voters });

export const snapshotAt = (index: number, ofTerm: number, state: ConfState): SnapshotMetadata => ({
  index: logIndex(index),
  term: term(ofTerm),
  confState: state,
});

export interface NodeOptions extends Partial<Omit<RaftConfig, "applied" | "storage">> {
  readonly voters?: readonly MemberId[];
  readonly learners?: readonly MemberId[];
  readonly confState?: ConfState;
  readonly hardState?: HardState;
  readonly entries?: readonly Entry[];
  readonly snapshot?: { readonly index: number; readonly term: number };
  readonly applied?: number;
}

/** A node and the storage under it, for tests that look at or compact the stable log. */
export interface NodeAndStorage {
  readonly node: RawNode;
  readonly storage: MemoryStorage;
}

export function makeNodeAndStorage(options: NodeOptions = {}): NodeAndStorage {
  const { voters, learners = [], hardState, entries, snapshot, applied, ...settings } = options;
  const { index, term: ofTerm } = snapshot ?? { index: 0, term: 0 };
  const state = options.confState ?? confState({ voters: voters ?? [me], learners });
  const storage = new MemoryStorage(
    snapshotAt(index, ofTerm, state),
    hardState ?? emptyHardState,
    entries ?? [],
  );
  const node = new RawNode({
    ...raftDefaults,
    id: me,
    electionTicks: 10,
    random: drawing(0),
    checkQuorum: false,
    preVote: false,
    ...settings,
    storage,
    applied: logIndex(applied ?? index),
  });
  return { node, storage };
}

/** A node that is the only voter and neither asks before it campaigns nor checks its quorum, unless the options say otherwise. */
export const makeNode = (options: NodeOptions = {}): RawNode => makeNodeAndStorage(options).node;

/** Does all that the node asks for, its disk fast and faithful. Returns what it was asked. */
export function settle(node: RawNode): readonly Ready[] {
  const seen: Ready[] = [];
  while (node.hasReady()) {
    const ready = node.ready();
    seen.push(ready);
    for (const entry of ready.committedEntries) {
      applyConfChangeOf(node, entry);
      node.advanceApply(entry.index);
    }
    if (ready.mustSync) node.advanceAppend(ready);
  }
  return seen;
}

/** The configuration that an applied entry leads to, if it changes it. */
export function applyConfChangeOf(node: RawNode, { type, data }: Entry): ConfState | undefined {
  if (type === 0) return undefined;
  return node.applyConfChange(
    type === 1 ? asConfChangeV2(decodeConfChange(data)) : decodeConfChangeV2(data),
  );
}

/** All messages for others that the node had until it had nothing more to do. */
export const settledMessages = (node: RawNode): Message[] =>
  settle(node).flatMap((ready) => messagesOf(ready, node.id));

/** What leaves of a Ready, once it is durable. */
export const messagesOf = (ready: Ready, self: MemberId): Message[] =>
  [...ready.messages, ...ready.messagesAfterAppend].filter(({ to }) => to !== self);

/** The only voter, elected, with the empty entry of its term applied. */
export function makeLeader(options: NodeOptions = {}): RawNode {
  const node = makeNode(options);
  node.campaign();
  settle(node);
  return node;
}

/** A message to `me` of the type and term; the other fields as given. */
export const received = (
  type: Message["type"],
  from: MemberId,
  ofTerm: number,
  fields: Partial<Message> = {},
): Message => message({ type, to: me, from, term: term(ofTerm), ...fields });

/**
 * One of several voters, elected by all, at the first term above `hardState`, with its log in the state that others acknowledged
 * nothing of it yet. The messages of the election are taken away.
 */
export function electLeader(options: NodeOptions): NodeAndStorage {
  const made = makeNodeAndStorage(options);
  const { node } = made;
  node.campaign();
  settle(node);
  for (const voter of node.status().confState.voters) {
    if (voter !== node.id) {
      const type = node.role === "preCandidate" ? "MsgPreVoteResp" : "MsgVoteResp";
      const asked = node.role === "preCandidate" ? node.term + 1 : node.term;
      node.step(received(type, voter, asked));
      settle(node);
    }
  }
  if (node.role !== "leader") return electAgain(made);
  return made;
}

/** After the pre-votes, the votes. */
function electAgain(made: NodeAndStorage): NodeAndStorage {
  const { node } = made;
  for (const voter of node.status().confState.voters) {
    if (voter !== node.id && node.role === "candidate") {
      node.step(received("MsgVoteResp", voter, node.term));
      settle(node);
    }
  }
  return made;
}

export const textsOf = (entries: readonly Entry[]): string[] =>
  entries.map(({ data }) => Buffer.from(data).toString());
export const indexesOf = (entries: readonly Entry[]): LogIndex[] =>
  entries.map(({ index }) => index);
export const typesOf = (messages: readonly Message[]): string[] => messages.map(({ type }) => type);

export const two = memberId(2n);
export const three = memberId(3n);
export const four = memberId(4n);

/** What a message says, without the fields that its type leaves empty: short enough to be read in a test. */
export function told(message: Message): Record<string, unknown> {
  const { type, to, term: ofTerm, index, logTerm, commit, reject, rejectHint, entries } = message;
  return {
    type,
    to,
    term: ofTerm,
    ...(index > 0 ? { index } : {}),
    ...(logTerm > 0 ? { logTerm } : {}),
    ...(commit > 0 ? { commit } : {}),
    ...(entries.length > 0 ? { entries: textsOf(entries) } : {}),
    ...(reject ? { reject, rejectHint } : {}),
  };
}

export function progressOf(node: RawNode, id: MemberId): ProgressStatus {
  const found = node.status().progress.find((progress) => progress.id === id);
  if (found === undefined) throw new Error(`no progress of ${id}`);
  return found;
}

export const hardStateAt = (of: number, commit: number): HardState => ({
  term: term(of),
  vote: none,
  commit: logIndex(commit),
});

/** `from` says that it holds the log up to `index`. */
export const acknowledge = (node: RawNode, from: MemberId, index: number): void =>
  node.step(received("MsgAppResp", from, node.term, { index: logIndex(index) }));
