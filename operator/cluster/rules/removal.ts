/**
 * Rules for what is left of a member that etcd does not list any more: Pod, then claim, then EtcdMember. Its identity is dead, and so is its name: a
 * Pod that came back with the old data would crash for ever (operators.md 3.6, rows 5 and 6).
 */
import type { MemberView } from "../member-view.ts";
import { nodeOf } from "../pod-state.ts";
import { type Answer, type Look, type MemberRule, step, wait } from "../rule.ts";
import { isForCorruption } from "./corrupt.ts";

/** After identity: the list is that of this cluster. Several such members do not wait for each other, nor anybody for a node that is lost. */
export const cleanUpRemoved: MemberRule = (look, seen) => {
  if (seen.standing !== "Removed") return undefined;
  return podGoes(seen) ?? claimGoes(look, seen) ?? memberGoes(seen);
};

function podGoes({ name, pod, podState }: MemberView): Answer {
  if (pod === undefined) return undefined;
  if (podState.kind === "terminating") {
    return wait(
      "PodTerminating",
      `the pod of removed member ${name} is ending on node ${nodeOf(pod) ?? "unknown"}`,
    );
  }
  return step({
    kind: "delete",
    object: pod,
    reason: "DeletedPod",
    message: `the pod of member ${name}, which etcd does not list any more, is deleted`,
  });
}

/** Only its own: a claim with another uid than the latched one is somebody else's data under its name. */
function claimGoes(look: Look, { name, member, volumeClaim }: MemberView): Answer {
  if (volumeClaim === undefined || isVolumeKept(look, name)) return undefined;
  const { uid, deletionTimestamp } = volumeClaim.metadata;
  const latched = member.status?.volumeClaimUID;
  if (latched !== undefined && latched !== uid) return undefined;
  if (deletionTimestamp !== undefined) {
    return wait("VolumeTerminating", `volume claim ${volumeClaim.metadata.name} is being deleted`);
  }
  return step({
    kind: "delete",
    object: volumeClaim,
    reason: "DeletedVolume",
    message: `volume claim ${volumeClaim.metadata.name} of removed member ${name} is deleted, as spec.storage.reclaim.onScaleDown says`,
  });
}

function memberGoes({ name, member }: MemberView): Answer {
  if (member.metadata.deletionTimestamp !== undefined) {
    return wait("MemberTerminating", `EtcdMember ${name} is being deleted`);
  }
  return step({
    kind: "delete",
    object: member,
    reason: "DeletedMember",
    message: `EtcdMember ${name} is deleted: etcd does not list it any more`,
  });
}

/** Data that differs from that of the others is evidence, whatever the policy is. */
function isVolumeKept({ cluster, latched }: Look, name: string): boolean {
  return (
    cluster.spec.storage.reclaim.onScaleDown === "Retain" ||
    (latched.replacements ?? []).some(
      ({ memberName, reason }) => memberName === name && isForCorruption(reason),
    )
  );
}
