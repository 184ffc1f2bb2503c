import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { longToBigint, longToNumber } from "../../../node/proto/long.ts";
import { statusOf } from "../../../node/rpc/errors.ts";
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
import { RecordedCall } from "./recorded-call.ts";
import { type KvMethod, RpcLab } from "./rpc-lab.ts";

test("put, range, delete-range and txn answer under the member's header", async () => {
  const lab = await RpcLab.open();
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
  const lab = await RpcLab.open();
  await lab.call("put", encodePut("a", "1"));
  const bytes = await lab.reply("put", encodePut("a", "2", { prevKv: true }));
  const { prevKv } = etcdserverpb.PutResponse.decode(bytes);
  assert.equal(Buffer.from(prevKv?.value ?? []).toString(), "1");
});

test("calls of one turn are answered in one batch, each with its own revision", async () => {
  const lab = await RpcLab.open();
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
  const lab = await RpcLab.open();
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
  const lab = await RpcLab.open();
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
  const lab = await RpcLab.open();
  const before = lab.member.raft.applied;
  const cases: readonly [KvMethod, Uint8Array, keyof typeof statusOf][] = [
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
  const lab = await RpcLab.open();
  const lease = await lab.call("put", encodePut("a", "1", { lease: 1n }));
  assert.deepEqual(lease.failures, [statusOf.LeaseNotFound]);
  const missing = await lab.call("put", encodePut("a", "", { ignoreValue: true }));
  assert.deepEqual(missing.failures, [statusOf.KeyNotFound]);
  const future = { success: [put("a", "1"), range("a", { revision: 99 })] };
  assert.deepEqual((await lab.call("txn", encodeTxn(future))).failures, [statusOf.FutureRev]);
});

test("bytes that are no message are refused, whatever the method", async () => {
  const lab = await RpcLab.open();
  for (const method of ["put", "range", "deleteRange", "txn"] as const) {
    const { failures } = await lab.call(method, Uint8Array.of(0x0a, 0x05, 0x61));
    assert.deepEqual(
      failures.map(({ code }) => code),
      [13],
    );
  }
});

test("a full store refuses writes that store something, and lets deletes and reads through", async () => {
  const lab = await RpcLab.open({ config: { quotaBackendBytes: 800 } });
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
  const lab = await RpcLab.open();
  const call = new RecordedCall();
  lab.begin(call, "put", encodePut("a", "1"));
  call.cancel();
  await lab.world.pass(50);
  assert.deepEqual(call.replies, []);
  assert.equal(lab.member.store.currentRevision, 2);
});

test("a stopped member refuses calls as etcd does", async () => {
  const lab = await RpcLab.open();
  await lab.world.settled(lab.member.stop());
  for (const [method, message] of [
    ["put", encodePut("a", "1")],
    ["range", encodeRange("a")],
  ] as const) {
    assert.deepEqual((await lab.call(method, message)).failures, [statusOf.Stopped]);
  }
});
