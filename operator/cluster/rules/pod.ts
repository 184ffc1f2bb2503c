/** Rules for a member's Pod. After the rules for identity and volume: the member is who it was, and has its data. */
import type { KubernetesObject } from "../../kernel/resource.ts";
import { memberWithImage } from "../../resources/member.ts";
import { buildPod } from "../../resources/pod.ts";
import { wantedImageOf } from "../built.ts";
import { initialClusterOf } from "../initial-cluster.ts";
import type { MemberView } from "../member-view.ts";
import { nodeOf } from "../pod-state.ts";
import { type Answer, type Look, type MemberRule, step, wait } from "../rule.ts";

/** Members that have nothing yet, or that are dead for ever, get no volume and no Pod: membership.ts and removal.ts see to them. */
export function isToLive({ standing }: MemberView): boolean {
  return standing !== "Unborn" && standing !== "Removed";
}

/** Somebody deleted the EtcdMember: its Pod goes with it, and nothing is made for it any more. */
export const memberTerminating: MemberRule = (_look, { member, name }) =>
  member.metadata.deletionTimestamp === undefined
    ? undefined
    : wait("MemberTerminating", `EtcdMember ${name} is being deleted`);

/**
 * Waited for as long as it takes. A Pod is gone when its node says so: on a node that cannot be reached the member may still run, and a second
 * process with its identity would be worse than none. The operator never deletes by force; the status says what a person can do.
 */
export const podTerminating: MemberRule = (_look, { name, pod, podState }) => {
  if (podState.kind !== "terminating") return undefined;
  const node = nodeOf(pod);
  return wait(
    "PodTerminating",
    `the pod of member ${name} is ending${node === undefined ? "" : ` on node ${node}`}`,
  );
};

export const podFinished: MemberRule = (_look, { name, pod, podState }) => {
  if (podState.kind !== "finished" || pod === undefined) return undefined;
  return deletePod(
    pod,
    "DeletedFinishedPod",
    `the pod of member ${name} has ended and comes anew: ${podState.why}`,
  );
};

/** What spec.image asks for is latched into a member that has no Pod now; the others get it when it is their turn to be rolled. */
export const imageBeforePod: MemberRule = (look, seen) =>
  seen.pod === undefined ? latchImage(look, seen) : undefined;

export function latchImage({ cluster }: Look, { member, name }: MemberView): Answer {
  const image = wantedImageOf(cluster, member);
  return image === member.spec.image
    ? undefined
    : step({
        kind: "apply",
        object: memberWithImage(member, image),
        reason: "ChangedImage",
        message: `member ${name} is to run ${image} instead of ${member.spec.image}`,
      });
}

/**
 * For all members that have none, without waiting for the others: after a stop of the whole cluster none becomes ready before a quorum runs. A member
 * that joins has its entry and its id by now; without the id it does not start (operators.md 3.6, row 1).
 */
export const createPod: MemberRule = (look, seen) => {
  const { member, name } = seen;
  if (seen.pod !== undefined) return undefined;
  if (member.spec.bootstrap === "JoinExisting" && member.status?.memberID === undefined) {
    return wait("MemberNotListed", `member ${name} is not known to be in etcd's member list`);
  }
  const initialCluster = initialClusterOf(look, seen);
  return step({
    kind: "create",
    object: podFor(look, seen),
    reason: "CreatedPod",
    message: `the pod of member ${name} is created, with initial cluster state ${initialCluster.state}`,
  });
};

/** Once the cluster has an id the server is told: with an empty volume it founds nothing, and with another cluster's it does not start. */
export function podFor(look: Look, seen: MemberView, forceNewCluster = false): KubernetesObject {
  const { clusterID } = look.latched;
  return buildPod(look.cluster, seen.member, {
    initialCluster: initialClusterOf(look, seen),
    ...(forceNewCluster ? { forceNewCluster } : {}),
    ...(clusterID === undefined ? {} : { expectedClusterId: clusterID }),
  });
}

export function deletePod(pod: KubernetesObject, reason: string, message: string): Answer {
  return step({ kind: "delete", object: pod, reason, message });
}
