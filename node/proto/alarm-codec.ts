/** Alarms on the wire and in the backend: etcdserverpb.AlarmRequest and AlarmMember. */
import { Reader, Writer } from "./wire.ts";

/** etcdserverpb.AlarmType, with its wire numbers. Members of a later version may know more. */
export const alarmType = { none: 0, noSpace: 1, corrupt: 2 } as const;
export const alarmAction = { get: 0, activate: 1, deactivate: 2 } as const;

/** An alarm and the member it is of. */
export interface AlarmMember {
  readonly memberId: bigint;
  readonly alarm: number;
}

export interface AlarmRequest extends AlarmMember {
  readonly action: number;
}

/** Throws WireError. */
export function decodeAlarmRequest(bytes: Uint8Array): AlarmRequest {
  const reader = new Reader(bytes);
  const request = { action: 0, memberId: 0n, alarm: 0 };
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === 0x08) request.action = reader.varint();
    else if (tag === 0x10) request.memberId = reader.varint64();
    else if (tag === 0x18) request.alarm = reader.varint();
    else reader.skip(tag);
  }
  return request;
}

export function encodeAlarmRequest({ action, memberId, alarm }: AlarmRequest): Uint8Array {
  const writer = new Writer(16);
  writer.numberField(1, action);
  writer.bigintField(2, memberId);
  writer.numberField(3, alarm);
  return writer.finish();
}

/** As it is a key of the bucket `alarm`. */
export function encodeAlarmMember({ memberId, alarm }: AlarmMember): Uint8Array {
  const writer = new Writer(16);
  writer.bigintField(1, memberId);
  writer.numberField(2, alarm);
  return writer.finish();
}

/** Throws WireError. */
export function decodeAlarmMember(bytes: Uint8Array): AlarmMember {
  const reader = new Reader(bytes);
  const member = { memberId: 0n, alarm: 0 };
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === 0x08) member.memberId = reader.varint64();
    else if (tag === 0x10) member.alarm = reader.varint();
    else reader.skip(tag);
  }
  return member;
}
