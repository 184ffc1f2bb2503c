/** The alarms that members have raised, as applied so far, in the bucket `alarm` (etcd api/v3alarm/alarms.go). */
import type { Backend } from "../backend/backend.ts";
import { emptyBytes } from "../lib/bytes.ts";
import {
  type AlarmMember,
  alarmType,
  decodeAlarmMember,
  encodeAlarmMember,
} from "../proto/alarm-codec.ts";

export class Alarms {
  /** Some member's store is full: what adds to it is refused by all. */
  isNoSpace = false;
  /** Some member's state is not that of the others: everything is refused. */
  isCorrupt = false;
  private readonly backend: Backend;
  /** By type, then by member. */
  private raised: readonly AlarmMember[];

  /** Reads what the backend holds. */
  constructor(backend: Backend) {
    this.backend = backend;
    this.raised = sorted(backend.entries("alarm").map(({ key }) => decodeAlarmMember(key)));
    this.refresh();
  }

  /** Those of one type; all for `alarmType.none`. */
  list(alarm: number): readonly AlarmMember[] {
    return alarm === alarmType.none ? this.raised : this.raised.filter((it) => it.alarm === alarm);
  }

  /** Raising one that is raised changes nothing. */
  activate(alarm: AlarmMember): void {
    if (this.isRaised(alarm)) return;
    this.raised = sorted([...this.raised, alarm]);
    this.backend.put("alarm", encodeAlarmMember(alarm), emptyBytes);
    this.refresh();
  }

  /** False when it was not raised. */
  deactivate(alarm: AlarmMember): boolean {
    if (!this.isRaised(alarm)) return false;
    this.raised = this.raised.filter((it) => !isSame(it, alarm));
    this.backend.delete("alarm", encodeAlarmMember(alarm));
    this.refresh();
    return true;
  }

  private isRaised(alarm: AlarmMember): boolean {
    return this.raised.some((it) => isSame(it, alarm));
  }

  private refresh(): void {
    this.isNoSpace = this.list(alarmType.noSpace).length > 0;
    this.isCorrupt = this.list(alarmType.corrupt).length > 0;
  }
}

const isSame = (a: AlarmMember, b: AlarmMember): boolean =>
  a.alarm === b.alarm && a.memberId === b.memberId;

const sorted = (alarms: readonly AlarmMember[]): readonly AlarmMember[] =>
  alarms.toSorted((a, b) =>
    a.alarm === b.alarm ? (a.memberId < b.memberId ? -1 : 1) : a.alarm - b.alarm,
  );
