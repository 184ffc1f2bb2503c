/** What the services say and do when there is no space, and how there is some again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes } from "../../../node/lib/bytes.ts";
import { alarmAction, alarmType, encodeAlarmRequest } from "../../../node/proto/alarm-codec.ts";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { int64Long } from "../../../node/proto/long.ts";
import { statusOf } from "../../../node/rpc/errors.ts";
import { LeaderWatch } from "../../../node/rpc/leader-watch.ts";
import { LeaseService } from "../../../node/rpc/lease.ts";
import { MaintenanceService } from "../../../node/rpc/maintenance.ts";
import { encodeDelete, encodePut, encodeRange } from "../apply/apply-lab.ts";
import { RecordedCall } from "./recorded-call.ts";
import { RpcLab } from "./rpc-lab.ts";

const noSpace = [statusOf.NoSpace];
const large = encodePut("a", "x".repeat(10_000));

const open = (): Promise<RpcLab> =>
  RpcLab.open({ config: { quotaBackendBytes: 40_000, requestBytesMax: 100_000 } });

async function fill(lab: RpcLab): Promise<void> {
  for (let at = 0; at < 3; at++) assert.deepEqual((await lab.call("put", large)).failures, []);
}

const raised = (lab: RpcLab): bigint[] =>
  lab.member.alarms.list(alarmType.noSpace).map(({ memberId }) => memberId);

async function grant(lab: RpcLab): Promise<RecordedCall> {
  const { member, admission } = lab;
  const { timers, electionTimeoutMs } = member;
  const hasLeader = (): boolean => member.hasLeader;
  const leaderWatch = new LeaderWatch({ timers, electionTimeoutMs, hasLeader });
  const service = new LeaseService({
    member,
    admission,
    leaderWatch,
    newId: () => member.newRequestId(),
  });
  const call = new RecordedCall();
  service.grant(call, etcdserverpb.LeaseGrantRequest.encode({ TTL: int64Long(60n) }).finish());
  await lab.world.pass(50);
  return call;
}

async function defragment(lab: RpcLab): Promise<RecordedCall> {
  const call = new RecordedCall();
  new MaintenanceService(lab.member, lab.admission).defragment(call, emptyBytes);
  await lab.world.pass(500);
  return call;
}

test("a request that exceeds the quota is refused when the alarm is raised, which many share", async () => {
  const lab = await open();
  await fill(lab);
  const before = lab.member.raft.applied;
  const calls = Array.from({ length: 5 }, () => new RecordedCall());
  for (const call of calls) lab.begin(call, "put", large);
  assert.deepEqual(
    calls.map(({ isOver }) => isOver),
    [false, false, false, false, false],
  );
  await lab.world.pass(50);
  for (const { failures } of calls) assert.deepEqual(failures, noSpace);
  assert.deepEqual(raised(lab), [lab.member.id]);
  assert.equal(lab.member.raft.applied, before + 1);
  assert.equal(lab.member.store.currentRevision, 4);
});

test("under the alarm what takes space is refused, however little, and all else passes", async () => {
  const lab = await open();
  await fill(lab);
  await lab.call("put", large);
  const small = encodePut("b", "1");
  assert.deepEqual((await lab.call("put", small)).failures, noSpace);
  assert.deepEqual((await grant(lab)).failures, noSpace);
  assert.equal((await lab.call("range", encodeRange("a"))).replies.length, 1);
  assert.equal((await lab.call("deleteRange", encodeDelete("a"))).replies.length, 1);
});

test("compaction, defragmentation and disarming make room again, in this order and no earlier", async () => {
  const lab = await open();
  await fill(lab);
  await lab.call("put", large);
  const compaction = etcdserverpb.CompactionRequest.encode({ revision: int64Long(4n) }).finish();
  await lab.reply("compact", compaction);
  await lab.world.pass(100);
  const { store, quota, id } = lab.member;
  assert.ok(store.freedBytes > 15_000);
  assert.equal(quota.isExceededBy(10_300), true);
  const { replies, failures } = await defragment(lab);
  assert.deepEqual([replies.map((bytes) => bytes.length), failures], [[0], []]);
  assert.equal(store.freedBytes, 0);
  assert.equal(quota.isExceededBy(10_300), false);
  assert.deepEqual((await lab.call("put", large)).failures, noSpace);
  const disarm = encodeAlarmRequest({
    action: alarmAction.deactivate,
    memberId: id,
    alarm: alarmType.noSpace,
  });
  await lab.world.propose(lab.member, internalRequest.alarm, disarm);
  assert.deepEqual((await lab.call("put", large)).failures, []);
  assert.equal((await grant(lab)).failures.length, 0);
});

test("an entry that another member let in is executed, refused here, and raises this member's alarm", async () => {
  const lab = await open();
  await fill(lab);
  assert.equal(await lab.world.propose(lab.member, internalRequest.put, large), "NoSpace");
  assert.equal(lab.member.store.currentRevision, 5);
  assert.deepEqual(raised(lab), [lab.member.id]);
  assert.equal(await lab.world.propose(lab.member, internalRequest.put, large), "NoSpace");
  assert.equal(lab.member.store.currentRevision, 5);
});

test("a stopped member says so", async () => {
  const lab = await open();
  await lab.world.settled(lab.member.stop());
  const { failures } = await defragment(lab);
  assert.deepEqual(failures, [statusOf.Stopped]);
});
