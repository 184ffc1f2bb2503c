import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { numberLong } from "../../../node/proto/long.ts";
import { statusOf } from "../../../node/rpc/errors.ts";
import { KvService } from "../../../node/rpc/kv.ts";
import { SliceQueue } from "../../../node/rpc/slice-queue.ts";
import type { MemberConfig } from "../../../node/server/member-options.ts";
import {
  compare,
  encodeDelete,
  encodePut,
  encodeRange,
  encodeTxn,
  put,
  range,
  rangeAnswer,
  txnAnswer,
} from "../apply/apply-lab.ts";
import { RecordedCall } from "./recorded-call.ts";
import { RpcLab } from "./rpc-lab.ts";

/** More than two slices of keys. */
const keys = 3000;
const name = (at: number): string => `k${String(at).padStart(4, "0")}`;

async function open(config: Partial<MemberConfig> = {}): Promise<RpcLab> {
  const lab = await RpcLab.open({ config: { requestBytesMax: 1_000_000, ...config } });
  for (let at = 0; at < keys; at += 4) {
    const success = [0, 1, 2, 3].map((sub) => put(name(at + sub), "v"));
    await lab.reply("txn", encodeTxn({ success }));
  }
  return lab;
}

const answerOf = (call: RecordedCall): ReturnType<typeof rangeAnswer> =>
  rangeAnswer(etcdserverpb.RangeResponse.decode(call.replies[0] as Uint8Array));

const all = (serializable: boolean): Uint8Array => encodeRange("k", { end: "l", serializable });

/** Writes between the slices of what is asked for. */
async function askWhileWriting(
  lab: RpcLab,
  begin: (call: RecordedCall) => void,
): Promise<RecordedCall> {
  const call = new RecordedCall();
  begin(call);
  for (let at = 0; !call.isOver; at++) await lab.reply("put", encodePut(name(at), "changed"));
  return call;
}

test("a long range comes in one answer, of the revision in its header, however long it took", async () => {
  const lab = await open();
  const { currentRevision } = lab.member.store;
  for (const serializable of [true, false]) {
    const before = lab.member.store.currentRevision;
    const call = await askWhileWriting(lab, (one) => lab.begin(one, "range", all(serializable)));
    const { kvs, count, more, revision } = answerOf(call);
    assert.deepEqual([kvs.length, count, more], [keys, keys, false]);
    assert.equal(revision, Math.max(...kvs.map(({ mod }) => mod), currentRevision));
    assert.ok(lab.member.store.currentRevision > before);
  }
});

test("a long transaction that reads sees one revision", async () => {
  const lab = await open();
  const success = [range("k", { end: "l" }), range(name(0)), range("k", { end: "l" })];
  const call = await askWhileWriting(lab, (one) => lab.begin(one, "txn", encodeTxn({ success })));
  const { answers, revision } = txnAnswer(
    etcdserverpb.TxnResponse.decode(call.replies[0] as Uint8Array),
  );
  assert.deepEqual(answers[0], answers[2]);
  for (const answer of answers) assert.equal(answer.op === "range" && answer.revision, revision);
});

test("a range that the turn has no time for is answered later, from its own copy of the request", async () => {
  const lab = await open();
  const { member, admission } = lab;
  let nowMs = 0;
  // Each look at the clock is 3 ms later: the second range of a turn finds no time left.
  const clock = { monotonicMs: () => (nowMs += 3), unixMs: () => 0 };
  const slices = new SliceQueue({ clock, timers: member.timers });
  const kv = new KvService({ member, admission, slices, txnOpsMax: 4 });
  const calls = Array.from({ length: 4 }, () => new RecordedCall());
  for (const [at, call] of calls.entries()) {
    const message = encodeRange(name(at * 10), { end: name(at * 10 + 3), serializable: true });
    kv.range(call, message, 0, message.length);
    message.fill(0xff);
  }
  assert.deepEqual(
    calls.map(({ isOver }) => isOver),
    [true, true, false, false],
  );
  await lab.world.pass(50);
  for (const [at, call] of calls.entries()) {
    assert.deepEqual(
      answerOf(call).kvs.map(({ key }) => key),
      [0, 1, 2].map((sub) => name(at * 10 + sub)),
    );
  }
});

test("a call that is over ends its work, and does not hold up a compaction", async () => {
  const lab = await open();
  const call = new RecordedCall();
  lab.begin(call, "range", all(true));
  assert.equal(call.isOver, false);
  call.cancel();
  const revision = numberLong(lab.member.store.currentRevision);
  const message = etcdserverpb.CompactionRequest.encode({ revision, physical: true }).finish();
  const compaction = new RecordedCall();
  lab.begin(compaction, "compact", message);
  await lab.world.pass(2000);
  assert.equal(compaction.replies.length, 1);
  assert.deepEqual(call.replies, []);
});

test("a physical compaction answers when it is done, also when it comes too late", async () => {
  const lab = await open({ compactionBatchRecords: 50, compactionSleepMs: 20 });
  const compact = (physical: boolean): RecordedCall => {
    const call = new RecordedCall();
    const message = etcdserverpb.CompactionRequest.encode({ revision: numberLong(1200), physical });
    lab.begin(call, "compact", message.finish());
    return call;
  };
  for (let at = 0; at < 500; at++) await lab.reply("put", encodePut(name(at), "changed"));
  const first = compact(true);
  await lab.world.pass(1);
  const [late, lateAndSoon] = [compact(true), compact(false)];
  await lab.world.pass(2);
  assert.equal(lab.member.store.isCompacting, true);
  assert.deepEqual(lateAndSoon.failures, [statusOf.Compacted]);
  assert.equal(first.isOver || late.isOver, false);
  await lab.world.pass(2000);
  assert.equal(lab.member.store.isCompacting, false);
  assert.equal(first.replies.length, 1);
  assert.deepEqual(late.failures, [statusOf.Compacted]);
});

test("a member that stops refuses the compactions that wait", async () => {
  const lab = await open();
  for (let at = 0; at < 100; at++) await lab.reply("put", encodePut(name(at), "changed"));
  const call = new RecordedCall();
  const message = etcdserverpb.CompactionRequest.encode({
    revision: numberLong(800),
    physical: true,
  });
  lab.begin(call, "compact", message.finish());
  await lab.world.pass(2);
  await lab.world.settled(lab.member.stop());
  assert.deepEqual(call.failures, [statusOf.Stopped]);
});

test("serializable reads within a big delete see all of it or nothing of it", async () => {
  const lab = await open();
  const { member } = lab;
  const { world } = lab.world;
  lab.begin(new RecordedCall(), "deleteRange", encodeDelete("k", "l"));
  const until = world.monotonicMs() + 1000;
  world.after(0, () => undefined);
  assert.ok(await world.run(() => member.store.isWriting, until));
  const { currentRevision } = member.store;

  const ranged = new RecordedCall();
  lab.begin(ranged, "range", encodeRange("k", { end: "l", serializable: true, countOnly: true }));
  const single = new RecordedCall();
  lab.begin(single, "range", encodeRange(name(0), { serializable: true }));
  const txned = new RecordedCall();
  const count = range("k", { end: "l", serializable: true, countOnly: true });
  const compares = [
    compare("version", name(0), "=", 0),
    compare("version", name(keys - 1), "=", 0),
  ];
  lab.begin(txned, "txn", encodeTxn({ compare: compares, success: [count], failure: [] }));
  assert.equal(txned.isOver, false);
  await lab.world.pass(100);

  assert.equal(answerOf(ranged).count, keys);
  assert.equal(answerOf(ranged).revision, currentRevision);
  assert.equal(answerOf(single).count, 1);
  const { revision, succeeded, answers } = txnAnswer(
    etcdserverpb.TxnResponse.decode(txned.replies[0] as Uint8Array),
  );
  assert.equal(revision, currentRevision + 1);
  assert.equal(succeeded, true);
  assert.deepEqual(answers, [{ op: "range", revision, kvs: [], count: 0, more: false }]);
});
