/**
 * Votes and pre-votes go only to who has all that the voter has (thesis 3.6.1, 9.6). A pre-vote that is given too freely breaks nothing by
 * itself, but disturbs a cluster, so the answer is held against the voter's log at the moment of the question.
 */
import type { Message } from "../../../node/raft/messages.ts";

export interface LastEntry {
  readonly term: number;
  readonly index: number;
}

const answerOf: Readonly<Record<string, string>> = {
  MsgVote: "MsgVoteResp",
  MsgPreVote: "MsgPreVoteResp",
};

export class VoteChecker {
  readonly violations: string[] = [];
  /** By voter, candidate, kind and term: whether a question was ever such that the answer may be yes. */
  private readonly mayGrant = new Map<string, boolean>();

  /** A question has arrived at a voter whose log ends with `last`. */
  asked({ type, from, to, term, index, logTerm }: Message, last: LastEntry): void {
    const answer = answerOf[type];
    if (answer === undefined) return;
    const key = `${to}/${from}/${answer}/${term}`;
    const isUpToDate = logTerm > last.term || (logTerm === last.term && index >= last.index);
    if (isUpToDate || !this.mayGrant.has(key)) this.mayGrant.set(key, isUpToDate);
  }

  /** A voter answers. */
  answered({ type, from, to, term, reject }: Message): void {
    if (reject || (type !== "MsgVoteResp" && type !== "MsgPreVoteResp")) return;
    if (this.mayGrant.get(`${from}/${to}/${type}/${term}`) !== false) return;
    const what = type === "MsgVoteResp" ? "vote" : "pre-vote";
    this.violations.push(
      `${from.toString(16)} gives its ${what} of term ${term} to ${to.toString(16)}, whose log is behind its own`,
    );
  }
}
