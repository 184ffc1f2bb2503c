import assert from "node:assert/strict";
import { test } from "node:test";
import { type MemberState, roundProblems } from "../../tls/verdict.ts";

const member = { name: "m1" };
const usual = { restarted: undefined, isAtomic: true, isTorn: false };

function state(
  samples: Readonly<Record<string, number>>,
  more: Partial<MemberState> = {},
): MemberState {
  const both = { 'etcd_ts_tls_stale{side="client"}': 0, 'etcd_ts_tls_stale{side="peer"}': 0 };
  const all = new Map(Object.entries({ ...both, ...samples }));
  return { member, term: 2, leader: 1n, isLeader: true, samples: all, ...more };
}

const counters = (name: string, client: number, peer: number): Record<string, number> => ({
  [`etcd_ts_tls_${name}{side="client"}`]: client,
  [`etcd_ts_tls_${name}{side="peer"}`]: peer,
});
const good = counters("reloads_total", 4, 4);

test("a round is good when each side followed its four changes, without a failure, under the same leader", () => {
  assert.deepEqual(roundProblems([state({})], [state(good)], usual), []);
});

const rows: readonly (readonly [string, MemberState, RegExp])[] = [
  ["another term", state(good, { term: 3 }), /term 2, then 3/],
  ["another leader", state(good, { leader: 2n }), /another leader/],
  [
    "a change of the leader and back",
    state({ ...good, etcd_server_leader_changes_seen_total: 2 }),
    /2 changes of the leader/,
  ],
  ["a change that nobody saw", state(counters("reloads_total", 4, 3)), /peer: 3 reloads/],
  [
    "a failure where nothing half can be seen",
    state({ ...good, ...counters("reload_failures_total", 1, 0) }),
    /client: 1 reloads failed/,
  ],
  ["bad files in the end", state({ ...good, 'etcd_ts_tls_stale{side="peer"}': 1 }), /peer: stale/],
];

for (const [title, after, expected] of rows)
  test(`a round is told of: ${title}`, () => {
    const problems = roundProblems([state({})], [after], usual);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", expected);
  });

test("torn changes must have been refused, each once", () => {
  const torn = { ...usual, isAtomic: false, isTorn: true };
  const refused = state({ ...good, ...counters("reload_failures_total", 2, 2) });
  assert.deepEqual(roundProblems([state({})], [refused], torn), []);
  assert.equal(roundProblems([state({})], [state(good)], torn).length, 2);
});

test("of a member that was restarted only term and leader count, as its counters began anew", () => {
  const facts = { ...usual, restarted: member };
  assert.deepEqual(roundProblems([state(good)], [state({})], facts), []);
  assert.equal(roundProblems([state(good)], [state({}, { term: 5 })], facts).length, 1);
});
