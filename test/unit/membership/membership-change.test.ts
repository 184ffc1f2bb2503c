import assert from "node:assert/strict";
import { test } from "node:test";
import { fromText, toText } from "../../../node/lib/bytes.ts";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { logIndex, term } from "../../../node/lib/units.ts";
import {
  decodeChange,
  encodeChange,
  type MemberChange,
  type MembershipChange,
} from "../../../node/membership/membership-change.ts";
import {
  confChangeTransition,
  confChangeType,
  decodeConfChange,
  decodeConfChangeV2,
  encodeConfChange,
  encodeConfChangeV2,
} from "../../../node/proto/conf-change-codec.ts";
import type { Proposal } from "../../../node/raft/ready.ts";
import { type Entry, entryType } from "../../../node/raft/types.ts";
import { changeOf, id, memberOf } from "./membership-lab.ts";

const entryOf = ({ type, data }: Proposal): Entry => ({
  type,
  data,
  index: logIndex(5),
  term: term(1),
});

/** What comes back, without what raft takes of it. */
function again(change: MembershipChange): MembershipChange {
  const { requestId, changes, expectedMemberListHash, maxLearners } = decodeChange(
    entryOf(encodeChange(change)),
  );
  return { requestId, changes, expectedMemberListHash, maxLearners };
}

const top = 2n ** 64n - 1n;
const each: readonly MemberChange[] = [
  { kind: "add", member: memberOf(top) },
  { kind: "add", member: memberOf(2, { isLearner: true, name: "x", clientUrls: ["http://x:1"] }) },
  { kind: "promote", id: id(top) },
  { kind: "remove", id: id(3) },
  { kind: "update", id: id(4), peerUrls: ["http://b:1", "http://a:1"] },
];

test("every change survives the log, alone and with others, with and without conditions", () => {
  for (const more of [{}, { expectedMemberListHash: "ab", maxLearners: 3 }]) {
    for (const one of each) {
      const change = changeOf([one], more);
      assert.deepEqual(again(change), change);
    }
    const [first, ...others] = each;
    const several = changeOf([first as MemberChange, ...others.slice(2)], more);
    assert.deepEqual(again(several), several);
  }
});

test("one change is etcd's own bytes: type and context of its four kinds", () => {
  const context = (change: MemberChange): readonly [number, string] => {
    const { type, data } = encodeChange(changeOf([change]));
    assert.equal(type, entryType.confChange);
    const decoded = decodeConfChange(data);
    assert.equal(decoded.id, 7n);
    return [decoded.type, toText(decoded.context)];
  };
  assert.deepEqual(context({ kind: "add", member: memberOf(2) }), [
    confChangeType.addNode,
    '{"id":2,"peerURLs":["http://m2:2380"]}',
  ]);
  assert.deepEqual(context({ kind: "add", member: memberOf(2, { isLearner: true }) }), [
    confChangeType.addLearnerNode,
    '{"id":2,"peerURLs":["http://m2:2380"],"isLearner":true}',
  ]);
  assert.deepEqual(context({ kind: "promote", id: id(top) }), [
    confChangeType.addNode,
    '{"id":18446744073709551615,"peerURLs":null,"isPromote":true}',
  ]);
  assert.deepEqual(context({ kind: "remove", id: id(2) }), [confChangeType.removeNode, ""]);
  assert.deepEqual(context({ kind: "update", id: id(2), peerUrls: ["http://a:1"] }), [
    confChangeType.updateNode,
    '{"id":2,"peerURLs":["http://a:1"]}',
  ]);
});

test("our own fields stand beside etcd's, also where etcd has no context", () => {
  const conditions = { expectedMemberListHash: "ab", maxLearners: 2 };
  const text = (change: MemberChange): string =>
    toText(decodeConfChange(encodeChange(changeOf([change], conditions)).data).context);
  assert.equal(
    text({ kind: "remove", id: id(2) }),
    '{"id":2,"expectedMemberListHash":"ab","maxLearners":2}',
  );
  assert.equal(
    text({ kind: "add", member: memberOf(2) }),
    '{"id":2,"peerURLs":["http://m2:2380"],"expectedMemberListHash":"ab","maxLearners":2}',
  );
});

test("several changes go through a joint configuration that is left by itself", () => {
  const { type, data } = encodeChange(changeOf([each[0] as MemberChange, each[3] as MemberChange]));
  assert.equal(type, entryType.confChangeV2);
  const decoded = decodeConfChangeV2(data);
  assert.equal(decoded.transition, confChangeTransition.jointImplicit);
  assert.deepEqual(
    decoded.changes.map(({ nodeId }) => nodeId),
    [top, 3n],
  );
  assert.equal(
    toText(decoded.context),
    `[{"requestId":"7"},{"id":${top},"peerURLs":["http://m${top}:2380"]}]`,
  );
});

test("an entry without data leaves a joint configuration, a change of nobody changes nothing", () => {
  const leave = { type: entryType.confChangeV2, data: new Uint8Array(0) };
  const { changes, singles, transition } = decodeChange(entryOf(leave));
  assert.deepEqual([changes, singles, transition], [[], [], confChangeTransition.auto]);
  const data = encodeConfChange({ id: 9n, type: 0, nodeId: 0n, context: new Uint8Array(0) });
  const nobody = decodeChange(entryOf({ type: entryType.confChange, data }));
  assert.deepEqual(nobody.changes, []);
  assert.equal(nobody.singles.length, 1);
});

test("the type of the change decides who votes, whatever the member's JSON says", () => {
  const context = fromText('{"id":2,"peerURLs":["http://a:1"],"isLearner":true}');
  const data = encodeConfChange({ id: 1n, type: confChangeType.addNode, nodeId: 2n, context });
  const [change] = decodeChange(entryOf({ type: entryType.confChange, data })).changes;
  assert.ok(change?.kind === "add");
  assert.equal(change.member.isLearner, false);
});

test("what no member can have proposed is corruption that names the entry", () => {
  const one = (type: number, nodeId: bigint, text: string): Proposal => ({
    type: entryType.confChange,
    data: encodeConfChange({ id: 1n, type, nodeId, context: fromText(text) }),
  });
  const change = { type: confChangeType.addNode, nodeId: 3n };
  const several = { transition: 0, changes: [change], context: fromText('{"id":3}') };
  for (const bad of [
    one(confChangeType.addNode, 2n, ""),
    one(confChangeType.addNode, 2n, '{"id":3}'),
    one(confChangeType.updateNode, 2n, "{"),
    one(7, 2n, '{"id":2}'),
    { type: entryType.confChange, data: Uint8Array.of(0x22, 0x80) },
    { type: entryType.confChangeV2, data: encodeConfChangeV2(several) },
  ]) {
    assert.throws(
      () => decodeChange(entryOf(bad)),
      (error: unknown) => error instanceof CorruptionError && /log index 5/.test(error.message),
    );
  }
});
