/** What the tests of raft share: nodes over a log in memory, luck that a test decides, and a loop that obeys Ready. */
import type { Random } from "../../../node/lib/ports.ts";
import type { LogIndex, MemberId } from "../../../node/lib/units.ts";
import { logIndex, memberId, term } from "../../../node/lib/units.ts";
import { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import type { Proposal } from "../../../node/raft/raft.ts";
import { RawNode, type Ready } from "../../../node/raft/raw-node.ts";
import type { ConfState, Entry, HardState } from "../../../node/raft/types.ts";

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

export const proposal = (text: string): Proposal => ({ type: 0, data: Buffer.from(text) });

export const votersOnly = (...voters: readonly MemberId[]): ConfState => ({
  voters,
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
});

export interface NodeOptions {
  readonly voters?: readonly MemberId[];
  readonly hardState?: HardState;
  readonly entries?: readonly Entry[];
  readonly snapshot?: { readonly index: number; readonly term: number };
  readonly applied?: number;
  readonly electionTicks?: number;
  readonly random?: Random;
  readonly committedPerReadyMax?: number;
}

/** A node that is the only voter, unless the options say otherwise. */
export function makeNode(options: NodeOptions = {}): RawNode {
  const { index, term: ofTerm } = options.snapshot ?? { index: 0, term: 0 };
  const snapshot = {
    index: logIndex(index),
    term: term(ofTerm),
    confState: votersOnly(...(options.voters ?? [me])),
  };
  const hardState = options.hardState ?? emptyHardState;
  return new RawNode({
    id: me,
    electionTicks: options.electionTicks ?? 10,
    storage: new MemoryStorage(snapshot, hardState, options.entries ?? []),
    applied: logIndex(options.applied ?? index),
    random: options.random ?? drawing(0),
    committedPerReadyMax: options.committedPerReadyMax ?? 1000,
  });
}

/** Does all that the node asks for, its disk fast and faithful. Returns what it was asked. */
export function settle(node: RawNode): readonly Ready[] {
  const seen: Ready[] = [];
  while (node.hasReady()) {
    const ready = node.ready();
    seen.push(ready);
    const last = ready.committedEntries.at(-1);
    if (last !== undefined) node.advanceApply(last.index);
    if (ready.mustSync) node.advanceAppend(ready);
  }
  return seen;
}

/** The only voter, elected, with the empty entry of its term applied. */
export function makeLeader(options: NodeOptions = {}): RawNode {
  const node = makeNode(options);
  node.campaign();
  settle(node);
  return node;
}

export const textsOf = (entries: readonly Entry[]): string[] =>
  entries.map(({ data }) => Buffer.from(data).toString());
export const indexesOf = (entries: readonly Entry[]): LogIndex[] =>
  entries.map(({ index }) => index);
