import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { judgeHistory } from "../../cluster/judge.ts";
import type { HistoryEvent, KvOperation } from "../../sim/checkers/kv-history.ts";
import { needs } from "../../support/peers.ts";

const event = (
  operation: KvOperation,
  [callMs, returnMs]: readonly [number, number | undefined],
  outcome?: HistoryEvent["outcome"],
): HistoryEvent => ({ client: callMs, operation, callMs, returnMs, outcome });

const put = (key: string, value: string): KvOperation => ({ kind: "put", key, value });
const get = (key: string): KvOperation => ({ kind: "get", key });

suite("the judge of a cluster's histories", needs("porcupine"), () => {
  test("accepts a write of unknown outcome that is seen late, or never", () => {
    const history = [
      event(put("a", "1"), [0, 1]),
      event(put("a", "2"), [2, undefined]),
      event(get("a"), [3, 4], "1"),
      event(get("a"), [5, 6], "2"),
      event(put("b", "3"), [7, undefined]),
      event(get("b"), [8, 9]),
    ];
    assert.deepEqual(judgeHistory(history), []);
  });

  test("names the key of a stale read among good ones", () => {
    const history = [
      event(put("a", "1"), [0, 1]),
      event(put("b", "1"), [0, 1]),
      event(put("b", "2"), [2, 3]),
      event(get("b"), [4, 5], "1"),
      event(get("a"), [4, 5], "1"),
    ];
    const problems = judgeHistory(history);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /not linearizable .*keys b,/);
  });
});
