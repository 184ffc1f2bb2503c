/**
 * Nobody leads and nothing is committed without a majority of every half of the configuration (thesis 3.4, 3.6, 4.3): held against the answers
 * that really arrived. It watches one process; a run would otherwise show such a fault only if the other half went its own way in just that moment.
 */
import type { MemberId } from "../../../node/lib/units.ts";
import type { Message } from "../../../node/raft/messages.ts";
import type { ConfState } from "../../../node/raft/types.ts";

export interface Decision {
  readonly term: number;
  /** The configurations that may have counted; one of them must bear the decision out. */
  readonly configs: readonly ConfState[];
}

export interface Commit extends Decision {
  readonly index: number;
  /** Of the entry at `index`. */
  readonly entryTerm: number | undefined;
  /** The leader's own log is durable up to here. */
  readonly stable: number;
}

export class QuorumChecker {
  private readonly id: MemberId;
  private readonly onViolation: (text: string) => void;
  /** Of the term at hand: what others have acknowledged, and who has voted for this member. */
  private acknowledged = new Map<MemberId, number>();
  private votes = new Set<MemberId>();
  private term = 0;

  constructor(id: MemberId, onViolation: (text: string) => void) {
    this.id = id;
    this.onViolation = onViolation;
  }

  /** A message has arrived and is about to be taken in. */
  received({ type, from, term, index, reject }: Message): void {
    if (reject || (type !== "MsgAppResp" && type !== "MsgVoteResp")) return;
    if (term > this.term) {
      this.term = term;
      this.acknowledged = new Map();
      this.votes = new Set();
    }
    if (term < this.term) return;
    if (type === "MsgVoteResp") this.votes.add(from);
    else this.acknowledged.set(from, Math.max(index, this.acknowledged.get(from) ?? 0));
  }

  /** This member has begun to lead. */
  elected({ term, configs }: Decision): void {
    const votes = term === this.term ? this.votes : new Set<MemberId>();
    if (decides(configs, (id) => id === this.id || votes.has(id))) return;
    this.onViolation(`leads term ${term} with the votes of ${list(votes)} only`);
  }

  /** This member leads and has moved the commit index. */
  committed({ term, index, entryTerm, stable, configs }: Commit): void {
    if (entryTerm !== undefined && entryTerm !== term) {
      this.onViolation(`committed entry ${index} of term ${entryTerm} by counting in term ${term}`);
    }
    const acknowledged = term === this.term ? this.acknowledged : new Map<MemberId, number>();
    const has = (id: MemberId): boolean =>
      id === this.id ? stable >= index : (acknowledged.get(id) ?? 0) >= index;
    if (decides(configs, has)) return;
    const known = list([...acknowledged].filter(([, at]) => at >= index).map(([id]) => id));
    this.onViolation(
      `committed entry ${index} in term ${term} with the word of ${known} only, durable here up to ${stable}`,
    );
  }
}

function decides(configs: readonly ConfState[], has: (id: MemberId) => boolean): boolean {
  const majority = (ids: readonly MemberId[]): boolean =>
    ids.length === 0 || ids.filter(has).length * 2 > ids.length;
  return configs.some(({ voters, votersOutgoing }) => majority(voters) && majority(votersOutgoing));
}

function list(ids: Iterable<MemberId>): string {
  const texts = [...ids].map((id) => id.toString(16));
  return texts.length === 0 ? "nobody else" : texts.join(", ");
}
