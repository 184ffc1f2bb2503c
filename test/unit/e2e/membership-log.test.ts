/** The witness of the end-to-end stories sees more than one membership change at a time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { changesAtATime, changesText } from "../../e2e/support/membership-log.ts";

type Changes = Parameters<typeof changesAtATime>[0];

/** "voter a", "learner b"... */
function changes(...texts: readonly string[]): Changes {
  return texts.map((text, at) => {
    const [kind, id = ""] = text.split(" ");
    return { index: at + 1, kind: kind as Changes[number]["kind"], id };
  });
}

describe("membership changes of a log", () => {
  test("pass where each learner is promoted or removed before anything else", () => {
    const log = changes(
      ...["voter a", "learner b", "voter b", "learner c", "removed c"],
      ...["learner d", "voter d", "updated d", "removed b", "removed d"],
    );
    assert.deepEqual(changesAtATime(log), []);
    assert.equal(changesText(log.slice(0, 5)), "voter 1, learner 2, voter 2, learner 3, removed 3");
  });

  test("fail where two learners join at once", () => {
    const log = changes("voter a", "learner b", "learner c");
    assert.deepEqual(changesAtATime(log), ["3: learner c while b is a learner"]);
  });

  test("fail where a voter leaves while a learner joins", () => {
    const log = changes("voter a", "learner b", "voter b", "learner c", "removed b");
    assert.deepEqual(changesAtATime(log), ["5: removed b while c is a learner"]);
  });

  test("fail where somebody votes without having been a learner", () => {
    const log = changes("voter a", "voter b");
    assert.deepEqual(changesAtATime(log), ["2: b was made a voter without having been a learner"]);
  });

  test("fail where several change at once", () => {
    assert.deepEqual(changesAtATime(changes("voter a", "joint")), ["2: several changes at once"]);
  });
});
