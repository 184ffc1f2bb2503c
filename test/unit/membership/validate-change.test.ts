import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdErrorKind } from "../../../node/lib/etcd-error.ts";
import { Cluster } from "../../../node/membership/cluster.ts";
import type { Member } from "../../../node/membership/member.ts";
import { memberListHash } from "../../../node/membership/member-list-hash.ts";
import type { MemberChange } from "../../../node/membership/membership-change.ts";
import {
  changeOf,
  clusterOf,
  confStateOf,
  fill,
  id,
  memberOf,
  openBackend,
} from "./membership-lab.ts";

/** Voters 1 and 2, learner 3; 9 was removed. */
function cluster(): Cluster {
  const made = new Cluster(openBackend());
  fill(made, memberOf(1), memberOf(2), memberOf(3, { isLearner: true }), memberOf(9));
  made.applyChange([{ kind: "remove", id: id(9) }], confStateOf({ voters: [1, 2], learners: [3] }));
  return made;
}

const verdict = (...changes: readonly MemberChange[]): EtcdErrorKind | undefined =>
  cluster().validate(changeOf(changes), 1);
const add = (member: Member): MemberChange => ({ kind: "add", member });
const remove = (value: number): MemberChange => ({ kind: "remove", id: id(value) });
const learner = { isLearner: true };

test("a new member needs a new id and new URLs", () => {
  assert.equal(verdict(add(memberOf(4))), undefined);
  assert.equal(verdict(add(memberOf(2, { peerUrls: ["http://x:1"] }))), "MemberExist");
  assert.equal(
    verdict(add(memberOf(4, { peerUrls: ["http://x:1", "http://m3:2380"] }))),
    "PeerURLExist",
  );
});

test("an id that was removed is never used again, for nothing", () => {
  assert.equal(verdict(add(memberOf(9))), "MemberNotFound");
  assert.equal(verdict(remove(9)), "MemberNotFound");
  assert.equal(verdict({ kind: "promote", id: id(9) }), "MemberNotFound");
  assert.equal(verdict({ kind: "update", id: id(9), peerUrls: [] }), "MemberNotFound");
});

test("learners are bounded, by the proposer's limit where the change has one", () => {
  assert.equal(verdict(add(memberOf(4, learner))), "TooManyLearners");
  const change = changeOf([add(memberOf(4, learner))], { maxLearners: 2 });
  assert.equal(cluster().validate(change, 0), undefined);
  assert.equal(cluster().validate(changeOf([add(memberOf(4, learner))]), 2), undefined);
});

test("only a learner that is there is promoted", () => {
  assert.equal(verdict({ kind: "promote", id: id(3) }), undefined);
  assert.equal(verdict({ kind: "promote", id: id(1) }), "MemberNotLearner");
  assert.equal(verdict({ kind: "promote", id: id(4) }), "MemberNotFound");
});

test("an update finds its member, and takes no other's URL", () => {
  const update = (value: number, ...peerUrls: string[]): MemberChange => ({
    kind: "update",
    id: id(value),
    peerUrls,
  });
  assert.equal(verdict(update(1, "http://x:1")), undefined);
  assert.equal(verdict(update(1, "http://m1:2380", "http://x:1")), undefined);
  assert.equal(verdict(update(1, "http://m2:2380")), "PeerURLExist");
  assert.equal(verdict(update(4, "http://x:1")), "MemberNotFound");
});

test("a removal finds its member, and leaves a vote", () => {
  assert.equal(verdict(remove(1)), undefined);
  assert.equal(verdict(remove(3)), undefined);
  assert.equal(verdict(remove(4)), "MemberNotFound");
  const alone = clusterOf(memberOf(1), memberOf(2, learner));
  assert.equal(alone.validate(changeOf([remove(1)]), 1), "MemberNotEnoughStarted");
});

test("changes of one entry count one after the other", () => {
  assert.equal(verdict(add(memberOf(4)), remove(1), remove(2)), undefined);
  assert.equal(verdict(remove(1), remove(2)), "MemberNotEnoughStarted");
  assert.equal(verdict({ kind: "promote", id: id(3) }, remove(1), remove(2)), undefined);
  assert.equal(verdict(remove(3), add(memberOf(4, learner))), undefined);
  assert.equal(
    verdict(add(memberOf(4)), add(memberOf(4, { peerUrls: ["http://x:1"] }))),
    "MemberExist",
  );
  assert.equal(verdict(remove(1), { kind: "promote", id: id(1) }), "MemberNotFound");
});

test("the URL of a member that leaves in the same entry is still its own", () => {
  const heir = memberOf(4, { peerUrls: ["http://m1:2380"] });
  assert.equal(verdict(remove(1), add(heir)), "PeerURLExist");
});

test("a change that names another list is refused, whatever it wants", () => {
  const made = cluster();
  const expectedMemberListHash = memberListHash(made.members);
  const change = changeOf([add(memberOf(4))], { expectedMemberListHash });
  assert.equal(made.validate(change, 1), undefined);
  made.applyChange([add(memberOf(5))], confStateOf({ voters: [1, 2, 5], learners: [3] }));
  assert.equal(made.validate(change, 1), "MemberListChanged");
});
