/** What alarms keep away, entry by entry: members that differ here differ in their states (etcd's applierV3Capped and applierV3Corrupt). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Alarms } from "../../../node/membership/alarms.ts";
import { alarmAction, alarmType } from "../../../node/proto/alarm-codec.ts";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { Writer } from "../../../node/proto/wire.ts";
import { encodeDelete, encodePut, encodeRange, encodeTxn, Lab, put } from "./apply-lab.ts";

const id = 2n ** 64n - 1n;

function encodeAlarm(action: number, alarm: number, memberId = id): Uint8Array {
  const writer = new Writer();
  writer.numberField(1, action);
  writer.bigintField(2, memberId);
  writer.numberField(3, alarm);
  return writer.finish();
}

const raise = (lab: Lab, alarm: number): void =>
  void lab.apply(internalRequest.alarm, encodeAlarm(alarmAction.activate, alarm));

const outcome = (lab: Lab, field: number, message: Uint8Array): string => {
  const result = lab.apply(field, message);
  return result.kind === "refused" ? result.error : result.kind;
};

const compactTo2 = new Uint8Array([0x08, 0x02]);
const requests: readonly (readonly [string, number, Uint8Array])[] = [
  ["put", internalRequest.put, encodePut("a", "2")],
  ["txn that may put", internalRequest.txn, encodeTxn({ failure: [put("b", "1")] })],
  ["txn that cannot", internalRequest.txn, encodeTxn({})],
  ["delete", internalRequest.deleteRange, encodeDelete("a")],
  ["range", internalRequest.range, encodeRange("a")],
  ["compaction", internalRequest.compaction, compactTo2],
];

const under = async (...alarms: readonly number[]): Promise<Record<string, string>> => {
  const lab = await Lab.open();
  lab.put("a", "1");
  for (const alarm of alarms) raise(lab, alarm);
  return Object.fromEntries(
    requests.map(([name, field, message]) => [name, outcome(lab, field, message)]),
  );
};

test("without space what may add to the store is refused, and what frees it passes", async () => {
  assert.deepEqual(await under(alarmType.noSpace), {
    put: "NoSpace",
    "txn that may put": "NoSpace",
    "txn that cannot": "txn",
    delete: "deleteRange",
    range: "done",
    compaction: "compaction",
  });
});

test("with a corrupt member nothing of the keys is read or changed", async () => {
  const all = await under(alarmType.noSpace, alarmType.corrupt);
  assert.deepEqual(new Set(Object.values(all)), new Set(["Corrupt"]));
});

test("an alarm counts until every member's is disarmed, over restarts too", async () => {
  const lab = await Lab.open();
  raise(lab, alarmType.noSpace);
  raise(lab, alarmType.noSpace);
  const other = encodeAlarm(alarmAction.activate, alarmType.noSpace, 5n);
  lab.apply(internalRequest.alarm, other);
  const again = new Alarms(lab.backend);
  assert.deepEqual(again.list(alarmType.none), [
    { memberId: 5n, alarm: alarmType.noSpace },
    { memberId: id, alarm: alarmType.noSpace },
  ]);
  assert.equal(again.isNoSpace, true);
  const disarm = (memberId: bigint): unknown =>
    lab.apply(
      internalRequest.alarm,
      encodeAlarm(alarmAction.deactivate, alarmType.noSpace, memberId),
    );
  disarm(5n);
  assert.equal(outcome(lab, internalRequest.put, encodePut("a", "1")), "NoSpace");
  disarm(id);
  assert.equal(outcome(lab, internalRequest.put, encodePut("a", "1")), "put");
  assert.deepEqual(disarm(id), { kind: "alarms", alarms: [] });
});

test("what a later version may ask of alarms changes nothing", async () => {
  const lab = await Lab.open();
  for (const message of [encodeAlarm(7, alarmType.noSpace), encodeAlarm(alarmAction.activate, 0)]) {
    assert.deepEqual(lab.apply(internalRequest.alarm, message), { kind: "alarms", alarms: [] });
  }
  assert.equal(lab.alarms.isNoSpace, false);
});
