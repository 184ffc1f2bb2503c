import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex } from "../../../node/lib/units.ts";
import {
  ReadIndexQueue,
  ReadIndexStats,
  type ReadWaiter,
} from "../../../node/server/read-index.ts";
import { quiet } from "../wal/wal-lab.ts";

interface Lab {
  readonly queue: ReadIndexQueue;
  readonly stats: ReadIndexStats;
  readonly clock: { nowMs: number };
  readonly heard: string[];
  /** Contexts that raft was asked for. */
  readonly asked: number[];
  add(name: string): void;
  issue(): void;
}

function makeLab(): Lab {
  const clock = { nowMs: 0 };
  const ports = { monotonicMs: () => clock.nowMs, unixMs: () => 0 };
  const stats = new ReadIndexStats();
  const queue = new ReadIndexQueue({ clock: ports, logger: quiet, timeoutMs: 1000, stats });
  const heard: string[] = [];
  const asked: number[] = [];
  const waiter = (name: string): ReadWaiter => ({
    readable: () => void heard.push(`${name} readable`),
    refused: (error) => void heard.push(`${name} ${error}`),
  });
  return {
    queue,
    stats,
    clock,
    heard,
    asked,
    add: (name) => queue.add(waiter(name)),
    issue: () => queue.issue((context) => asked.push(context) > 0),
  };
}

test("reads that arrived together share one question", () => {
  const { queue, heard, asked, add, issue } = makeLab();
  add("a");
  add("b");
  issue();
  assert.deepEqual(asked, [1]);
  assert.equal(queue.isEmpty, true);
  queue.answered([{ context: 1, index: logIndex(5) }]);
  queue.serve(logIndex(5));
  assert.deepEqual(heard, ["a readable", "b readable"]);
});

test("nothing is asked while nobody waits", () => {
  const { asked, issue } = makeLab();
  issue();
  assert.deepEqual(asked, []);
});

test("a read that arrives after the question was asked waits for the next one", () => {
  const { queue, heard, asked, add, issue } = makeLab();
  add("early");
  issue();
  add("late");
  queue.answered([{ context: 1, index: logIndex(5) }]);
  queue.serve(logIndex(5));
  assert.deepEqual(heard, ["early readable"]);
  issue();
  assert.deepEqual(asked, [1, 2]);
  queue.serve(logIndex(5));
  assert.deepEqual(heard, ["early readable"]);
  queue.answered([{ context: 2, index: logIndex(6) }]);
  queue.serve(logIndex(6));
  assert.deepEqual(heard, ["early readable", "late readable"]);
});

test("a read is served only when its index is applied", () => {
  const { queue, heard, add, issue } = makeLab();
  add("a");
  issue();
  queue.serve(logIndex(100));
  queue.answered([{ context: 1, index: logIndex(7) }]);
  queue.serve(logIndex(6));
  assert.deepEqual(heard, []);
  queue.serve(logIndex(7));
  queue.serve(logIndex(8));
  assert.deepEqual(heard, ["a readable"]);
});

test("a later question may be served before an earlier one that has no answer yet", () => {
  const { queue, heard, add, issue } = makeLab();
  add("a");
  issue();
  add("b");
  issue();
  queue.answered([{ context: 2, index: logIndex(3) }]);
  queue.serve(logIndex(3));
  assert.deepEqual(heard, ["b readable"]);
});

test("without a leader reads stay and are asked for later under a fresh context", () => {
  const { queue, heard, asked, add, issue } = makeLab();
  add("a");
  queue.issue(() => false);
  assert.equal(queue.isEmpty, false);
  add("b");
  issue();
  assert.deepEqual(asked, [1]);
  queue.answered([{ context: 1, index: logIndex(1) }]);
  queue.serve(logIndex(1));
  assert.deepEqual(heard, ["a readable", "b readable"]);
});

test("a read that was never asked for, or never answered, expires once", () => {
  const { queue, clock, heard, add, issue } = makeLab();
  add("asked");
  issue();
  clock.nowMs = 10;
  add("arriving");
  clock.nowMs = 999;
  queue.expire();
  assert.deepEqual(heard, []);
  clock.nowMs = 1000;
  queue.expire();
  assert.deepEqual(heard, ["asked Timeout"]);
  clock.nowMs = 1010;
  queue.expire();
  queue.expire();
  assert.deepEqual(heard, ["asked Timeout", "arriving Timeout"]);
  queue.answered([{ context: 1, index: logIndex(1) }]);
  queue.serve(logIndex(1));
  assert.equal(heard.length, 2);
});

test("the wait counts from the arrival, not from the question", () => {
  const { queue, clock, heard, add, issue } = makeLab();
  add("a");
  clock.nowMs = 900;
  issue();
  clock.nowMs = 1000;
  queue.expire();
  assert.deepEqual(heard, ["a Timeout"]);
});

test("refusing all tells the arriving and the asked once", () => {
  const { queue, heard, add, issue } = makeLab();
  add("a");
  issue();
  add("b");
  queue.refuseAll("Stopped");
  queue.refuseAll("Stopped");
  assert.deepEqual([...heard].sort(), ["a Stopped", "b Stopped"]);
  assert.equal(queue.isEmpty, true);
});

test("a read that another read's answer brings about joins no batch of the past", () => {
  const { queue, heard, asked, issue } = makeLab();
  queue.add({
    readable: () => {
      heard.push("first");
      queue.add({ readable: () => void heard.push("second"), refused: () => undefined });
    },
    refused: () => undefined,
  });
  issue();
  queue.answered([{ context: 1, index: logIndex(1) }]);
  queue.serve(logIndex(1));
  assert.deepEqual(heard, ["first"]);
  issue();
  assert.deepEqual(asked, [1, 2]);
});

test("an answer to a question that nobody asked is passed over", () => {
  const { queue, heard } = makeLab();
  queue.answered([{ context: 9, index: logIndex(1) }]);
  queue.serve(logIndex(1));
  assert.deepEqual(heard, []);
});

// Found by a test: all reads that waited for a leader expired with the oldest of them.
test("a young read does not expire with an old one", () => {
  const { queue, clock, heard, add, issue } = makeLab();
  add("old");
  clock.nowMs = 999;
  add("young");
  clock.nowMs = 1000;
  queue.expire();
  assert.deepEqual(heard, ["old Timeout"]);
  add("younger");
  issue();
  clock.nowMs = 1999;
  queue.expire();
  assert.deepEqual(heard, ["old Timeout", "young Timeout"]);
  queue.answered([{ context: 1, index: logIndex(5) }]);
  queue.serve(logIndex(5));
  assert.deepEqual(heard, ["old Timeout", "young Timeout", "younger readable"]);
});

test("a question without an answer is asked again, and either answer counts", () => {
  for (const context of [1, 2]) {
    const { queue, clock, heard, asked, add, issue } = makeLab();
    const ask = (asking: number): boolean => asked.push(asking) > 0;
    add("a");
    issue();
    clock.nowMs = 499;
    queue.retry(ask);
    assert.deepEqual(asked, [1]);
    clock.nowMs = 500;
    queue.retry(ask);
    queue.retry(ask);
    assert.deepEqual(asked, [1, 2]);
    queue.answered([{ context, index: logIndex(5) }]);
    queue.serve(logIndex(5));
    queue.answered([{ context: 3 - context, index: logIndex(9) }]);
    queue.serve(logIndex(9));
    clock.nowMs = 5000;
    queue.retry(ask);
    queue.expire();
    assert.deepEqual(heard, ["a readable"]);
    assert.deepEqual(asked, [1, 2]);
  }
});

test("a read that was asked for twice expires once", () => {
  const { queue, clock, heard, add, issue } = makeLab();
  add("a");
  issue();
  clock.nowMs = 600;
  queue.retry(() => true);
  clock.nowMs = 1000;
  queue.expire();
  clock.nowMs = 2000;
  queue.expire();
  queue.refuseAll("Stopped");
  assert.deepEqual(heard, ["a Timeout"]);
});

test("a new leader answers no question of the one before; what was not asked yet stays", () => {
  const { queue, heard, add, issue } = makeLab();
  add("answered");
  issue();
  queue.answered([{ context: 1, index: logIndex(5) }]);
  add("asked");
  issue();
  add("arriving");
  queue.leaderChanged();
  assert.deepEqual(heard, ["asked LeaderChanged"]);
  queue.answered([{ context: 2, index: logIndex(1) }]);
  queue.serve(logIndex(5));
  assert.deepEqual(heard, ["asked LeaderChanged", "answered readable"]);
  issue();
  queue.answered([{ context: 3, index: logIndex(5) }]);
  queue.serve(logIndex(5));
  assert.deepEqual(heard.at(-1), "arriving readable");
});

test("what went wrong is counted: reads that waited too long together, answers of no use, questions of a leader that is gone", () => {
  const { queue, stats, clock, add, issue } = makeLab();
  add("asked");
  add("asked too");
  issue();
  add("not asked");
  clock.nowMs = 2000;
  queue.expire();
  assert.deepEqual({ ...stats }, { slow: 2, failed: 0 });
  queue.answered([{ context: 1, index: logIndex(5) }]);
  assert.deepEqual({ ...stats }, { slow: 3, failed: 0 });
  add("of the leader before");
  issue();
  queue.leaderChanged();
  assert.deepEqual({ ...stats }, { slow: 3, failed: 1 });
  add("served");
  issue();
  queue.answered([{ context: 3, index: logIndex(5) }]);
  queue.serve(logIndex(5));
  assert.deepEqual({ ...stats }, { slow: 3, failed: 1 });
});
