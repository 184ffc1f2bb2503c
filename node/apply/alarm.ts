/** Alarms in the log: raising, disarming and listing are entries alike (etcd apply/apply.go, Alarm), and what they keep away. */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Alarms } from "../membership/alarms.ts";
import {
  type AlarmMember,
  type AlarmRequest,
  alarmAction,
  alarmType,
} from "../proto/alarm-codec.ts";
import { internalRequest } from "../proto/internal-raft-codec.ts";
import type { AlarmResult } from "./result.ts";

export function applyAlarm(alarms: Alarms, { action, ...alarm }: AlarmRequest): AlarmResult {
  return { kind: "alarms", alarms: changed(alarms, action, alarm) };
}

/** What the answer lists. An action of a later version changes nothing, as on etcd. */
function changed(alarms: Alarms, action: number, alarm: AlarmMember): readonly AlarmMember[] {
  switch (action) {
    case alarmAction.get:
      return alarms.list(alarm.alarm);
    case alarmAction.activate:
      if (alarm.alarm === alarmType.none) return [];
      alarms.activate(alarm);
      return [alarm];
    case alarmAction.deactivate:
      return alarms.deactivate(alarm) ? [alarm] : [];
    default:
      return [];
  }
}

/** Requests that change or read keys, or change leases; the others pass under every alarm. */
const ofKeys: ReadonlySet<number> = new Set([
  internalRequest.range,
  internalRequest.put,
  internalRequest.deleteRange,
  internalRequest.txn,
  internalRequest.compaction,
  internalRequest.leaseGrant,
  internalRequest.leaseRevoke,
]);

const takesSpace: ReadonlySet<number> = new Set([internalRequest.put, internalRequest.leaseGrant]);

/**
 * Why the request is refused under the alarms that are raised; undefined when it passes. A transaction is looked at by what it may put, and is not
 * decoded here: see `Applier` (etcd's applierV3Capped and applierV3Corrupt).
 */
export function refusedBy(alarms: Alarms, field: number): EtcdErrorKind | undefined {
  if (alarms.isCorrupt && ofKeys.has(field)) return "Corrupt";
  return alarms.isNoSpace && takesSpace.has(field) ? "NoSpace" : undefined;
}
