import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterId, type MemberId, memberId, type Term } from "../../../node/lib/units.ts";
import type { Member } from "../../../node/membership/member.ts";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { longToBigint, longToNumber, uint64Long } from "../../../node/proto/long.ts";
import { Admission } from "../../../node/rpc/admission.ts";
import { grpcCode } from "../../../node/rpc/errors.ts";
import { MemberChangesService } from "../../../node/rpc/member-changes.ts";
import { MoveLeaderService } from "../../../node/rpc/move-leader.ts";
import { MemberStats } from "../../../node/server/member-stats.ts";
import type {
  ChangeWaiter,
  LeaderMoveWaiter,
  Reconfiguration,
} from "../../../node/server/reconfig.ts";
import { id, memberOf, started } from "../membership/membership-lab.ts";
import { RecordedCall } from "./recorded-call.ts";

const top = 2n ** 64n - 2n;

/** A member whose changes are kept, to be answered by hand. */
class Lab implements Reconfiguration {
  readonly id = memberId(top);
  readonly clusterId = clusterId(5n);
  readonly raft = { term: 3 as Term };
  readonly clock = { monotonicMs: () => 0, unixMs: () => 1_700_000_000_000 };
  readonly reconfig = this;
  readonly cluster = { version: "3.7.0" };
  readonly hasLeader = true;
  readonly stats = new MemberStats();
  isLearner = false;
  readonly asked: (readonly [string, object])[] = [];
  waiter: ChangeWaiter | undefined;
  moveWaiter: LeaderMoveWaiter | undefined;
  readonly changes: MemberChangesService;
  readonly move: MoveLeaderService;

  constructor() {
    const admission = new Admission(this);
    this.changes = new MemberChangesService(this, admission);
    this.move = new MoveLeaderService(this, admission);
  }

  add(request: { readonly member: Member }, waiter: ChangeWaiter): void {
    this.keep("add", request, waiter);
  }
  remove(request: { readonly id: MemberId }, waiter: ChangeWaiter): void {
    this.keep("remove", request, waiter);
  }
  update(request: { readonly id: MemberId }, waiter: ChangeWaiter): void {
    this.keep("update", request, waiter);
  }
  promote(request: { readonly id: MemberId }, waiter: ChangeWaiter): void {
    this.keep("promote", request, waiter);
  }
  replace(): void {
    throw new Error("no call asks for that");
  }
  moveLeader(target: MemberId, waiter: LeaderMoveWaiter): void {
    this.asked.push(["moveLeader", { target }]);
    this.moveWaiter = waiter;
  }

  private keep(name: string, request: object, waiter: ChangeWaiter): void {
    this.asked.push([name, request]);
    this.waiter = waiter;
  }
}

type Method = "memberAdd" | "memberRemove" | "memberUpdate" | "memberPromote";

const addRequest = (peerURLs: string[], isLearner = false): Uint8Array =>
  etcdserverpb.MemberAddRequest.encode({ peerURLs, isLearner }).finish();

const bytesOf: Readonly<Record<Method, Uint8Array>> = {
  memberAdd: addRequest(["http://b:2", "HTTP://a:1"], true),
  memberRemove: etcdserverpb.MemberRemoveRequest.encode({ ID: uint64Long(top) }).finish(),
  memberUpdate: etcdserverpb.MemberUpdateRequest.encode({
    ID: uint64Long(top),
    peerURLs: ["http://b:2", "http://a:1"],
  }).finish(),
  memberPromote: etcdserverpb.MemberPromoteRequest.encode({ ID: uint64Long(top) }).finish(),
};
const methods = Object.keys(bytesOf) as Method[];

test("each change asks for what the request says, with ids of all 64 bits", () => {
  const expectedMemberListHash = undefined;
  const lab = new Lab();
  for (const method of methods) lab.changes[method](new RecordedCall(), bytesOf[method]);
  const [added, ...others] = lab.asked;
  const { member } = added?.[1] as { readonly member: Member };
  assert.deepEqual(member, {
    // sha1("http://a:1http://b:21700000000"), as Go computes it.
    id: member.id,
    peerUrls: ["http://a:1", "http://b:2"],
    isLearner: true,
    name: "",
    clientUrls: [],
  });
  assert.deepEqual(others, [
    ["remove", { id: top, expectedMemberListHash }],
    ["update", { id: top, peerUrls: ["http://b:2", "http://a:1"], expectedMemberListHash }],
    ["promote", { id: top, expectedMemberListHash }],
  ]);
});

test("the precondition comes from the call's metadata", () => {
  for (const method of methods) {
    const lab = new Lab();
    const call = new RecordedCall({ "etcd-ts-member-list-hash": "abc" });
    lab.changes[method](call, bytesOf[method]);
    const request = lab.asked[0]?.[1] as { readonly expectedMemberListHash: string };
    assert.equal(request.expectedMemberListHash, "abc");
    lab.waiter?.refused("MemberListChanged");
    const texts = call.failures.map(({ code, text }) => `${code} ${text}`);
    assert.match(texts.join(), /^9 etcd-ts: the member list has changed/);
  }
});

test("the answer is the list behind the change, with a revision of 0", () => {
  for (const method of methods) {
    const lab = new Lab();
    const call = new RecordedCall();
    lab.changes[method](call, bytesOf[method]);
    lab.waiter?.applied([started(1), memberOf(2, { isLearner: true })]);
    // All four answers have header and members; MemberAdd's members are its third field.
    const type =
      method === "memberAdd" ? etcdserverpb.MemberAddResponse : etcdserverpb.MemberRemoveResponse;
    const answer = type.decode(call.replies[0] as Uint8Array);
    assert.equal(longToNumber(answer.header?.revision), 0);
    assert.equal(longToBigint(answer.header?.memberId), top);
    assert.equal(longToNumber(answer.header?.raftTerm), 3);
    assert.deepEqual(
      answer.members.map((one) => [longToBigint(one.ID), one.name, one.isLearner]),
      [
        [1n, "m1", false],
        [2n, "", true],
      ],
    );
  }
});

test("MemberAdd names the new member", () => {
  const lab = new Lab();
  const call = new RecordedCall();
  lab.changes.memberAdd(call, bytesOf.memberAdd);
  lab.waiter?.applied([]);
  const { member } = etcdserverpb.MemberAddResponse.decode(call.replies[0] as Uint8Array);
  const asked = lab.asked[0]?.[1] as { readonly member: Member };
  assert.equal(longToBigint(member?.ID), asked.member.id);
  assert.deepEqual(member?.peerURLs, ["http://a:1", "http://b:2"]);
  assert.equal(member.isLearner, true);
});

test("URLs that are none are refused before anything is asked", () => {
  const lab = new Lab();
  const update = (peerURLs: string[]): Uint8Array =>
    etcdserverpb.MemberUpdateRequest.encode({ ID: uint64Long(1n), peerURLs }).finish();
  for (const urls of [[], ["localhost:2380"], ["http://a:1/path"]]) {
    const added = new RecordedCall();
    lab.changes.memberAdd(added, addRequest(urls));
    const updated = new RecordedCall();
    lab.changes.memberUpdate(updated, update(urls));
    for (const call of [added, updated]) {
      assert.deepEqual(call.failures, [
        { code: grpcCode.invalidArgument, text: "etcdserver: given member URLs are invalid" },
      ]);
    }
  }
  assert.deepEqual(lab.asked, []);
});

test("a learner serves no change, and bytes that are no request are told so", () => {
  const lab = new Lab();
  const torn = (run: (call: RecordedCall) => void): void => {
    const call = new RecordedCall();
    run(call);
    assert.equal(call.failures[0]?.code, grpcCode.internal);
  };
  for (const method of methods) {
    torn((call) => lab.changes[method](call, Uint8Array.of(0x0a, 0x05)));
  }
  torn((call) => lab.move.moveLeader(call, Uint8Array.of(0x08)));
  lab.isLearner = true;
  const calls = methods.map((method) => {
    const call = new RecordedCall();
    lab.changes[method](call, bytesOf[method]);
    return call;
  });
  const move = new RecordedCall();
  lab.move.moveLeader(move, new Uint8Array(0));
  for (const { failures } of [...calls, move]) {
    assert.equal(failures[0]?.text, "etcdserver: rpc not supported for learner");
  }
  assert.deepEqual(lab.asked, []);
});

test("MoveLeader answers without a header when the other leads, and says why it does not", () => {
  const lab = new Lab();
  const bytes = etcdserverpb.MoveLeaderRequest.encode({ targetID: uint64Long(top) }).finish();
  const call = new RecordedCall();
  lab.move.moveLeader(call, bytes);
  assert.deepEqual(lab.asked, [["moveLeader", { target: id(top) }]]);
  lab.moveWaiter?.moved();
  assert.deepEqual(call.replies, [new Uint8Array(0)]);
  for (const [error, code, text] of [
    ["BadLeaderTransferee", grpcCode.failedPrecondition, "bad leader transferee"],
    ["NotLeader", grpcCode.failedPrecondition, "not leader"],
    ["TimeoutLeaderTransfer", grpcCode.unknown, "request timed out, leader transfer took too long"],
  ] as const) {
    const refused = new RecordedCall();
    lab.move.moveLeader(refused, bytes);
    lab.moveWaiter?.refused(error);
    assert.deepEqual(refused.failures, [{ code, text: `etcdserver: ${text}` }]);
  }
});
