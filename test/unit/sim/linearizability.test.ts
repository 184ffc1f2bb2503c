import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  type HistoryEvent,
  hasWritten,
  type KvOperation,
  writesOf,
} from "../../sim/checkers/kv-history.ts";
import { checkLinearizable } from "../../sim/checkers/linearizability.ts";
import { checkRevisions } from "../../sim/checkers/revisions.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { anyHistory, goodHistory, type HistoryShape, type Pick } from "./histories.ts";

const shape: HistoryShape = {
  operations: 300,
  keys: 10,
  clients: 6,
  unknownPercent: 5,
  txnPercent: 0,
};

function picker(seed: number): Pick {
  const random = new SeededRandom(seed);
  return (bound) => random.below(bound);
}

type Answer = Partial<Omit<HistoryEvent, "operation">>;
let clientCount = 0;

/** An answered operation of a client of its own. */
function did(
  operation: KvOperation,
  [callMs, returnMs]: readonly [number, number | undefined],
  answer: Answer = {},
): HistoryEvent {
  clientCount += 1;
  return { client: clientCount, operation, callMs, returnMs, outcome: undefined, ...answer };
}

const put = (value: string): KvOperation => ({ kind: "put", key: "k", value });
const get: KvOperation = { kind: "get", key: "k" };
const remove: KvOperation = { kind: "delete", key: "k" };
const cas = (expected: string | undefined, value: string): KvOperation => ({
  kind: "cas",
  key: "k",
  expected,
  value,
});

function isLinearizable(...history: readonly HistoryEvent[]): boolean {
  const verdict = checkLinearizable(history);
  assert.notEqual(verdict.kind, "tooHard");
  return verdict.kind === "ok";
}

/** Every order of every choice of unknown operations, by the definition. */
function bruteForce(history: readonly HistoryEvent[]): boolean {
  const holds = (state: ReadonlyMap<string, string>, event: HistoryEvent): boolean | undefined => {
    const { operation, outcome, returnMs } = event;
    if (operation.kind === "put") return true;
    if (operation.kind === "get") {
      return returnMs === undefined || state.get(operation.key) === outcome ? false : undefined;
    }
    const isTrue =
      operation.kind === "delete"
        ? state.has(operation.key)
        : operation.kind === "cas"
          ? state.get(operation.key) === operation.expected
          : operation.compares.every(({ key, expected }) => state.get(key) === expected);
    if (returnMs !== undefined && isTrue !== (outcome === true || outcome === 1)) return undefined;
    return isTrue;
  };
  const place = (left: readonly HistoryEvent[], state: ReadonlyMap<string, string>): boolean => {
    if (left.every(({ returnMs }) => returnMs === undefined)) return true;
    return left.some((event) => {
      const others = left.filter((other) => other !== event);
      if (others.some(({ returnMs }) => (returnMs ?? Infinity) < event.callMs)) return false;
      const isWrite = holds(state, event);
      if (isWrite === undefined) return false;
      const next = new Map(state);
      for (const { key, value } of isWrite ? writesOf(event.operation) : []) {
        if (value === undefined) next.delete(key);
        else next.set(key, value);
      }
      return place(others, next);
    });
  };
  return place(history, new Map());
}

suite("linearizability of a history", () => {
  test("what a store told that does one operation at a time is linearizable", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const pick = picker(seed);
      const history = goodHistory(pick, {
        ...shape,
        operations: 100 + pick(900),
        unknownPercent: pick(20),
        txnPercent: seed % 4 === 0 ? 3 : 0,
      });
      assert.deepEqual(checkLinearizable(history), { kind: "ok" }, `seed ${seed}`);
      assert.deepEqual(checkRevisions(history), { kind: "ok" }, `seed ${seed}`);
    }
  });

  test("the verdict is that of trying every order", () => {
    const counts = { good: 0, bad: 0 };
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 6 }), (seed, operations) => {
        const pick = picker(seed);
        const history = anyHistory(pick, {
          operations,
          keys: 1 + pick(2),
          clients: 1,
          unknownPercent: pick(2) * 40,
          txnPercent: pick(2) * 40,
        });
        const expected = bruteForce(history);
        counts[expected ? "good" : "bad"] += 1;
        assert.equal(isLinearizable(...history), expected);
      }),
      { numRuns: 3000 },
    );
    assert.ok(counts.good > 300 && counts.bad > 300, JSON.stringify(counts));
  });

  test("a stale read is found", () => {
    const writes = [did(put("a"), [0, 10]), did(put("b"), [20, 30])];
    assert.ok(!isLinearizable(...writes, did(get, [31, 40], { outcome: "a" })));
    assert.ok(isLinearizable(...writes, did(get, [30, 40], { outcome: "a" })));
  });

  test("reads that go back are found while the write is still under way", () => {
    const writes = [did(put("a"), [0, 10]), did(put("b"), [20, 100])];
    const reads = (first: string, second: string): HistoryEvent[] => [
      did(get, [30, 40], { outcome: first }),
      did(get, [50, 60], { outcome: second }),
    ];
    assert.ok(isLinearizable(...writes, ...reads("a", "b")));
    assert.ok(!isLinearizable(...writes, ...reads("b", "a")));
  });

  test("a lost write is found", () => {
    assert.ok(!isLinearizable(did(put("a"), [0, 10]), did(get, [11, 20])));
    assert.ok(isLinearizable(did(put("a"), [0, 10]), did(get, [10, 20])));
  });

  test("a compare-and-swap that took effect twice is found", () => {
    const history = [
      did(put("a"), [0, 10]),
      did(cas("a", "b"), [20, 30], { outcome: true }),
      did(cas("b", "a"), [40, 50], { outcome: true }),
    ];
    assert.ok(isLinearizable(...history, did(get, [60, 70], { outcome: "a" })));
    assert.ok(!isLinearizable(...history, did(get, [60, 70], { outcome: "b" })));
    assert.ok(!isLinearizable(...history, did(cas("b", "c"), [60, 70], { outcome: true })));
  });

  test("a value that nobody wrote is found", () => {
    assert.ok(!isLinearizable(did(put("a"), [0, 10]), did(get, [0, 10], { outcome: "x" })));
  });

  test("an operation of unknown outcome may take effect late, or never, but not twice and not early", () => {
    const written = did(put("a"), [0, 10]);
    const unknown = did(put("b"), [20, undefined]);
    const read = (startMs: number, outcome: string): HistoryEvent =>
      did(get, [startMs, startMs + 5], { outcome });
    assert.ok(isLinearizable(written, unknown, read(30, "a"), read(1000, "b")));
    assert.ok(isLinearizable(written, unknown, read(30, "a"), read(1000, "a")));
    assert.ok(!isLinearizable(written, unknown, read(30, "b"), read(1000, "a")));
    assert.ok(!isLinearizable(written, unknown, read(12, "b")));
  });

  test("an unknown delete or compare-and-swap explains what nothing else can", () => {
    const written = did(put("a"), [0, 10]);
    const gone = did(get, [30, 40]);
    assert.ok(isLinearizable(written, did(remove, [20, undefined]), gone));
    assert.ok(!isLinearizable(written, did(remove, [50, undefined]), gone));
    const chain = [did(cas("a", "b"), [20, undefined]), did(cas("b", "c"), [20, undefined])];
    assert.ok(isLinearizable(written, ...chain, did(get, [30, 40], { outcome: "c" })));
    assert.ok(!isLinearizable(...chain, did(get, [30, 40], { outcome: "c" })));
  });

  test("what a transaction compared may come from several writes of unknown outcome", () => {
    const puts = ["x", "y"].map((key) => did({ kind: "put", key, value: "1" }, [0, undefined]));
    const compares = ["x", "y"].map((key) => ({ key, expected: "1" }));
    const both = did({ kind: "txn", compares, puts: [] }, [5, 10], { outcome: true });
    assert.ok(isLinearizable(...puts, both));
    assert.ok(!isLinearizable(...puts.slice(1), both));
  });

  test("half a transaction is found", () => {
    const both = [
      { key: "x", value: "1" },
      { key: "y", value: "1" },
    ];
    const read = (key: string, startMs: number, outcome?: string): HistoryEvent =>
      did({ kind: "get", key }, [startMs, startMs + 5], { outcome });
    for (const endMs of [10, undefined]) {
      const txn = did({ kind: "txn", compares: [], puts: both }, [0, endMs], { outcome: true });
      assert.ok(isLinearizable(txn, read("x", 20, "1"), read("y", 30, "1")));
      assert.ok(!isLinearizable(txn, read("x", 20, "1"), read("y", 30)));
    }
  });

  test("a report shows the smallest prefix that is wrong, and marks its last answer", () => {
    const verdict = checkLinearizable([
      did({ kind: "put", key: "other", value: "z" }, [0, 1]),
      did(put("a"), [0, 10]),
      did(put("b"), [20, 30]),
      did(get, [40, 50], { outcome: "a" }),
      did(put("c"), [60, 70]),
    ]);
    assert.equal(verdict.kind, "violation");
    assert.equal(verdict.key, "k");
    assert.match(verdict.report, /not linearizable at 50 ms \(keys k, 3 operations/);
    assert.match(verdict.report, /=> client \d+ \[40, 50\] get k -> a/);
    assert.doesNotMatch(verdict.report, /put (k c|other)/);
  });

  test("dozens of writes of unknown outcome do not make the search long", () => {
    const history = Array.from({ length: 60 }, (_, at) => did(put(`u${at}`), [at, undefined]));
    for (let at = 0; at < 200; at++) {
      history.push(did(put(`v${at}`), [100 + at, 103 + at]));
      history.push(did(get, [100 + at, 104 + at], { outcome: `v${at}` }));
    }
    assert.ok(isLinearizable(...history));
    history.push(did(get, [400, 410], { outcome: "v7" }));
    assert.ok(!isLinearizable(...history));
  });

  test("a search that grows without bound is given up", () => {
    const history = Array.from({ length: 40 }, (_, at) => did(put(`v${at}`), [0, 100]));
    history.push(did(get, [0, 100], { outcome: "x" }));
    const verdict = checkLinearizable(history);
    assert.equal(verdict.kind, "tooHard");
  });
});

/** A copy with one answer replaced. */
function planted(
  history: readonly HistoryEvent[],
  target: HistoryEvent,
  answer: Answer,
): HistoryEvent[] {
  return history.map((event) => (event === target ? { ...event, ...answer } : event));
}

suite("revisions of a history", () => {
  const violation = (history: readonly HistoryEvent[]): string => {
    const verdict = checkRevisions(history);
    assert.equal(verdict.kind, "violation");
    return verdict.report;
  };
  const at = (revision: number, answer: Answer = {}): Answer => ({ revision, ...answer });

  test("two writes with one revision are found", () => {
    const history = [did(put("a"), [0, 10], at(2)), did(put("b"), [0, 10], at(2))];
    assert.match(violation(history), /two writes have one revision/);
  });

  test("a write that goes back is found", () => {
    const history = [did(put("a"), [0, 10], at(3)), did(put("b"), [11, 20], at(2))];
    assert.match(violation(history), /a revision that was told before it was called/);
    assert.equal(checkRevisions([did(put("a"), [0, 11], at(3)), ...history.slice(1)]).kind, "ok");
  });

  test("a write that has a revision that a read was told before is found", () => {
    const history = [did(get, [0, 10], at(3)), did(put("a"), [11, 20], at(3))];
    assert.match(violation(history), /a revision that was told before it was called/);
  });

  test("an answer older than what was told before the question is found", () => {
    const read = did(get, [11, 20], at(2, { outcome: "a", modRevision: 2 }));
    const writes = [did(put("a"), [0, 5], at(2)), did(put("b"), [6, 10], at(3))];
    assert.match(violation([...writes, read]), /an answer went back/);
    assert.equal(checkRevisions([...writes, { ...read, isSerializable: true }]).kind, "ok");
  });

  test("a read that is not what stood there at its revision is found", () => {
    const writes = [did(put("a"), [0, 10], at(2)), did(put("b"), [0, 10], at(3))];
    const read = (answer: Answer): HistoryEvent[] => [...writes, did(get, [0, 20], answer)];
    assert.equal(checkRevisions(read(at(2, { outcome: "a", modRevision: 2 }))).kind, "ok");
    assert.match(violation(read(at(3, { outcome: "a", modRevision: 2 }))), /missed a newer write/);
    assert.match(violation(read(at(3, { outcome: "a", modRevision: 3 }))), /another value/);
    assert.match(violation(read(at(4, { outcome: "b", modRevision: 4 }))), /what nobody wrote/);
    assert.match(violation(read(at(2, { outcome: "b", modRevision: 3 }))), /of the future/);
    assert.match(violation(read(at(3))), /does not find what was written/);
    const unknown = did(put("c"), [0, undefined]);
    const seen = read(at(4, { outcome: "c", modRevision: 4 }));
    assert.equal(checkRevisions([...seen, unknown]).kind, "ok");
    const later = did(put("c"), [21, undefined]);
    assert.match(violation([...seen, later]), /what nobody wrote/);
  });

  test("a wrong revision planted anywhere in a long history is found", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const pick = picker(seed);
      const history = goodHistory(pick, shape);
      const writes = history.filter(hasWritten);
      const target = writes[20 + pick(writes.length - 20)];
      assert.ok(target !== undefined);
      const earlier = writes.findLast(({ returnMs = 0 }) => returnMs < target.callMs);
      const revision = pick(2) === 0 ? earlier?.revision : (earlier?.revision ?? 0) - 1;
      violation(planted(history, target, { revision }));
    }
  });
});

suite("planted faults in long histories", () => {
  test("a stale, a lost and an invented value are each found", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const pick = picker(seed);
      const history = goodHistory(pick, { ...shape, unknownPercent: 2 });
      const reads = history.filter(
        ({ operation, outcome, returnMs }) =>
          operation.kind === "get" && returnMs !== undefined && outcome !== undefined,
      );
      const target = reads[pick(reads.length)];
      assert.ok(target?.operation.kind === "get");
      const { key } = target.operation;
      const old = history.find(
        (event) =>
          event.operation.kind === "put" && event.operation.key === key && hasWritten(event),
      );
      const isOverwritten = history.some(
        (event) =>
          event.operation.kind === "put" &&
          event.operation.key === key &&
          hasWritten(event) &&
          event.callMs > (old?.returnMs ?? Infinity) &&
          (event.returnMs ?? Infinity) < target.callMs,
      );
      const { value } = old?.operation.kind === "put" ? old.operation : { value: "x" };
      const bad = planted(history, target, { outcome: isOverwritten ? value : "never written" });
      const verdict = checkLinearizable(bad);
      assert.equal(verdict.kind, "violation", `seed ${seed}`);
      assert.equal(verdict.key, key);
    }
  });
});
