import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, term } from "../../../node/lib/units.ts";
import {
  decodeChange,
  encodeChange,
  type MemberChange,
} from "../../../node/membership/membership-change.ts";
import type { ConfState, Entry } from "../../../node/raft/types.ts";
import { type ForcedLog, forceNewCluster } from "../../../node/server/force-new-cluster.ts";
import { changeOf, confStateOf, id, memberOf } from "../membership/membership-lab.ts";
import { entry, hardState } from "../wal/wal-lab.ts";

const peerUrls = ["http://self:2380"];

const force = (
  confState: ConfState,
  entries: readonly Entry[],
  state: { readonly commit: number; readonly applied: number; readonly self?: number },
): ForcedLog =>
  forceNewCluster({
    self: id(state.self ?? 1),
    peerUrls,
    hardState: hardState(3, 2n, state.commit),
    entries,
    confState,
    consistentIndex: logIndex(state.applied),
  });

const changesOf = ({ appended }: ForcedLog): readonly (MemberChange | "leave")[] =>
  appended.flatMap((one): readonly (MemberChange | "leave")[] => {
    const { changes, singles } = decodeChange(one);
    return singles.length === 0 ? ["leave"] : changes;
  });

const remove = (value: number): MemberChange => ({ kind: "remove", id: id(value) });
const log = [entry(1, 1, "a"), entry(2, 2, "b"), entry(3, 3, "c"), entry(4, 3, "d")];

test("what is not committed is dropped, and every other member removed, committed at once", () => {
  const forced = force(confStateOf({ voters: [1, 2], learners: [3] }), log, {
    commit: 3,
    applied: 2,
  });
  assert.deepEqual(forced.kept, log.slice(0, 3));
  assert.deepEqual(changesOf(forced), [remove(2), remove(3)]);
  assert.deepEqual(
    forced.appended.map(({ index, term: at }) => [index, at]),
    [
      [4, 3],
      [5, 3],
    ],
  );
  assert.deepEqual(forced.hardState, hardState(3, 2n, 5));
});

test("what was applied was committed, also where the log's commit lags", () => {
  const forced = force(confStateOf({ voters: [1, 2] }), log, { commit: 1, applied: 3 });
  assert.equal(forced.kept.length, 3);
  assert.equal(forced.hardState.commit, 4);
});

test("a member that is alone already appends nothing", () => {
  const forced = force(confStateOf({ voters: [1] }), log, { commit: 4, applied: 4 });
  assert.deepEqual(forced.appended, []);
  assert.equal(forced.hardState.commit, 4);
});

test("members that committed entries add are removed, too, and none that they remove is forgotten", () => {
  const add = encodeChange(changeOf([{ kind: "add", member: memberOf(4) }]));
  const drop = encodeChange(changeOf([remove(2)]));
  const entries = [
    ...log.slice(0, 2),
    entry(3, 3, add.data, add.type),
    entry(4, 3, drop.data, drop.type),
  ];
  const forced = force(confStateOf({ voters: [1, 2] }), entries, { commit: 4, applied: 2 });
  // The removal may be refused when it is applied; a second one then counts, and otherwise does nothing.
  assert.deepEqual(changesOf(forced), [remove(2), remove(4)]);
});

test("a member without a vote gets one first, whether it is a learner or unknown", () => {
  const own = { ...memberOf(1), peerUrls };
  const votes = [
    { kind: "promote", id: id(1) },
    { kind: "add", member: own },
  ];
  const learner = force(confStateOf({ voters: [2], learners: [1] }), log, {
    commit: 4,
    applied: 4,
  });
  assert.deepEqual(changesOf(learner), [...votes, remove(2)]);
  const unknown = force(confStateOf({ voters: [2, 3] }), log, { commit: 4, applied: 4 });
  assert.deepEqual(changesOf(unknown), [...votes, remove(2), remove(3)]);
});

test("a joint configuration is left before anything else", () => {
  const joint = confStateOf({ voters: [1, 4], votersOutgoing: [1, 2, 3], autoLeave: true });
  const forced = force(joint, log, { commit: 4, applied: 4 });
  assert.deepEqual(changesOf(forced), ["leave", remove(2), remove(3), remove(4)]);
  const entering = encodeChange(changeOf([{ kind: "add", member: memberOf(4) }, remove(2)]));
  const entries = [...log.slice(0, 3), entry(4, 3, entering.data, entering.type)];
  const pending = force(confStateOf({ voters: [1, 2] }), entries, { commit: 4, applied: 3 });
  assert.deepEqual(changesOf(pending), ["leave", remove(2), remove(4)]);
});

test("a member that is on its way out cannot be what remains", () => {
  const joint = confStateOf({ voters: [2, 4], votersOutgoing: [1, 2], autoLeave: true });
  assert.throws(
    () => force(joint, log, { commit: 4, applied: 4 }),
    /--force-new-cluster: a change that removes this member/,
  );
});

test("the new entries have a term that the log can go on with", () => {
  const entries = [entry(1, 1, "a"), entry(2, 5, "b")];
  const forced = forceNewCluster({
    self: id(1),
    peerUrls,
    hardState: hardState(4, 0n, 2),
    entries,
    confState: confStateOf({ voters: [1, 2] }),
    consistentIndex: logIndex(0),
  });
  assert.equal(forced.appended[0]?.term, term(5));
  assert.equal(forced.hardState.term, 5);
});
