import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { HistoryEvent } from "../../sim/checkers/kv-history.ts";
import { checkLinearizable } from "../../sim/checkers/linearizability.ts";
import { porcupineVerdicts } from "../../sim/checkers/porcupine.ts";
import { needs } from "../../support/peers.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { anyHistory, goodHistory } from "./histories.ts";

const noTxn = { clients: 5, txnPercent: 0 };

/** One answer of the history replaced by an earlier one of the same kind, which may or may not make it bad. */
function disturbed(history: readonly HistoryEvent[], random: SeededRandom): HistoryEvent[] {
  const reads = history.filter(
    ({ operation, returnMs }) => operation.kind === "get" && returnMs !== undefined,
  );
  const target = random.pick(reads);
  const key = target.operation.kind === "get" ? target.operation.key : "";
  const same = reads.filter(({ operation }) => operation.kind === "get" && operation.key === key);
  const { outcome } = random.pick(same);
  return history.map((event) => (event === target ? { ...event, outcome } : event));
}

function histories(): HistoryEvent[][] {
  const all: HistoryEvent[][] = [];
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SeededRandom(seed);
    const pick = (bound: number): number => random.below(bound);
    const unknownPercent = pick(2) * 15;
    const good = goodHistory(pick, { ...noTxn, operations: 80, keys: 3, unknownPercent });
    all.push(good, disturbed(good, random));
    all.push(anyHistory(pick, { ...noTxn, operations: 2 + pick(8), keys: 1, unknownPercent: 25 }));
  }
  return all;
}

suite("our verdicts and porcupine's", needs("porcupine"), () => {
  test("are the same on hundreds of histories, good and bad", () => {
    const all = histories();
    const theirs = porcupineVerdicts(all);
    const ours = all.map((history) => checkLinearizable(history).kind);
    assert.deepEqual(
      ours,
      theirs.map((verdict) => (verdict === "illegal" ? "violation" : verdict)),
    );
    const bad = ours.filter((kind) => kind === "violation").length;
    assert.ok(bad > 200 && ours.length - bad > 200, `${bad} of ${ours.length} are bad`);
  });
});
