/**
 * What Raft promises of its logs (thesis figure 3.2), held against everything that members send and commit: one leader in a term; an
 * entry with one index and term is one entry, with one predecessor, everywhere and for ever; what is committed never changes.
 */
import type { LogIndex, MemberId, Term } from "../../../node/lib/units.ts";
import type { Message } from "../../../node/raft/messages.ts";
import type { Entry } from "../../../node/raft/types.ts";

/** What an (index, term) stands for, as two sums. */
interface Known {
  readonly entry: Entry;
  readonly dataSum: number;
  readonly previousTerm: number;
}

interface Committed {
  readonly term: Term;
  readonly dataSum: number;
}

/** Terms and indexes of a run are small: one number holds both. */
const keyOf = (index: number, term: number): number => term * 2 ** 26 + index;

export class LogChecker {
  readonly violations: string[] = [];
  /** Each entry when it is first seen to be committed. */
  onCommitted: (entry: Entry) => void = () => undefined;
  private readonly leaders = new Map<number, MemberId>();
  private readonly known = new Map<number, Known>();
  /** By index. */
  private readonly committed: (Committed | undefined)[] = [];
  /** Terms of entries at or below an index can only be as large as this: the newest committed. */
  private lastCommitted = 0;

  /** `id` acts as the leader of `term`. */
  sawLeader(term: number, id: MemberId): void {
    const known = this.leaders.get(term);
    if (known === undefined) this.leaders.set(term, id);
    else if (known !== id)
      this.violate(`two leaders in term ${term}: ${hex(known)} and ${hex(id)}`);
  }

  /** A message on the network. */
  sawMessage(message: Message): void {
    const { type, term, from } = message;
    if (type === "MsgApp" || type === "MsgHeartbeat" || type === "MsgSnap") {
      this.sawLeader(term, from);
    }
    if (type === "MsgApp") this.sawEntries(message.entries, message.logTerm, from);
  }

  /** Entries in a row, of which the first follows one of `previousTerm`. */
  sawEntries(entries: readonly Entry[], previousTerm: number, at: MemberId): void {
    let previous = previousTerm;
    for (const entry of entries) {
      const { index, term, data } = entry;
      const dataSum = sumOf(data);
      const key = keyOf(index, term);
      const known = this.known.get(key);
      if (known === undefined) this.known.set(key, { entry, dataSum, previousTerm: previous });
      else if (known.dataSum !== dataSum) {
        this.violate(`${hex(at)} has another entry ${index} of term ${term}`);
      } else if (known.previousTerm !== previous) {
        this.violate(
          `entry ${index} of term ${term} follows term ${previous} at ${hex(at)}, and term ${known.previousTerm} elsewhere`,
        );
      }
      if (term < previous) this.violate(`terms go back at entry ${index} of ${hex(at)}`);
      previous = term;
    }
  }

  /** A member holds this entry for committed. */
  sawCommitted(entry: Entry, at: MemberId): void {
    const { index, term, data } = entry;
    const known = this.committed[index];
    const dataSum = sumOf(data);
    if (known === undefined) {
      this.fillBefore(entry, at);
      this.committed[index] = { term, dataSum };
      this.lastCommitted = Math.max(this.lastCommitted, index);
      this.onCommitted(entry);
    } else if (known.term !== term || known.dataSum !== dataSum) {
      this.violate(
        `committed entry ${index} changed: term ${known.term} before, term ${term} at ${hex(at)}`,
      );
    }
  }

  /** What is before a committed entry is committed too, although a log that was compacted in the same turn does not show it any more. */
  private fillBefore({ index, term }: Entry, at: MemberId): void {
    if (this.committed[index - 1] !== undefined) return;
    const previousTerm = this.known.get(keyOf(index, term))?.previousTerm;
    const before = this.known.get(keyOf(index - 1, previousTerm ?? 0))?.entry;
    if (before !== undefined) this.sawCommitted(before, at);
  }

  /** The highest index that any member held for committed. */
  get highestCommitted(): LogIndex {
    return this.lastCommitted as LogIndex;
  }

  private violate(text: string): void {
    // The first ones tell the story.
    if (this.violations.length < 5) this.violations.push(text);
  }
}

const hex = (id: bigint): string => id.toString(16);

/** FNV-1a: entries are small, and nobody tries to fool it. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < bytes.length; at++)
    sum = Math.imul(sum ^ (bytes[at] as number), 0x01000193);
  return (sum ^ bytes.length) >>> 0;
}
