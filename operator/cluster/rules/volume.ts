/** Rules for a member's volume. It holds acknowledged writes: a claim is deleted only after its member has left etcd (removal.ts), and known by its uid. */

import { volumeClaimNameOf } from "../../resources/names.ts";
import { uidOf } from "../../resources/owners.ts";
import {
  buildVolumeClaim,
  hasOwnerByPolicy,
  ownedVolumeClaim,
} from "../../resources/volume-claim.ts";
import { volumeLossOf } from "../losses.ts";
import { type MemberRule, step, stuck, wait } from "../rule.ts";

/**
 * A member whose volume is lost is lost: with an empty one it would be another, under the same id, that has forgotten what it voted and wrote. Nothing is
 * made for it any more; where there are others, healing.ts replaces it.
 */
export const volumeLost: MemberRule = (look, seen) => {
  const why = volumeLossOf(seen);
  if (why === undefined) return undefined;
  const { name } = seen;
  return look.members.length > 1
    ? wait(
        "VolumeLost",
        `member ${name} has lost its data: ${why}; it is replaced as soon as a quorum of the others allows it`,
      )
    : stuck(
        "VolumeLost",
        `the data of member ${name} is lost: ${why}; restore a backup into another EtcdCluster`,
        name,
      );
};

/**
 * Deletion of a claim cannot be taken back, but it waits for the Pod: as long as the Pod lives the data does. So nothing may end the Pod, and another
 * voter is added first, which gets the data (wanted-voters.ts). A claim that no Pod ever used is just waited for.
 */
export const volumeTerminating: MemberRule = (_look, { name, volumeClaim, isVolumeGoing }) => {
  if (volumeClaim?.metadata.deletionTimestamp === undefined) return undefined;
  const claim = volumeClaim.metadata.name;
  return isVolumeGoing
    ? stuck(
        "VolumeDeletionPending",
        `somebody deleted volume claim ${claim}; the data of member ${name} is lost as soon as its pod ends: do not delete the pod; the operator adds another member first, or, where that cannot be, copy the data out of the pod now`,
        name,
      )
    : wait("VolumeTerminating", `volume claim ${claim} is being deleted, and made anew after that`);
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
