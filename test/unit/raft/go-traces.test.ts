/**
 * Our RawNode against go.etcd.io/raft: the same actions on both, and after each everything that can be seen is compared, message by
 * message. The Go program (test/peers/raft) draws the actions and the random election timeouts from a seed and tells what it did.
 *
 * Messages are compared as one sequence per destination: the network keeps at most that order, and MsgVote leaves later here than in
 * etcd (it waits for the candidate's own disk), so the order between destinations may differ.
 *
 * One difference is known that random schedules reach (about one in 6,000, none of those below): a read that waited for the leader's
 * first commit, and the leader is the only voter by then. etcd asks the learners and answers by what they say; ours answers at once.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  decodeConfChange,
  decodeConfChangeV2,
  encodeConfChange,
  encodeConfChangeV2,
} from "../../../node/proto/conf-change-codec.ts";
import type { Message } from "../../../node/raft/messages.ts";
import { needs } from "../../support/peers.ts";
import {
  bytesOf,
  goTraces,
  hexOf,
  idOf,
  messageOf,
  metadataOf,
  type Trace,
  type TraceChange,
  type TraceMessage,
  type TraceStep,
} from "./go-trace.ts";
import { GoTraceMember, type OurOutcome } from "./go-trace-member.ts";

const runs = { firstSeed: 1, schedules: 500, actions: 400 };
const shownDifferencesMax = 3;

const networkTypes: readonly string[] = [
  "MsgProp",
  "MsgApp",
  "MsgAppResp",
  "MsgVote",
  "MsgVoteResp",
  "MsgSnap",
  "MsgHeartbeat",
  "MsgHeartbeatResp",
  "MsgTransferLeader",
  "MsgTimeoutNow",
  "MsgReadIndex",
  "MsgReadIndexResp",
  "MsgPreVote",
  "MsgPreVoteResp",
];
const situations: readonly string[] = [
  "conf simple",
  "conf joint, left by itself",
  "conf joint, left explicitly",
  "conf refused",
  "progress probe",
  "progress replicate",
  "progress snapshot",
  "entries confChange",
  "entries confChangeV2",
  "read states",
];

/** Sorted by destination, the order of each kept. */
const perDestination = (messages: readonly object[] | undefined): object[] =>
  (messages ?? []).toSorted((left, right) => {
    const [a, b] = [(left as TraceMessage).to, (right as TraceMessage).to];
    return a < b ? -1 : a > b ? 1 : 0;
  });

function theirs(step: TraceStep): object {
  return {
    dropped: step.dropped ?? false,
    messages: perDestination(step.messages),
    committed: step.committed ?? [],
    reads: step.reads ?? [],
    confStates: step.confStates ?? [],
    status: step.status,
  };
}

const ours = (outcome: OurOutcome): object => ({
  ...outcome,
  messages: perDestination(outcome.messages),
});

/** Replays one schedule; the first difference, or undefined. */
function differenceIn({ header, steps }: Trace): string | undefined {
  const members = new Map<string, GoTraceMember>();
  const empty = metadataOf({ index: 0, term: 0, conf: {} });
  for (const id of header.members) {
    members.set(id, new GoTraceMember(id, header.options, metadataOf(header.start)));
  }
  const joining = header.start.index === 0 ? metadataOf(header.start) : empty;
  for (const id of header.joiners) members.set(id, new GoTraceMember(id, header.options, joining));
  const sent: Message[] = [];
  for (const [number, step] of steps.entries()) {
    const { action, draws = [] } = step;
    const received = action.kind === "deliver" ? sent[action.message ?? 0] : undefined;
    try {
      const outcome = members.get(action.node)?.perform(action, draws, received);
      assert.ok(outcome !== undefined);
      const [left, right] = [ours(outcome), theirs(step)];
      // Text is compared first, because it is many times faster; undefined fields do not count.
      if (JSON.stringify(left) !== JSON.stringify(right)) {
        assert.deepEqual(JSON.parse(JSON.stringify(left)), right, "ours is not Go's");
      }
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const about = received === undefined ? "" : ` ${describe(received)}`;
      return `seed ${header.seed}, step ${number}, ${JSON.stringify(action)}${about}\n${what}`;
    }
    for (const line of step.messages ?? []) sent.push(messageOf(line));
  }
  return undefined;
}

const describe = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) =>
    typeof field === "bigint" ? String(field) : field instanceof Uint8Array ? hexOf(field) : field,
  );

/** How often something occurred. */
class Coverage {
  private readonly counts = new Map<string, number>();

  add(step: TraceStep): void {
    for (const { type } of step.messages ?? []) this.count(type);
    if (step.reads !== undefined) this.count("read states");
    for (const conf of step.confStates ?? []) {
      if (conf === null) this.count("conf refused");
      else if (conf.outgoing === undefined) this.count("conf simple");
      else this.count(`conf joint, left ${conf.autoLeave === true ? "by itself" : "explicitly"}`);
    }
    for (const { type = 0 } of step.committed ?? []) {
      this.count(`entries ${["normal", "confChange", "confChangeV2"][type] ?? type}`);
    }
    const status = step.status as TraceStatus;
    this.count(`role ${status.role}`);
    for (const { state, isPaused } of status.progress ?? []) {
      this.count(`progress ${state}`);
      if (isPaused === true) this.count(`progress ${state}, paused`);
    }
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  toString(): string {
    const lines = [...this.counts].sort(([left], [right]) => (left < right ? -1 : 1));
    return lines.map(([name, count]) => `${name}: ${count}`).join(", ");
  }

  private count(name: string): void {
    this.counts.set(name, this.of(name) + 1);
  }
}

interface TraceStatus {
  readonly role: string;
  readonly progress?: readonly { readonly state: string; readonly isPaused?: boolean }[];
}

/** Holds our codec against the bytes that Go made of a change. */
function checkCodec(change: TraceChange, hex: string): void {
  const { id, transition = 0, changes } = change;
  const singles = (changes ?? []).map(({ type, node }) => ({ type, nodeId: idOf(node) }));
  const context = bytesOf(change.context);
  if (change.version === 1) {
    const [single] = singles;
    assert.ok(single !== undefined);
    const v1 = { id: idOf(id), ...single, context };
    assert.equal(hexOf(encodeConfChange(v1)), hex);
    assert.deepEqual(decodeConfChange(bytesOf(hex)), v1);
    return;
  }
  const v2 = { transition, changes: singles, context };
  // In the change that leaves a joint configuration Go writes no transition; ours says that it is zero, which means the same.
  const isWhole = singles.length > 0;
  if (isWhole) assert.equal(hexOf(encodeConfChangeV2(v2)), hex);
  assert.deepEqual(decodeConfChangeV2(bytesOf(hex)), v2);
}

suite("raft beside go.etcd.io/raft", needs("raft"), () => {
  test("the same actions lead to the same messages, entries and states", async (context) => {
    const coverage = new Coverage();
    const differences: string[] = [];
    let schedules = 0;
    let steps = 0;
    for await (const trace of goTraces(runs)) {
      schedules += 1;
      steps += trace.steps.length;
      for (const step of trace.steps) coverage.add(step);
      const difference = differenceIn(trace);
      if (difference !== undefined) differences.push(difference);
    }
    context.diagnostic(`${schedules} schedules, ${steps} steps: ${coverage.toString()}`);
    assert.equal(schedules, runs.schedules);
    assert.deepEqual(
      [...networkTypes, ...situations].filter((name) => coverage.of(name) === 0),
      [],
      "never occurred",
    );
    assert.ok(
      differences.length === 0,
      `${differences.length} schedules differ\n${differences.slice(0, shownDifferencesMax).join("\n\n")}`,
    );
  });

  test("conf changes are written and read byte for byte as Go does", async () => {
    let changes = 0;
    for await (const { steps } of goTraces({ firstSeed: 1000, schedules: 20, actions: 400 })) {
      for (const { action } of steps) {
        if (action.change === undefined) continue;
        checkCodec(action.change, action.entries?.[0]?.data ?? "");
        changes += 1;
      }
    }
    assert.ok(changes > 100, `${changes} changes`);
  });
});
