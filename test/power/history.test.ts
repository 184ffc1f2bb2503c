/** The checker of the rigs, checked itself: each way to lose something is planted in a found state and must be named. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Cell, History, makeValue } from "../support/history.ts";
import type { FoundKey } from "../support/kv-connection.ts";

const crashMs = Number.POSITIVE_INFINITY;

type Numbers = readonly [createRevision: number, modRevision: number, version: number];

const found = (key: string, value: string, numbers: Numbers): FoundKey => {
  const [createRevision, modRevision, version] = numbers;
  return { key, value, createRevision, modRevision, version };
};

/** One key written at revisions 2 and 3, deleted at 4, written at 5, and once more without an answer. */
function singleKey(): { history: History; values: string[] } {
  const history = new History();
  const cell = new Cell(["a"]);
  history.add(cell);
  const values = [1, 2, 3, 4].map((sequence) => makeValue("a", sequence, 3));
  for (const [at, value] of [values[0], values[1], undefined, values[2]].entries()) {
    history.acknowledge(cell.begin([value ?? null]), at + 2);
  }
  cell.begin([values[3] ?? ""]);
  return { history, values };
}

function judge(history: History, revision: number, keys: readonly FoundKey[]): string[] {
  const state = { revision, keys: new Map(keys.map((key) => [key.key, key])) };
  return history.check(state, crashMs).map(({ what }) => what);
}

test("the newest acknowledged write and the one under way are both lawful", () => {
  const { history, values } = singleKey();
  assert.deepEqual(judge(history, 5, [found("a", values[2] ?? "", [5, 5, 1])]), []);
  assert.deepEqual(judge(history, 6, [found("a", values[3] ?? "", [5, 6, 2])]), []);
});

test("an absent, an older and a deleted state are lost writes", () => {
  const { history, values } = singleKey();
  const lost = ["acknowledged write lost"];
  assert.deepEqual(judge(history, 5, []), lost);
  assert.deepEqual(judge(history, 5, [found("a", values[1] ?? "", [2, 3, 2])]), lost);
});

test("what was acknowledged after the crash may be lost", () => {
  const { history } = singleKey();
  assert.deepEqual(history.check({ revision: 1, keys: new Map() }, -1), []);
});

test("wrong mod revision, create revision and version are seen", () => {
  const { history, values } = singleKey();
  for (const numbers of [
    [5, 6, 1],
    [2, 5, 1],
    [5, 5, 3],
  ] as const) {
    assert.deepEqual(judge(history, 6, [found("a", values[2] ?? "", numbers)]), [
      "wrong revisions",
    ]);
  }
});

test("a damaged value, a stray key and a revision that went back are seen", () => {
  const { history, values } = singleKey();
  const damaged = (values[2] ?? "").replace("xxx", "xyx");
  assert.deepEqual(judge(history, 5, [found("a", damaged, [5, 5, 1])]), ["damaged value"]);
  const whole = found("a", values[2] ?? "", [5, 5, 1]);
  const stray = found("b", "", [5, 5, 1]);
  assert.deepEqual(judge(history, 5, [whole, stray]), [
    "a key nobody wrote, or one back from deletion",
  ]);
  assert.deepEqual(judge(history, 4, [whole]), ["the store's revision is behind"]);
});

test("a transaction that is half there is seen, by its values and by its revisions", () => {
  const history = new History();
  const cell = new Cell(["x", "y"]);
  history.add(cell);
  const values = [1, 2].map((sequence) => ["x", "y"].map((key) => makeValue(key, sequence, 0)));
  history.acknowledge(cell.begin(values[0] ?? []), 2);
  cell.begin(values[1] ?? []);
  const state = (x: number, y: number, modY: number): FoundKey[] => [
    found("x", values[x]?.[0] ?? "", [2, x + 2, x + 1]),
    found("y", values[y]?.[1] ?? "", [2, modY, y + 1]),
  ];
  assert.deepEqual(judge(history, 3, state(1, 1, 3)), []);
  assert.deepEqual(judge(history, 3, state(1, 0, 2)), ["write half there"]);
  assert.deepEqual(judge(history, 4, state(1, 1, 4)), ["wrong revisions"]);
});

test("after a rebase the state found is the truth, with its versions going on", () => {
  const { history, values } = singleKey();
  const base = found("a", values[2] ?? "", [5, 5, 1]);
  history.rebase({ revision: 5, keys: new Map([["a", base]]) });
  assert.deepEqual(judge(history, 5, [base]), []);
  assert.deepEqual(judge(history, 5, [{ ...base, modRevision: 4 }]), ["wrong revisions"]);
  assert.deepEqual(judge(history, 5, []), ["acknowledged write lost"]);
});
