import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "../../../node/lib/histogram.ts";
import type { Clock, Timers } from "../../../node/lib/ports.ts";
import { logIndex, memberId, term } from "../../../node/lib/units.ts";
import { confChangeType, encodeConfChange } from "../../../node/proto/conf-change-codec.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import type { RawNode } from "../../../node/raft/raw-node.ts";
import type { Proposal, ReadState, Ready } from "../../../node/raft/ready.ts";
import type { Entry, HardState, Snapshot } from "../../../node/raft/types.ts";
import { type ReadyHandler, ReadyLoop } from "../../../node/server/ready-loop.ts";
import { SlowWork } from "../../../node/server/slow-work.ts";
import type { Wal } from "../../../node/wal/wal.ts";
import {
  entryAt,
  makeLeader,
  makeNode,
  me,
  type NodeOptions,
  proposal,
  snapshotAt,
  textsOf,
  votersOnly,
} from "../raft/raft-lab.ts";
import { quiet } from "../wal/wal-lab.ts";

/** Turns of the event loop that a test takes one by one, and a clock that it moves. */
class HandTimers implements Clock, Timers {
  nowMs = 0;
  private endOfTurnQueue: (() => void)[] = [];
  private nextTurn: (() => void)[] = [];

  after(_delayMs: number, run: () => void) {
    this.nextTurn.push(run);
    return { cancel: () => void (this.nextTurn = this.nextTurn.filter((one) => one !== run)) };
  }

  every() {
    return { cancel: () => undefined };
  }

  endOfTurn(run: () => void): void {
    this.endOfTurnQueue.push(run);
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  unixMs(): number {
    return this.nowMs;
  }

  get isIdle(): boolean {
    return this.endOfTurnQueue.length + this.nextTurn.length === 0;
  }

  /** One turn: timers that are due, then the end of it. */
  turn(): void {
    for (const run of this.nextTurn.splice(0)) run();
    for (let at = 0; at < this.endOfTurnQueue.length; at++) this.endOfTurnQueue[at]?.();
    this.endOfTurnQueue = [];
  }
}

interface Save {
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly done: (error: Error | null) => void;
}

/** A log whose disk is as slow as the test wants; like the real one it takes one save at a time. */
class HandWal {
  readonly saves: Save[] = [];
  /** Hard states that moved their commit alone. */
  readonly commits: HardState[] = [];
  private writing: Save | undefined;

  save(hardState: HardState | undefined, entries: readonly Entry[], done: Save["done"]): void {
    assert.equal(this.writing, undefined, "two batches at once");
    if (entries.length === 0 && hardState?.commit !== 0 && this.saves.length > 0) {
      this.commits.push(hardState as HardState);
      return;
    }
    this.writing = { hardState, entries, done };
    this.saves.push(this.writing);
  }

  get isWriting(): boolean {
    return this.writing !== undefined;
  }

  /** Commit indexes that are to be made durable, each with what runs then. */
  readonly savedCommits: { readonly index: number; readonly done: () => void }[] = [];

  saveCommit(index: number, done: (error: Error | null) => void): void {
    this.savedCommits.push({ index, done: () => done(null) });
  }

  finish(error: Error | null = null): void {
    const { done } = this.writing as Save;
    this.writing = undefined;
    done(error);
  }
}

class Lab implements ReadyHandler {
  readonly timers = new HandTimers();
  readonly wal = new HandWal();
  readonly syncSeconds = new Histogram([0.001, 0.01, 0.1]);
  readonly node: RawNode;
  readonly loop: ReadyLoop;
  readonly errors: Error[] = [];
  readonly applied_: string[] = [];
  readonly slices: number[] = [];
  readonly states: ReadState[] = [];
  readonly appliedIndexes: number[] = [];
  queue: Proposal[] = [];
  reads: number[] = [];
  readonly sent: Message[] = [];
  /** What happened to received snapshots, in order. */
  readonly steps: string[] = [];
  private goOn: (() => void) | undefined;
  isApplying = true;

  constructor(options: NodeOptions & { readonly isLeader?: boolean } = {}) {
    this.node = options.isLeader === false ? makeNode(options) : makeLeader(options);
    const wal = this.wal as unknown as Wal;
    const { node, timers } = this;
    const onError = (error: Error) => void this.errors.push(error);
    const { syncSeconds } = this;
    this.loop = new ReadyLoop({
      node,
      wal,
      timers,
      clock: timers,
      syncSeconds,
      slowWork: new SlowWork(quiet),
      handler: this,
      onError,
    });
  }

  propose(...texts: string[]): void {
    this.queue.push(...texts.map(proposal));
    this.loop.schedule();
  }

  takeProposals(): readonly Proposal[] {
    return this.queue.splice(0);
  }

  hasProposals(): boolean {
    return this.queue.length > 0;
  }

  issueReads(): void {
    for (const context of this.reads.splice(0)) this.node.readIndex(Uint8Array.of(context));
  }

  returnProposals(batch: readonly Proposal[]): void {
    this.queue.unshift(...batch);
  }

  send(messages: readonly Message[]): void {
    this.sent.push(...messages.filter(({ to }) => to !== this.node.id));
  }

  saveSnapshot({ entries }: Ready): Promise<void> {
    this.steps.push(`save, entries ${entries.map(({ index }) => index).join()}`);
    return this.wait();
  }

  installSnapshot({ metadata }: Snapshot): Promise<void> {
    this.steps.push(`install ${metadata.index}`);
    return this.wait();
  }

  private wait(): Promise<void> {
    return new Promise((resolve) => {
      this.goOn = resolve;
    });
  }

  /** The step under way ends. */
  async finishStep(): Promise<void> {
    this.goOn?.();
    await new Promise((resolve) => setImmediate(resolve));
  }

  canApply(): boolean {
    return this.isApplying;
  }

  /** Turns that an entry needs by its text; one when it is not here. */
  readonly turnsOf = new Map<string, number>();
  private turnsLeft = 0;

  apply(entry: Entry): boolean {
    assert.equal(this.turnsLeft, 0, "an entry within another one");
    this.turnsLeft = this.turnsOf.get(textsOf([entry])[0] ?? "") ?? 1;
    return this.applyMore(entry);
  }

  applyMore(entry: Entry): boolean {
    this.turnsLeft -= 1;
    if (this.turnsLeft > 0) return false;
    this.applied_.push(...textsOf([entry]));
    return true;
  }

  readStates(states: readonly ReadState[]): void {
    this.states.push(...states);
  }

  applied(index: number): void {
    this.slices.push(this.applied_.length);
    this.appliedIndexes.push(index);
  }
}

test("all proposals of a turn share one write, however often the turn was asked for", () => {
  const lab = new Lab();
  lab.propose("a");
  lab.propose("b");
  lab.propose("c");
  assert.equal(lab.wal.saves.length, 0);
  lab.timers.turn();
  assert.equal(lab.wal.saves.length, 1);
  assert.deepEqual(textsOf(lab.wal.saves[0]?.entries ?? []), ["a", "b", "c"]);
  assert.ok(lab.timers.isIdle);
});

test("nothing is applied before its write is done", () => {
  const lab = new Lab();
  lab.propose("a");
  lab.timers.turn();
  assert.deepEqual(lab.applied_, []);
  lab.wal.finish();
  lab.timers.turn();
  assert.deepEqual(lab.applied_, ["a"]);
});

test("while a write is in flight proposals gather, and leave in one batch when it is done", () => {
  const lab = new Lab();
  lab.propose("a");
  lab.timers.turn();
  for (const text of ["b", "c", "d"]) {
    lab.propose(text);
    lab.timers.turn();
    assert.equal(lab.wal.saves.length, 1);
  }
  assert.deepEqual(textsOf(lab.queue as unknown as Entry[]), ["b", "c", "d"]);
  lab.wal.finish();
  lab.timers.turn();
  assert.equal(lab.wal.saves.length, 2);
  assert.deepEqual(textsOf(lab.wal.saves[1]?.entries ?? []), ["b", "c", "d"]);
  assert.deepEqual(lab.applied_, ["a"]);
});

test("a turn takes one batch: what the handler holds back waits for the next write", () => {
  const lab = new Lab();
  lab.takeProposals = () => lab.queue.splice(0, 2);
  lab.propose("a", "b", "c", "d", "e");
  const batches: string[] = [];
  for (let at = 0; at < 10; at++) {
    lab.timers.turn();
    if (!lab.wal.isWriting) continue;
    batches.push(textsOf(lab.wal.saves.at(-1)?.entries ?? []).join(""));
    lab.wal.finish();
  }
  assert.deepEqual(batches, ["ab", "cd", "e"]);
  assert.deepEqual(lab.applied_, ["a", "b", "c", "d", "e"]);
});

test("a turn applies one slice; the rest comes in later turns without being asked for", () => {
  const lab = new Lab({ committedPerReadyMax: 2 });
  lab.propose("a", "b", "c", "d", "e");
  lab.timers.turn();
  lab.wal.finish();
  const seen: number[] = [];
  for (let at = 0; at < 4; at++) {
    lab.timers.turn();
    seen.push(lab.applied_.length);
  }
  assert.deepEqual(seen, [2, 4, 5, 5]);
  assert.ok(lab.timers.isIdle);
});

test("an entry that needs several turns gets one slice in each; meanwhile the log goes on and no other entry is applied", () => {
  const lab = new Lab();
  lab.turnsOf.set("big", 4);
  lab.propose("a", "big", "b");
  lab.timers.turn();
  lab.wal.finish();
  const seen: string[] = [];
  for (let at = 0; at < 6; at++) {
    lab.propose(String(at));
    lab.timers.turn();
    if (lab.wal.isWriting) lab.wal.finish();
    seen.push(lab.applied_.join(" "));
  }
  assert.deepEqual(seen.slice(0, 3), ["a", "a", "a"]);
  assert.equal(seen[3], "a big b 0 1 2");
  for (let at = 0; at < 4; at++) {
    lab.timers.turn();
    if (lab.wal.isWriting) lab.wal.finish();
  }
  assert.deepEqual(lab.applied_, ["a", "big", "b", "0", "1", "2", "3", "4", "5"]);
  assert.ok(lab.timers.isIdle);
});

test("a half applied entry goes on while nothing new may be taken from raft", () => {
  const lab = new Lab();
  lab.turnsOf.set("big", 3);
  lab.propose("big");
  lab.timers.turn();
  lab.wal.finish();
  lab.timers.turn();
  lab.isApplying = false;
  lab.timers.turn();
  lab.timers.turn();
  assert.deepEqual(lab.applied_, ["big"]);
});

test("a loop that was stopped within an entry leaves it as it is", () => {
  const lab = new Lab();
  lab.turnsOf.set("big", 3);
  lab.propose("big");
  lab.timers.turn();
  lab.wal.finish();
  lab.timers.turn();
  lab.loop.stop();
  for (let at = 0; at < 5; at++) lab.timers.turn();
  assert.deepEqual(lab.applied_, []);
});

test("a follower keeps its proposals until it leads", () => {
  const lab = new Lab({ isLeader: false });
  lab.propose("a");
  lab.timers.turn();
  assert.equal(lab.queue.length, 1);
  lab.node.campaign();
  lab.loop.schedule();
  for (let at = 0; at < 6; at++) {
    lab.timers.turn();
    if (lab.wal.isWriting) lab.wal.finish();
  }
  assert.deepEqual(lab.applied_, ["", "a"]);
});

test("the vote is written before the node leads, and its empty entry before it is applied", () => {
  const lab = new Lab({ isLeader: false });
  lab.node.campaign();
  lab.loop.schedule();
  lab.timers.turn();
  assert.equal(lab.node.role, "candidate");
  assert.deepEqual(lab.wal.saves[0]?.hardState?.term, 1);
  lab.wal.finish();
  assert.equal(lab.node.role, "leader");
  lab.timers.turn();
  assert.equal(lab.wal.saves.length, 2);
  assert.deepEqual(lab.applied_, []);
  lab.wal.finish();
  lab.timers.turn();
  assert.deepEqual(lab.applied_, [""]);
});

test("a commit that moved alone is handed to the log without waiting for it", () => {
  const lab = new Lab();
  lab.propose("a");
  lab.timers.turn();
  lab.wal.finish();
  lab.timers.turn();
  assert.deepEqual(
    lab.wal.commits.map(({ commit }) => commit),
    [2],
  );
  assert.equal(lab.wal.isWriting, false);
});

test("how long a batch took to become durable is observed, when it is", () => {
  const lab = new Lab();
  lab.propose("a");
  lab.timers.turn();
  lab.timers.nowMs += 5;
  assert.equal(lab.syncSeconds.count, 0);
  lab.wal.finish();
  assert.deepEqual([...lab.syncSeconds.counts], [0, 1, 0, 0]);
  assert.equal(lab.syncSeconds.sum, 0.005);
});

test("a failed write is told once and nothing of it is applied", () => {
  const lab = new Lab();
  lab.propose("a");
  lab.timers.turn();
  const error = new Error("disk full");
  lab.wal.finish(error);
  assert.deepEqual(lab.errors, [error]);
  assert.ok(lab.timers.isIdle);
  lab.propose("b");
  lab.timers.turn();
  assert.deepEqual(lab.applied_, []);
  assert.equal(lab.wal.saves.length, 1);
});

test("reads are answered in the turn they were asked in, behind what was applied", () => {
  const lab = new Lab();
  lab.reads.push(7);
  lab.loop.schedule();
  lab.timers.turn();
  assert.deepEqual(lab.states, [{ context: Uint8Array.of(7), index: 1 }]);
  assert.deepEqual(lab.appliedIndexes, [1]);
});

test("while applying must wait nothing is taken from raft; it goes on when asked again", () => {
  const lab = new Lab();
  lab.propose("a");
  lab.timers.turn();
  lab.wal.finish();
  lab.isApplying = false;
  lab.timers.turn();
  assert.deepEqual(lab.applied_, []);
  assert.ok(lab.timers.isIdle);
  lab.isApplying = true;
  lab.loop.schedule();
  lab.timers.turn();
  assert.deepEqual(lab.applied_, ["a"]);
});

test("a stopped loop does nothing more, also when its turn was asked for before", () => {
  const lab = new Lab();
  lab.propose("a");
  lab.loop.stop();
  lab.timers.turn();
  assert.equal(lab.wal.saves.length, 0);
  const other = new Lab();
  other.propose("a");
  other.timers.turn();
  other.loop.stop();
  other.wal.finish();
  other.timers.turn();
  assert.deepEqual(other.applied_, []);
});

const [first, second, third] = [me, memberId(2n), memberId(3n)];
const three = { voters: [first, second, third], isLeader: false };

const typesOf = (messages: readonly Message[]): string[] => messages.map(({ type }) => type);

/** The first of three members, elected with the second's votes, with the empty entry of its term written and not acknowledged. */
function electedOfThree(): Lab {
  const lab = new Lab({ ...three, preVote: false });
  lab.node.campaign();
  lab.loop.schedule();
  lab.timers.turn();
  lab.wal.finish();
  lab.node.step(message({ type: "MsgVoteResp", from: second, to: first, term: term(1) }));
  lab.loop.schedule();
  lab.timers.turn();
  return lab;
}

test("a candidate asks for votes only when its term and its own vote are durable", () => {
  const lab = new Lab({ ...three, preVote: false });
  lab.node.campaign();
  lab.loop.schedule();
  lab.timers.turn();
  assert.equal(lab.sent.length, 0);
  lab.wal.finish();
  assert.deepEqual(typesOf(lab.sent), ["MsgVote", "MsgVote"]);
});

test("a leader's entries leave for the followers while its own write is in flight", () => {
  const lab = electedOfThree();
  assert.equal(lab.wal.isWriting, true);
  assert.deepEqual(typesOf(lab.sent.slice(2)), ["MsgApp", "MsgApp"]);
});

test("a follower acknowledges only what is durable", () => {
  const lab = new Lab(three);
  const entries = [entryAt(1, 1, "a")];
  lab.node.step(message({ type: "MsgApp", from: second, to: first, term: term(1), entries }));
  lab.loop.schedule();
  lab.timers.turn();
  assert.equal(lab.sent.length, 0);
  lab.wal.finish();
  assert.deepEqual(typesOf(lab.sent), ["MsgAppResp"]);
  assert.equal(lab.sent[0]?.index, 1);
});

test("a follower passes proposals on, also while it writes", () => {
  const lab = new Lab(three);
  lab.node.step(message({ type: "MsgHeartbeat", from: second, to: first, term: term(1) }));
  lab.loop.schedule();
  lab.timers.turn();
  assert.equal(lab.wal.isWriting, true);
  lab.propose("a");
  lab.timers.turn();
  const forwarded = lab.sent.find(({ type }) => type === "MsgProp");
  assert.deepEqual(textsOf(forwarded?.entries ?? []), ["a"]);
  assert.deepEqual(lab.queue, []);
});

test("what raft does not take stays the first in the queue", () => {
  const lab = new Lab({ uncommittedBytesMax: 4 });
  lab.propose("four");
  lab.timers.turn();
  lab.wal.finish();
  lab.isApplying = false;
  lab.propose("next", "last");
  lab.timers.turn();
  assert.deepEqual(textsOf(lab.queue as unknown as Entry[]), ["next", "last"]);
  lab.isApplying = true;
  lab.loop.schedule();
  lab.timers.turn();
  lab.loop.schedule();
  lab.timers.turn();
  assert.deepEqual(lab.queue, []);
});

test("a conf change is applied only when it is durable that it is committed; what is before it does not wait", () => {
  const lab = new Lab();
  const change = {
    id: 0n,
    type: confChangeType.addNode,
    nodeId: 0n,
    context: Buffer.from("change"),
  };
  lab.propose("before");
  lab.queue.push({ type: 1, data: encodeConfChange(change) });
  lab.propose("behind");
  lab.timers.turn();
  lab.wal.finish();
  lab.timers.turn();
  assert.deepEqual(lab.applied_, ["before"]);
  assert.deepEqual(
    lab.wal.savedCommits.map(({ index }) => index),
    [3],
  );
  lab.timers.turn();
  assert.equal(lab.wal.savedCommits.length, 1);
  assert.ok(lab.timers.isIdle);
  lab.wal.savedCommits[0]?.done();
  lab.timers.turn();
  assert.equal(lab.applied_.length, 3);
  assert.equal(lab.applied_.at(-1), "behind");
});

test("a received snapshot is saved with the entries behind it, then installed, then acknowledged; nothing is applied meanwhile", async () => {
  const lab = new Lab(three);
  const metadata = snapshotAt(9, 1, votersOnly(first, second, third));
  const data = new Uint8Array(0);
  const from = { from: second, to: first, term: term(1) };
  lab.node.step(message({ type: "MsgSnap", ...from, snapshot: { metadata, data } }));
  const behind = { index: logIndex(9), logTerm: term(1), entries: [entryAt(10, 1, "behind")] };
  lab.node.step(message({ type: "MsgApp", ...from, ...behind, commit: logIndex(10) }));
  lab.loop.schedule();
  lab.timers.turn();
  assert.deepEqual(lab.steps, ["save, entries 10"]);
  await lab.finishStep();
  assert.deepEqual(lab.steps, ["save, entries 10", "install 9"]);
  lab.loop.schedule();
  lab.timers.turn();
  assert.equal(lab.sent.length, 0);
  assert.deepEqual(lab.applied_, []);
  assert.deepEqual(lab.appliedIndexes, []);
  await lab.finishStep();
  lab.timers.turn();
  assert.deepEqual(
    lab.sent.map(({ index }) => index),
    [9, 10],
  );
  assert.deepEqual(lab.applied_, ["behind"]);
  assert.equal(lab.appliedIndexes.at(-1), 10);
});
