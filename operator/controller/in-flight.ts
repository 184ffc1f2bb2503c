/** Which steps the maintenance Lease is for, and how long it is held for them. */
import type { WaitReason } from "../cluster/conditions.ts";
import type { Plan, Step } from "../cluster/step.ts";

/** It ends a Pod, changes members or moves the lead: nobody may defragment or compact meanwhile, nor begin while somebody does. */
export function isDisruptive(step: Step): boolean {
  return step.kind === "etcd" || (step.kind === "delete" && step.object.kind === "Pod");
}

/** Waits that are not for the end of a change of ours. */
const othersWaits: ReadonlySet<WaitReason> = new Set<WaitReason>([
  "Paused",
  "MaintenanceRunning",
  "ServiceTerminating",
  "VolumeResizing",
  "EvictionRefused",
  "CorruptAlarm",
  "ComparingData",
  "CertificatesMissing",
  "CertificatesSpreading",
]);

/** Whether a change that was begun may not be over yet. */
export function isInFlight(plan: Plan): boolean {
  return plan.kind === "step" || (plan.kind === "wait" && !othersWaits.has(plan.reason));
}
