/** Rules for a member's Pod and the image in it. After the rules for identity and volume: the member is who it was, and has its data. */
import { templateHashAnnotation } from "../../api/v1alpha1/names.ts";
import type { KubernetesObject } from "../../kernel/resource.ts";
import { imageOf } from "../../resources/image.ts";
import { memberWithImage } from "../../resources/member.ts";
import { buildPod } from "../../resources/pod.ts";
import { templateHashOf } from "../../resources/template-hash.ts";
import { initialClusterOf, listedMemberOf } from "../initial-cluster.ts";
import { nodeOf, podStateOf } from "../pod-state.ts";
import { type MemberRule, step, wait } from "../rule.ts";
import type { Plan } from "../step.ts";

/** Somebody deleted the EtcdMember: its Pod goes with it, and nothing is made for it any more. */
export const memberTerminating: MemberRule = (_look, { member }) =>
  member.metadata.deletionTimestamp === undefined
    ? undefined
    : wait("MemberTerminating", `EtcdMember ${member.metadata.name} is being deleted`);

/**
 * Waited for as long as it takes. A Pod is gone when its node says so: on a node that cannot be reached the member may still run, and a second
 * process with its identity would be worse than none. The operator never deletes by force; the status says what a person can do.
 */
export const podTerminating: MemberRule = (_look, { member, pod }) => {
  if (podStateOf(pod).kind !== "terminating") return undefined;
  const node = nodeOf(pod);
  return wait(
    "PodTerminating",
    `the pod of member ${member.metadata.name} is ending${node === undefined ? "" : ` on node ${node}`}`,
  );
};

export const podFinished: MemberRule = (_look, { member, pod }) => {
  const state = podStateOf(pod);
  if (state.kind !== "finished" || pod === undefined) return undefined;
  return deletePod(
    pod,
    "DeletedFinishedPod",
    `the pod of member ${member.metadata.name} has ended and comes anew: ${state.why}`,
  );
};

/** What spec.image asks for is latched into the member first; then its Pod differs by the hash. What it leaves open stays as the member has it. */
export const memberImage: MemberRule = ({ cluster }, { member }) => {
  const image = imageOf(cluster.spec.image, member.spec.image);
  return image === member.spec.image
    ? undefined
    : step({
        kind: "apply",
        object: memberWithImage(member, image),
        reason: "ChangedImage",
        message: `member ${member.metadata.name} is to run ${image} instead of ${member.spec.image}`,
      });
};

/** A member without data must be in etcd's list before it starts: else it would be refused, or worse, start something of its own. */
export const memberNotListed: MemberRule = ({ observed: { etcd } }, { member, pod }) => {
  if (pod !== undefined || member.spec.bootstrap === "NewCluster") return undefined;
  if (member.status?.memberID !== undefined) return undefined;
  if (etcd.kind === "known" && listedMemberOf(etcd.list, member) !== undefined) return undefined;
  return wait("MemberNotListed", `member ${member.metadata.name} is not in etcd's member list yet`);
};

export const createPod: MemberRule = (look, seen) => {
  if (seen.pod !== undefined) return undefined;
  const initialCluster = initialClusterOf(look, seen);
  const { member } = seen;
  return step({
    kind: "create",
    object: buildPod(look.cluster, member, initialCluster),
    reason: "CreatedPod",
    message: `the pod of member ${member.metadata.name} is created, with initial cluster state ${initialCluster.state}`,
  });
};

/** One member: its restart is the roll. No waiting for readiness: the change may be what makes it ready. */
export const rollPod: MemberRule = ({ cluster }, { member, pod }) => {
  if (pod === undefined) return undefined;
  const wanted = templateHashOf(cluster.spec, member.spec.image);
  return pod.metadata.annotations?.[templateHashAnnotation] === wanted
    ? undefined
    : deletePod(
        pod,
        "RestartingPod",
        `the pod of member ${member.metadata.name} is replaced: what was asked of it has changed`,
      );
};

function deletePod(pod: KubernetesObject, reason: string, message: string): Plan {
  return step({ kind: "delete", object: pod, reason, message });
}
