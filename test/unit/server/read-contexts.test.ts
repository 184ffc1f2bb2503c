import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex } from "../../../node/lib/units.ts";
import { ReadContexts } from "../../../node/server/read-contexts.ts";
import { drawing } from "../raft/raft-lab.ts";

const index = logIndex(5);

test("an answer comes back under the number of its question", () => {
  const contexts = new ReadContexts(drawing(7));
  const states = [1, 2 ** 32 - 1].map((count) => ({ context: contexts.encode(count), index }));
  assert.deepEqual(contexts.decode(states), [
    { context: 1, index },
    { context: 2 ** 32 - 1, index },
  ]);
});

test("an answer to an earlier life of the member, or in another form, is nobody's", () => {
  const before = new ReadContexts(drawing(7));
  const now = new ReadContexts(drawing(8));
  const states = [
    { context: before.encode(1), index },
    { context: Uint8Array.of(1), index },
  ];
  assert.deepEqual(now.decode(states), []);
});
