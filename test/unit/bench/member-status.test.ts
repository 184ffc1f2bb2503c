import assert from "node:assert/strict";
import { test } from "node:test";
import { disagreements, type MemberStatus, type StoreHash } from "../../bench/member-status.ts";

const status = (revision: number): MemberStatus => ({
  target: "m",
  isLeader: false,
  leader: 1,
  revision,
  term: 2,
});
const hash = (value: number, compactRevision = 0): StoreHash => ({
  target: "m",
  hash: value,
  compactRevision,
  hashRevision: 9,
});

test("members with one revision and one hash agree", () => {
  assert.deepEqual(disagreements([status(9), status(9), status(9)], [hash(7), hash(7)]), []);
});

test("a member that is behind is named with all revisions", () => {
  assert.deepEqual(disagreements([status(9), status(8), status(9)], []), [
    "the members' revisions are 9, 8, 9",
  ]);
});

test("stores that differ, in their hash or in what they compacted, are a disagreement", () => {
  const equal = [status(9), status(9)];
  assert.match(disagreements(equal, [hash(7), hash(6)]).join(), /HashKV are 7 .*, 6 /);
  assert.match(disagreements(equal, [hash(7, 1), hash(7, 2)]).join(), /compacted 2/);
});
