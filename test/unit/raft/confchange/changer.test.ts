import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AssertionError } from "../../../../node/lib/assert.ts";
import { emptyBytes } from "../../../../node/lib/bytes.ts";
import { logIndex, type MemberId } from "../../../../node/lib/units.ts";
import { type ConfChangeSingle, confChangeType } from "../../../../node/proto/conf-change-codec.ts";
import {
  enterJoint,
  leaveJoint,
  simple,
  transitionOf,
} from "../../../../node/raft/confchange/changer.ts";
import type { ChangerState } from "../../../../node/raft/confchange/draft.ts";
import { restoreConfig } from "../../../../node/raft/confchange/restore.ts";
import {
  changes,
  confState,
  context,
  emptyState,
  ids,
  mustSucceed,
  problemOf,
} from "./changer-lab.ts";

const stateOf = (lists: Parameters<typeof confState>[0]) =>
  restoreConfig(confState(lists), context);

/** What changes mean, said with two sets. */
class SetModel {
  voters = new Set<bigint>();
  learners = new Set<bigint>();

  change({ type, nodeId }: ConfChangeSingle): void {
    if (nodeId === 0n || type === confChangeType.updateNode) return;
    this.voters.delete(nodeId);
    this.learners.delete(nodeId);
    if (type === confChangeType.addNode) this.voters.add(nodeId);
    if (type === confChangeType.addLearnerNode) this.learners.add(nodeId);
  }

  static of(state: ChangerState): SetModel {
    const model = new SetModel();
    model.voters = new Set(state.config.voters);
    model.learners = new Set(state.config.learners);
    return model;
  }

  get lists() {
    const ascending = (set: Set<bigint>) => [...set].sort((a, b) => (a < b ? -1 : 1)) as MemberId[];
    return confState({ voters: ascending(this.voters), learners: ascending(this.learners) });
  }
}

const single: fc.Arbitrary<ConfChangeSingle> = fc.record({
  type: fc.constantFrom(...Object.values(confChangeType)),
  nodeId: fc.bigInt({ min: 0n, max: 6n }),
});
const sequence = fc.array(fc.array(single, { minLength: 1, maxLength: 5 }), { maxLength: 15 });

const majorities = (voters: readonly MemberId[]): Set<MemberId>[] => {
  const found: Set<MemberId>[] = [];
  for (let bits = 0; bits < 2 ** voters.length; bits++) {
    const chosen = voters.filter((_, at) => (bits >> at) % 2 === 1);
    if (chosen.length * 2 > voters.length) found.push(new Set(chosen));
  }
  return found;
};

test("simple changes have the outcome of a set model, or are refused and change nothing", () => {
  fc.assert(
    fc.property(sequence, (steps) => {
      let state = stateOf({ voters: ids(1) });
      for (const step of steps) {
        const before = structuredClone(state.config);
        const model = SetModel.of(state);
        for (const change of step) model.change(change);
        const old = new Set<bigint>(state.config.voters);
        const moved = [...new Set([...old, ...model.voters])].filter(
          (id) => old.has(id) !== model.voters.has(id),
        ).length;
        const result = simple(state, step, context);
        assert.deepEqual(state.config, before);
        if (model.voters.size === 0 || moved > 1) {
          problemOf(result);
        } else {
          state = mustSucceed(result);
          assert.deepEqual(state.config, model.lists);
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test("to enter and to leave a joint configuration has the outcome of the set model", () => {
  fc.assert(
    fc.property(sequence, fc.boolean(), (steps, autoLeave) => {
      let state = stateOf({ voters: ids(1, 2) });
      for (const step of steps) {
        const model = SetModel.of(state);
        for (const change of step) model.change(change);
        const joint = enterJoint(state, autoLeave, step, context);
        if (model.voters.size === 0) {
          problemOf(joint);
          continue;
        }
        const entered = mustSucceed(joint);
        assert.deepEqual(entered.config.votersOutgoing, state.config.voters);
        assert.deepEqual(entered.config.voters, model.lists.voters);
        assert.equal(entered.config.autoLeave, autoLeave);
        const left = mustSucceed(leaveJoint(entered));
        assert.deepEqual(left.config, model.lists);
        const members = [...left.config.voters, ...left.config.learners];
        assert.deepEqual(new Set(left.progress.keys()), new Set(members));
        state = left;
      }
    }),
    { numRuns: 1000 },
  );
});

test("any two majorities of before and after a simple change have a voter in common", () => {
  fc.assert(
    fc.property(sequence, (steps) => {
      let state = stateOf({ voters: ids(1, 2, 3) });
      for (const step of steps) {
        const result = simple(state, step, context);
        if ("problem" in result) continue;
        for (const old of majorities(state.config.voters)) {
          for (const next of majorities(result.config.voters))
            assert.ok([...old].some((id) => next.has(id)));
        }
        state = result;
      }
    }),
    { numRuns: 200 },
  );
});

test("a snapshot of any configuration that changes lead to restores it", () => {
  fc.assert(
    fc.property(sequence, fc.boolean(), (steps, autoLeave) => {
      let state = stateOf({ voters: ids(1, 2, 3) });
      for (const step of steps) {
        const joint = enterJoint(state, autoLeave, step, context);
        if ("problem" in joint) continue;
        const left = mustSucceed(leaveJoint(joint));
        for (const reached of [joint, left]) {
          const restored = restoreConfig(reached.config, context);
          assert.deepEqual(restored.config, reached.config);
          for (const [id, progress] of restored.progress)
            assert.equal(progress.isLearner, reached.progress.get(id)?.isLearner);
          assert.equal(restored.progress.size, reached.progress.size);
        }
        state = left;
      }
    }),
    { numRuns: 500 },
  );
});

test("progress of who stays is kept, and a change of its kind does not touch the old state", () => {
  const before = stateOf({ voters: ids(1, 2), learners: ids(3) });
  const [one, two] = ids(1, 2);
  const [three] = ids(3);
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  before.progress.get(three)?.maybeUpdate(logIndex(7));
  const promoted = mustSucceed(simple(before, changes("v3"), context));
  assert.equal(promoted.progress.get(one), before.progress.get(one));
  assert.deepEqual(
    [promoted.progress.get(three)?.match, promoted.progress.get(three)?.isLearner],
    [7, false],
  );
  assert.equal(before.progress.get(three)?.isLearner, true);
  const demoted = mustSucceed(simple(promoted, changes("l2"), context));
  assert.equal(demoted.progress.get(two)?.isLearner, true);
  assert.equal(promoted.progress.get(two)?.isLearner, false);
});

test("a voter that becomes a learner votes in the outgoing half until the joint configuration is left", () => {
  const entered = mustSucceed(
    enterJoint(stateOf({ voters: ids(1, 2, 3) }), true, changes("l3 l4"), context),
  );
  assert.deepEqual(
    entered.config,
    confState({
      voters: ids(1, 2),
      votersOutgoing: ids(1, 2, 3),
      learners: ids(4),
      learnersNext: ids(3),
      autoLeave: true,
    }),
  );
  const left = mustSucceed(leaveJoint(entered));
  assert.deepEqual(left.config, confState({ voters: ids(1, 2), learners: ids(3, 4) }));
});

test("what the changer refuses", () => {
  const one = stateOf({ voters: ids(1) });
  const joint = mustSucceed(enterJoint(one, false, changes("v2"), context));
  assert.match(problemOf(simple(joint, changes("v3"), context)), /joint configuration/);
  assert.match(problemOf(enterJoint(joint, false, changes("v3"), context)), /joint already/);
  assert.match(problemOf(leaveJoint(one)), /not joint/);
  assert.match(problemOf(enterJoint(emptyState, false, changes("v1"), context)), /without voters/);
  assert.match(problemOf(simple(one, changes("r1"), context)), /last voter/);
  assert.match(problemOf(simple(one, changes("l1"), context)), /last voter/);
  assert.match(problemOf(simple(one, changes("v2 v3"), context)), /more than one voter/);
  assert.match(problemOf(simple(one, changes("v2 r1"), context)), /more than one voter/);
  assert.match(problemOf(simple(one, changes("x2"), context)), /unknown type/);
});

test("a configuration that breaks the invariants is a bug", () => {
  const sound = stateOf({ voters: ids(1, 2), learners: ids(3) });
  const broken = [
    confState({ voters: ids(1, 2, 4), learners: ids(3) }),
    confState({ voters: ids(1, 2) }),
    confState({ voters: ids(1, 2, 3), learners: ids(3) }),
    confState({ voters: ids(1, 2), learners: ids(3), learnersNext: ids(2) }),
    confState({ voters: ids(1, 2, 3) }),
    confState({ voters: ids(1), learners: ids(2, 3) }),
    confState({ voters: ids(1, 2), learners: ids(3), autoLeave: true }),
  ];
  for (const config of broken) {
    const state = { config, progress: sound.progress };
    assert.throws(() => simple(state, [], context), AssertionError);
  }
});

test("a snapshot whose configuration no change leads to is a bug", () => {
  const impossible = [
    confState({ learners: ids(1) }),
    confState({ voters: ids(1), autoLeave: true }),
    confState({ voters: ids(1), learnersNext: ids(2) }),
    confState({ votersOutgoing: ids(1, 2) }),
  ];
  for (const config of impossible)
    assert.throws(() => restoreConfig(config, context), AssertionError);
});

test("how a change goes: by its transition, or else by how many it changes", () => {
  const of = (transition: number, text: string) =>
    transitionOf({ transition, changes: changes(text), context: emptyBytes });
  assert.equal(of(0, ""), "leave");
  assert.equal(of(0, "v1"), "simple");
  assert.deepEqual(of(0, "v1 v2"), { autoLeave: true });
  assert.deepEqual(of(1, "v1"), { autoLeave: true });
  assert.deepEqual(of(2, "v1"), { autoLeave: false });
  assert.deepEqual(of(2, ""), { autoLeave: false });
  assert.throws(() => of(3, "v1"), AssertionError);
});
