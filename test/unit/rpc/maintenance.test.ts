import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes } from "../../../node/lib/bytes.ts";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import {
  int64Long,
  type Long,
  longToBigint,
  longToNumber,
  uint64Long,
} from "../../../node/proto/long.ts";
import { statusOf } from "../../../node/rpc/errors.ts";
import { MaintenanceService } from "../../../node/rpc/maintenance.ts";
import { encodePut } from "../apply/apply-lab.ts";
import { RecordedCall } from "./recorded-call.ts";
import { RpcLab } from "./rpc-lab.ts";

test("Status tells leader, revision and the marks of raft", async () => {
  const config = { requestBytesMax: 10_000, quotaBackendBytes: 10_000 };
  const lab = await RpcLab.open({ config });
  await lab.call("put", encodePut("a", "x".repeat(5000)));
  const call = new RecordedCall();
  new MaintenanceService(lab.member, lab.admission).status(call, emptyBytes);
  const status = etcdserverpb.StatusResponse.decode(call.replies[0] as Uint8Array);
  const { raft, store, id } = lab.member;
  assert.equal(status.version, "3.7.1");
  assert.equal(longToBigint(status.leader), id);
  assert.equal(longToNumber(status.header?.revision), 2);
  assert.equal(longToNumber(status.raftIndex), raft.committed);
  assert.equal(longToNumber(status.raftAppliedIndex), raft.applied);
  assert.equal(longToNumber(status.raftTerm), 2);
  assert.equal(longToNumber(status.dbSize), store.logicalBytes);
  assert.equal(longToNumber(status.dbSizeInUse), store.logicalBytes);
  assert.equal(longToNumber(status.dbSizeQuota), 10_000);
  assert.deepEqual(status.errors, []);
});

test("alarms are raised, listed and disarmed through the log, and Status tells them", async () => {
  const lab = await RpcLab.open();
  const service = new MaintenanceService(lab.member, lab.admission);
  const { GET, ACTIVATE, DEACTIVATE } = etcdserverpb.AlarmRequest.AlarmAction;
  const { NONE, NOSPACE, CORRUPT } = etcdserverpb.AlarmType;
  const memberID = uint64Long(2n ** 63n + 3n);
  const ask = async (
    action: etcdserverpb.AlarmRequest.AlarmAction,
    alarm: etcdserverpb.AlarmType,
  ): Promise<string[]> => {
    const call = new RecordedCall();
    service.alarm(call, etcdserverpb.AlarmRequest.encode({ action, alarm, memberID }).finish());
    await lab.world.pass(50);
    const answer = etcdserverpb.AlarmResponse.decode(call.replies[0] as Uint8Array);
    return answer.alarms.map((it) => `${longToBigint(it.memberID as Long)} ${it.alarm}`);
  };
  const errors = (): readonly string[] => {
    const call = new RecordedCall();
    service.status(call, emptyBytes);
    return etcdserverpb.StatusResponse.decode(call.replies[0] as Uint8Array).errors;
  };
  assert.deepEqual(await ask(GET, NONE), []);
  assert.deepEqual(await ask(ACTIVATE, NONE), []);
  assert.deepEqual(await ask(ACTIVATE, NOSPACE), ["9223372036854775811 1"]);
  assert.deepEqual(await ask(GET, NONE), ["9223372036854775811 1"]);
  assert.deepEqual(await ask(GET, CORRUPT), []);
  assert.deepEqual(errors(), ["memberID:9223372036854775811 alarm:NOSPACE"]);
  const refused = await lab.call("put", encodePut("a", "1"));
  assert.equal(refused.failures[0]?.text, "etcdserver: mvcc: database space exceeded");
  assert.deepEqual(await ask(DEACTIVATE, CORRUPT), []);
  assert.deepEqual(await ask(DEACTIVATE, NOSPACE), ["9223372036854775811 1"]);
  assert.deepEqual(errors(), []);
  assert.deepEqual((await lab.call("put", encodePut("a", "1"))).failures, []);
});

test("the size of a store without keys is not 0: etcdctl divides by it", async () => {
  const lab = await RpcLab.open({ config: { quotaBackendBytes: -1 } });
  const call = new RecordedCall();
  new MaintenanceService(lab.member, lab.admission).status(call, emptyBytes);
  const status = etcdserverpb.StatusResponse.decode(call.replies[0] as Uint8Array);
  assert.ok(longToNumber(status.dbSize) > 0);
  assert.ok(longToNumber(status.dbSizeInUse) > 0);
  assert.equal(longToNumber(status.dbSizeQuota), -1);
});

test("compaction moves bytes from use to free, and HashKV tells what it was of", async () => {
  const lab = await RpcLab.open({ config: { requestBytesMax: 100_000 } });
  for (let at = 0; at < 4; at++) await lab.call("put", encodePut("a", "x".repeat(10_000)));
  const service = new MaintenanceService(lab.member, lab.admission);
  const hashKv = async (revision: bigint): Promise<RecordedCall> => {
    const call = new RecordedCall();
    const request = { revision: int64Long(revision) };
    service.hashKv(call, etcdserverpb.HashKVRequest.encode(request).finish());
    await lab.world.pass(100);
    return call;
  };
  const answer = async (revision: bigint): Promise<readonly number[]> => {
    const bytes = (await hashKv(revision)).replies[0] as Uint8Array;
    const { header, compactRevision, hashRevision } = etcdserverpb.HashKVResponse.decode(bytes);
    return [header?.revision, compactRevision, hashRevision].map(longToNumber);
  };
  assert.deepEqual(await answer(0n), [5, -1, 5]);
  assert.deepEqual(await answer(3n), [5, -1, 3]);
  assert.deepEqual(await answer(-1n), [5, -1, -1]);
  assert.deepEqual((await hashKv(6n)).failures, [statusOf.FutureRev]);
  assert.deepEqual((await hashKv(2n ** 63n - 1n)).failures, [statusOf.FutureRev]);
  const compaction = etcdserverpb.CompactionRequest.encode({ revision: int64Long(4n) }).finish();
  await lab.reply("compact", compaction);
  await lab.world.pass(100);
  assert.deepEqual(await answer(0n), [5, 4, 5]);
  assert.deepEqual((await hashKv(3n)).failures, [statusOf.Compacted]);
  const call = new RecordedCall();
  service.status(call, emptyBytes);
  const status = etcdserverpb.StatusResponse.decode(call.replies[0] as Uint8Array);
  const { logicalBytes, freedBytes } = lab.member.store;
  assert.ok(freedBytes > 20_000);
  assert.equal(longToNumber(status.dbSize), logicalBytes + freedBytes);
  assert.equal(longToNumber(status.dbSizeInUse), logicalBytes);
});

test("Hash is of the backend at the revision its header tells", async () => {
  const lab = await RpcLab.open();
  await lab.call("put", encodePut("a", "1"));
  const service = new MaintenanceService(lab.member, lab.admission);
  const hashes = [];
  for (const value of ["1", "2"]) {
    await lab.call("put", encodePut("a", value));
    const call = new RecordedCall();
    service.hash(call, emptyBytes);
    await lab.world.pass(100);
    hashes.push(etcdserverpb.HashResponse.decode(call.replies[0] as Uint8Array));
  }
  assert.deepEqual(
    hashes.map(({ header }) => longToNumber(header?.revision)),
    [3, 4],
  );
  assert.notEqual(hashes[0]?.hash, hashes[1]?.hash);
});
