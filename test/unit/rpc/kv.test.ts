import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { longToBigint, longToNumber } from "../../../node/proto/long.ts";
import { ClusterService } from "../../../node/rpc/cluster.ts";
import { statusOf } from "../../../node/rpc/errors.ts";
import { KvService } from "../../../node/rpc/kv.ts";
import { MaintenanceService } from "../../../node/rpc/maintenance.ts";
import type { Member } from "../../../node/server/member.ts";
import {
  compare,
  encodeDelete,
  encodePut,
  encodeRange,
  encodeTxn,
  kv,
  put,
  range,
  rangeAnswer,
  txnAnswer,
} from "../apply/apply-lab.ts";
import { MemberLab } from "../server/member-lab.ts";
import { RecordedCall } from "./recorded-call.ts";

type Method = "put" | "range" | "deleteRange" | "txn";

class Lab {
  readonly world: MemberLab;
  readonly member: Member;
  readonly service: KvService;

  private constructor(world: MemberLab, member: Member, quotaBytes: number) {
    this.world = world;
    this.member = member;
    this.service = new KvService({ member, txnOpsMax: 4, quotaBytes });
  }

  static async open(quotaBytes = Infinity): Promise<Lab> {
    const world = new MemberLab();
    return new Lab(world, await world.start(), quotaBytes);
  }

  /** Calls with the message in the middle of a buffer that is overwritten when the handler returns, as a socket's is. */
  async call(method: Method, message: Uint8Array): Promise<RecordedCall> {
    const call = new RecordedCall();
    this.begin(call, method, message);
    await this.world.pass(50);
    return call;
  }

  begin(call: RecordedCall, method: Method, message: Uint8Array): void {
    const chunk = new Uint8Array(message.length + 10);
    chunk.set(message, 5);
    this.service[method](call, chunk, 5, 5 + message.length);
    chunk.fill(0xff);
  }

  async reply(method: Method, message: Uint8Array): Promise<Uint8Array> {
    const { replies, failures } = await this.call(method, message);
    assert.deepEqual(failures, []);
    assert.equal(replies.length, 1);
    return replies[0] as Uint8Array;
  }
}

test("put, range, delete-range and txn answer under the member's header", async () => {
  const lab = await Lab.open();
  const { id, clusterId } = lab.member;
  const { header } = etcdserverpb.PutResponse.decode(await lab.reply("put", encodePut("a", "1")));
  assert.equal(longToBigint(header?.memberId), id);
  assert.equal(longToBigint(header?.clusterId), clusterId);
  assert.equal(longToNumber(header?.revision), 2);
  assert.equal(longToNumber(header?.raftTerm), 2);

  const ranged = await lab.reply("range", encodeRange("a"));
  assert.deepEqual(rangeAnswer(etcdserverpb.RangeResponse.decode(ranged)), {
    revision: 2,
    kvs: [kv("a", "1", 2, 2, 1)],
    count: 1,
    more: false,
  });

  const txn = encodeTxn({ compare: [compare("mod", "a", "=", 2)], success: [put("b", "2")] });
  const txned = txnAnswer(etcdserverpb.TxnResponse.decode(await lab.reply("txn", txn)));
  assert.deepEqual(txned, {
    revision: 3,
    succeeded: true,
    answers: [{ op: "put", revision: 3, prev: undefined }],
  });

  const deleted = await lab.reply("deleteRange", encodeDelete("a", "z", true));
  const answer = etcdserverpb.DeleteRangeResponse.decode(deleted);
  assert.equal(longToNumber(answer.deleted), 2);
  assert.equal(answer.prevKvs.length, 2);
});

test("a put answers with the previous pair when asked", async () => {
  const lab = await Lab.open();
  await lab.call("put", encodePut("a", "1"));
  const bytes = await lab.reply("put", encodePut("a", "2", { prevKv: true }));
  const { prevKv } = etcdserverpb.PutResponse.decode(bytes);
  assert.equal(Buffer.from(prevKv?.value ?? []).toString(), "1");
});

test("calls of one turn are answered in one batch, each with its own revision", async () => {
  const lab = await Lab.open();
  const calls = Array.from({ length: 20 }, () => new RecordedCall());
  for (const [at, call] of calls.entries()) lab.begin(call, "put", encodePut(`k${at}`, "v"));
  await lab.world.pass(50);
  const revisions = calls.map(({ replies }) =>
    longToNumber(etcdserverpb.PutResponse.decode(replies[0] as Uint8Array).header?.revision),
  );
  assert.deepEqual(
    revisions,
    calls.map((_, at) => at + 2),
  );
});

test("a serializable range is answered at once, a linearizable one in a later turn", async () => {
  const lab = await Lab.open();
  const local = new RecordedCall();
  lab.begin(local, "range", encodeRange("a", { serializable: true }));
  assert.equal(local.replies.length, 1);
  const linearizable = new RecordedCall();
  lab.begin(linearizable, "range", encodeRange("a"));
  assert.equal(linearizable.isOver, false);
  await lab.world.pass(50);
  assert.equal(linearizable.replies.length, 1);
});

test("a read-only transaction writes no entry; a serializable one is answered at once", async () => {
  const lab = await Lab.open();
  await lab.call("put", encodePut("a", "1"));
  const { applied } = lab.member.raft;
  const bytes = await lab.reply("txn", encodeTxn({ success: [range("a")] }));
  const { answers, revision } = txnAnswer(etcdserverpb.TxnResponse.decode(bytes));
  assert.equal(revision, 2);
  assert.deepEqual(answers, [
    { op: "range", revision: 2, kvs: [kv("a", "1", 2, 2, 1)], count: 1, more: false },
  ]);
  const local = new RecordedCall();
  lab.begin(local, "txn", encodeTxn({ success: [range("a", { serializable: true })] }));
  assert.equal(local.replies.length, 1);
  assert.equal(lab.member.raft.applied, applied);
});

test("refusals come with their row of the table and write nothing", async () => {
  const lab = await Lab.open();
  const before = lab.member.raft.applied;
  const cases: readonly [Method, Uint8Array, keyof typeof statusOf][] = [
    ["put", encodePut("", "1"), "EmptyKey"],
    ["put", encodePut("a", "x".repeat(1000)), "RequestTooLarge"],
    ["range", encodeRange(""), "EmptyKey"],
    ["range", encodeRange("a", { order: 9 }), "InvalidSortOption"],
    ["range", encodeRange("a", { revision: 99 }), "FutureRev"],
    ["range", encodeRange("a", { revision: 99, serializable: true }), "FutureRev"],
    ["deleteRange", encodeDelete(""), "EmptyKey"],
    ["txn", encodeTxn({ success: [put("a", ""), put("a", "")] }), "DuplicateKey"],
    ["txn", encodeTxn({ success: [range("a", { revision: 99 })] }), "FutureRev"],
    ["txn", encodeTxn({ success: Array.from({ length: 5 }, () => range("a")) }), "TooManyOps"],
  ];
  for (const [method, message, error] of cases) {
    const { failures } = await lab.call(method, message);
    assert.deepEqual(failures, [statusOf[error]], `${method} ${error}`);
  }
  assert.equal(lab.member.raft.applied, before);
});

test("what only the applied state can refuse is refused behind the log", async () => {
  const lab = await Lab.open();
  const lease = await lab.call("put", encodePut("a", "1", { lease: 1n }));
  assert.deepEqual(lease.failures, [statusOf.LeaseNotFound]);
  const missing = await lab.call("put", encodePut("a", "", { ignoreValue: true }));
  assert.deepEqual(missing.failures, [statusOf.KeyNotFound]);
  const future = { success: [put("a", "1"), range("a", { revision: 99 })] };
  assert.deepEqual((await lab.call("txn", encodeTxn(future))).failures, [statusOf.FutureRev]);
});

test("bytes that are no message are refused, whatever the method", async () => {
  const lab = await Lab.open();
  for (const method of ["put", "range", "deleteRange", "txn"] as const) {
    const { failures } = await lab.call(method, Uint8Array.of(0x0a, 0x05, 0x61));
    assert.deepEqual(
      failures.map(({ code }) => code),
      [13],
    );
  }
});

test("a full store refuses writes that store something, and lets deletes and reads through", async () => {
  const lab = await Lab.open(600);
  assert.equal((await lab.call("put", encodePut("a", "x".repeat(300)))).failures.length, 0);
  const full = await lab.call("put", encodePut("b", "x".repeat(300)));
  assert.deepEqual(full.failures, [statusOf.NoSpace]);
  const txn = await lab.call("txn", encodeTxn({ failure: [put("b", "x".repeat(300))] }));
  assert.deepEqual(txn.failures, [statusOf.NoSpace]);
  assert.equal((await lab.call("range", encodeRange("a"))).replies.length, 1);
  assert.equal((await lab.call("deleteRange", encodeDelete("a"))).replies.length, 1);
  assert.equal((await lab.call("txn", encodeTxn({ success: [range("a")] }))).replies.length, 1);
});

test("a call that is over when its answer comes is passed over, its write stands", async () => {
  const lab = await Lab.open();
  const call = new RecordedCall();
  lab.begin(call, "put", encodePut("a", "1"));
  call.cancel();
  await lab.world.pass(50);
  assert.deepEqual(call.replies, []);
  assert.equal(lab.member.store.currentRevision, 2);
});

test("a stopped member refuses calls as etcd does", async () => {
  const lab = await Lab.open();
  await lab.world.settled(lab.member.stop());
  for (const [method, message] of [
    ["put", encodePut("a", "1")],
    ["range", encodeRange("a")],
  ] as const) {
    assert.deepEqual((await lab.call(method, message)).failures, [statusOf.Stopped]);
  }
});

test("MemberList names the members, with a revision of 0", async () => {
  const { member, world } = await Lab.open();
  const service = new ClusterService(member);
  for (const linearizable of [true, false]) {
    const call = new RecordedCall();
    const message = etcdserverpb.MemberListRequest.encode({ linearizable }).finish();
    service.memberList(call, message, 0, message.length);
    await world.pass(50);
    const answer = etcdserverpb.MemberListResponse.decode(call.replies[0] as Uint8Array);
    assert.equal(longToNumber(answer.header?.revision), 0);
    assert.equal(longToBigint(answer.header?.clusterId), member.clusterId);
    assert.deepEqual(
      answer.members.map((one) => [longToBigint(one.ID), one.name, one.peerURLs, one.clientURLs]),
      [[member.id, "m1", ["http://localhost:2380"], ["http://localhost:2379"]]],
    );
  }
  const torn = new RecordedCall();
  service.memberList(torn, Uint8Array.of(0x08), 0, 1);
  assert.equal(torn.failures[0]?.code, 13);
});

test("Status tells leader, revision and the marks of raft", async () => {
  const lab = await Lab.open();
  await lab.call("put", encodePut("a", "1"));
  const call = new RecordedCall();
  new MaintenanceService(lab.member, 1000).status(call);
  const status = etcdserverpb.StatusResponse.decode(call.replies[0] as Uint8Array);
  const { raft, store, id } = lab.member;
  assert.equal(status.version, "3.7.1");
  assert.equal(longToBigint(status.leader), id);
  assert.equal(longToNumber(status.header?.revision), 2);
  assert.equal(longToNumber(status.raftIndex), raft.committed);
  assert.equal(longToNumber(status.raftAppliedIndex), raft.applied);
  assert.equal(longToNumber(status.raftTerm), 2);
  assert.equal(longToNumber(status.dbSize), store.logicalBytes);
  assert.equal(longToNumber(status.dbSizeQuota), 1000);
  assert.deepEqual(status.errors, []);
});

test("alarms can be listed, of which there are none, and not raised", async () => {
  const { member } = await Lab.open();
  const service = new MaintenanceService(member, 1000);
  const { GET, ACTIVATE, DEACTIVATE } = etcdserverpb.AlarmRequest.AlarmAction;
  const ask = (action: etcdserverpb.AlarmRequest.AlarmAction): RecordedCall => {
    const call = new RecordedCall();
    const message = etcdserverpb.AlarmRequest.encode({ action }).finish();
    service.alarm(call, message, 0, message.length);
    return call;
  };
  const answer = etcdserverpb.AlarmResponse.decode(ask(GET).replies[0] as Uint8Array);
  assert.deepEqual(answer.alarms, []);
  assert.equal(ask(ACTIVATE).failures[0]?.code, 12);
  assert.equal(ask(DEACTIVATE).failures[0]?.code, 12);
});
