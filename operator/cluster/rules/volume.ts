/** Rules for a member's volume. It holds acknowledged writes: the operator never deletes a claim, and knows the one it had by its uid. */

import { volumeClaimNameOf } from "../../resources/names.ts";
import { uidOf } from "../../resources/owners.ts";
import {
  buildVolumeClaim,
  hasOwnerByPolicy,
  ownedVolumeClaim,
} from "../../resources/volume-claim.ts";
import { type MemberRule, step, stuck, wait } from "../rule.ts";

/** A member whose volume is lost is lost: with an empty one it would be another, under the same id, that has forgotten what it voted and wrote. */
export const volumeLost: MemberRule = (_look, { member, volumeClaim }) => {
  const had = member.status?.volumeClaimUID;
  if (had === undefined) return undefined;
  const { name } = member.metadata;
  if (volumeClaim === undefined) {
    return stuck(
      "VolumeLost",
      `the volume claim of member ${name} is gone (uid ${had}), and with it the member's data; restore a backup into another EtcdCluster`,
    );
  }
  return uidOf(volumeClaim) === had
    ? undefined
    : stuck(
        "VolumeLost",
        `the volume claim of member ${name} is another one (uid ${uidOf(volumeClaim)}) than the member's own (uid ${had}), whose data is lost; restore a backup into another EtcdCluster`,
      );
};

/**
 * Deletion of a claim cannot be taken back, but it waits for the Pod: as long as the Pod lives the data does. So nothing may end the Pod, and this
 * stands before all rules that do. A claim that no Pod ever used is just waited for.
 */
export const volumeTerminating: MemberRule = (_look, { member, volumeClaim }) => {
  if (volumeClaim?.metadata.deletionTimestamp === undefined) return undefined;
  const claim = volumeClaim.metadata.name;
  return member.status?.volumeClaimUID === undefined
    ? wait("VolumeTerminating", `volume claim ${claim} is being deleted, and made anew after that`)
    : stuck(
        "VolumeDeletionPending",
        `somebody deleted volume claim ${claim}; the data of member ${member.metadata.name} is lost as soon as its pod ends: copy it out of the pod now, and do not delete the pod`,
      );
};

/** After volumeLost: a member without a claim never had one. */
export const createVolume: MemberRule = ({ cluster }, { member, volumeClaim }) =>
  volumeClaim !== undefined
    ? undefined
    : step({
        kind: "create",
        object: buildVolumeClaim(cluster, member),
        reason: "CreatedVolume",
        message: `volume claim ${volumeClaimNameOf(member.metadata.name)} of ${cluster.spec.storage.size} is created`,
      });

/** Before the Pod is: data that is written is on a volume whose loss will be seen. */
export const latchVolume: MemberRule = (_look, { member, volumeClaim }) => {
  if (volumeClaim === undefined || member.status?.volumeClaimUID !== undefined) return undefined;
  const volumeClaimUID = uidOf(volumeClaim);
  return step({
    kind: "latch-member",
    memberName: member.metadata.name,
    fields: { volumeClaimUID },
    reason: "ChoseVolume",
    message: `member ${member.metadata.name} keeps its data on volume claim ${volumeClaim.metadata.name} (uid ${volumeClaimUID})`,
  });
};

/** Before the Pod is, too: when the cluster is deleted now, its data goes or stays as asked. */
export const volumeOwner: MemberRule = ({ cluster }, { volumeClaim }) =>
  volumeClaim === undefined || hasOwnerByPolicy(cluster, volumeClaim)
    ? undefined
    : step({
        kind: "apply",
        object: ownedVolumeClaim(cluster, volumeClaim),
        reason: "SetVolumePolicy",
        message: `volume claim ${volumeClaim.metadata.name}: ${cluster.spec.storage.reclaim.onClusterDelete} when the cluster is deleted`,
      });
