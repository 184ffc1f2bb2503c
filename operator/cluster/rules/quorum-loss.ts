/**
 * Rules for a quorum that is lost (operators.md 4.3): evidence first, and nothing by itself. With spec.recovery.quorumLoss Assisted a person may approve.
 *
 *   WaitingForApproval ──annotation = nonce──▸ Stopping ──no Pod is left──▸ Restarting ──the survivor answers alone──▸ Rebuilding ──▸ scale up
 *
 * Every Pod is gone, and confirmed by its node, before the survivor is forced: no two halves ever run. The one Pod that forces carries a mark, and is
 * replaced by one without the flag before anybody joins. Volumes of the others are kept.
 */
import { forceNewClusterAnnotation, recoverQuorumAnnotation } from "../../api/v1alpha1/names.ts";
import type { KubernetesObject } from "../../kernel/resource.ts";
import { volumeLossOf } from "../losses.ts";
import type { MemberView } from "../member-view.ts";
import { nodeOf } from "../pod-state.ts";
import {
  evidenceOf,
  isSameEvidence,
  type QuorumRecovery,
  quorumLossOf,
} from "../quorum-evidence.ts";
import { recoveryOf } from "../recovery-settings.ts";
import { type Answer, type Look, type MemberRule, type Rule, step, stuck, wait } from "../rule.ts";
import { deletePod, podFor } from "./pod.ts";

/** Latches, renews and withdraws the evidence. Members go on being started meanwhile: who is up can tell more, and quorum may return. */
export const quorumLost: Rule = (look) => {
  const before = look.latched.quorumRecovery;
  if (before !== undefined && before.phase !== "WaitingForApproval") return undefined;
  const loss = look.target === 0 ? undefined : quorumLossOf(look);
  if (loss === undefined) return before === undefined ? undefined : withdrawn(look);
  const now = evidenceOf(look, loss);
  if (before === undefined || !isSameEvidence(before, now))
    return latched(now, "QuorumLost", now.estimatedLoss);
  if (before.survivor !== undefined && isApproved(look, before)) {
    return latched(
      { ...before, phase: "Stopping" },
      "RecoveringQuorum",
      `the cluster goes on from the data of member ${before.survivor}; all pods are ended first`,
    );
  }
  return stuck("QuorumLost", lostText(look, before));
};

/** Answers always while a recovery runs: nothing after it may start a member or change the list. */
export const recoverQuorum: Rule = (look) => {
  const running = look.latched.quorumRecovery;
  if (running === undefined) return undefined;
  const survivor = look.members.find(({ name }) => name === running.survivor);
  const held = running.phase === "WaitingForApproval" ? undefined : volumeHeld(look, survivor);
  if (held !== undefined) return held;
  switch (running.phase) {
    case "WaitingForApproval":
      return undefined;
    case "Stopping":
      return stopping(look, running);
    case "Restarting":
      return survivor === undefined ? survivorGone(running) : restarting(look, running, survivor);
    case "Rebuilding":
      return survivor === undefined ? survivorGone(running) : rebuilding(look, running, survivor);
  }
};

/** Ending the survivor's Pod would end its volume, and a Pod without that volume would force a new cluster out of nothing. */
function volumeHeld(look: Look, survivor: MemberView | undefined): Answer {
  if (survivor === undefined || look.list !== undefined) return undefined;
  const { name, isVolumeGoing } = survivor;
  const why = volumeLossOf(survivor);
  if (why !== undefined) {
    return stuck(
      "VolumeLost",
      `member ${name}, from whose data the cluster was to go on: ${why}`,
      name,
    );
  }
  return isVolumeGoing
    ? stuck(
        "VolumeDeletionPending",
        `somebody deleted the volume claim of member ${name}, from whose data the cluster was to go on: its pod is not ended, copy the data out of it now`,
        name,
      )
    : undefined;
}

/** A Pod that would force a new cluster at its next start, while no recovery runs. */
export const forcedPodLeft: MemberRule = (_look, { name, pod, podState }) =>
  pod !== undefined && isForced(pod) && podState.kind !== "terminating"
    ? deletePod(pod, "DeletedForcedPod", `the pod of member ${name} still forces a new cluster`)
    : undefined;

/** Before this the plan has not touched a Pod for the recovery's sake, or only ended some: with a quorum back, the normal rules bring them up again. */
function stopping(look: Look, running: QuorumRecovery): Answer {
  if (look.list !== undefined) return withdrawn(look);
  const alive = look.members.find(
    ({ pod, podState }) => pod !== undefined && podState.kind !== "terminating",
  );
  if (alive?.pod !== undefined) {
    return deletePod(
      alive.pod,
      "StoppingMember",
      `the pod of member ${alive.name} is ended before quorum is recovered`,
    );
  }
  const ending = look.members.find(({ pod }) => pod !== undefined);
  if (ending !== undefined) {
    return wait(
      "QuorumRecovery",
      `the pod of member ${ending.name} is ending on node ${nodeOf(ending.pod) ?? "unknown"}; if that machine is off for good, delete the Node object or give it the taint node.kubernetes.io/out-of-service`,
    );
  }
  return latched(
    { ...running, phase: "Restarting" },
    "RestartingSurvivor",
    `no pod runs any more; member ${running.survivor ?? ""} is started as the only member`,
  );
}

function restarting(look: Look, running: QuorumRecovery, survivor: MemberView): Answer {
  if (look.list?.length === 1 && survivor.listed !== undefined && survivor.serves) {
    return latched(
      { ...running, phase: "Rebuilding" },
      "QuorumRecovered",
      `member ${survivor.name} is the only member now; the others are made anew`,
    );
  }
  const { pod, podState } = survivor;
  if (pod === undefined) {
    return step({
      kind: "create",
      object: podFor(look, survivor, true),
      reason: "ForcingNewCluster",
      message: `member ${survivor.name} is started with --force-new-cluster`,
    });
  }
  if (podState.kind === "finished") {
    return deletePod(pod, "DeletedFinishedPod", `the pod of member ${survivor.name} has ended`);
  }
  return wait("QuorumRecovery", `member ${survivor.name} is to answer as the only member`);
}

/** The survivor's Pod without the flag, then the others' EtcdMembers: etcd does not list them any more. Their claims stay, whatever the policy. */
function rebuilding(look: Look, running: QuorumRecovery, survivor: MemberView): Answer {
  const { pod, podState, name } = survivor;
  if (pod === undefined) {
    return step({
      kind: "create",
      object: podFor(look, survivor),
      reason: "CreatedPod",
      message: `the pod of member ${name} is created without --force-new-cluster`,
    });
  }
  const isToEnd = isForced(pod) || podState.kind === "finished";
  if (isToEnd && podState.kind !== "terminating") {
    return deletePod(
      pod,
      "RestartingPod",
      `the pod of member ${name} comes anew without --force-new-cluster`,
    );
  }
  if (isForced(pod) || !survivor.serves || look.list === undefined) {
    return wait("QuorumRecovery", `member ${name} is to come up without --force-new-cluster`);
  }
  const other = look.members.find(({ standing }) => standing !== "Voter");
  if (other !== undefined) {
    return step({
      kind: "delete",
      object: other.member,
      reason: "DeletedMember",
      message: `EtcdMember ${other.name} is deleted: it was not recovered; its volume claim stays`,
    });
  }
  return withdrawn(look, running);
}

function isApproved(look: Look, { nonce }: QuorumRecovery): boolean {
  return (
    recoveryOf(look.cluster.spec).quorumLoss === "Assisted" &&
    look.cluster.metadata.annotations?.[recoverQuorumAnnotation] === nonce
  );
}

function latched(quorumRecovery: QuorumRecovery, reason: string, message: string): Answer {
  return step({ kind: "latch-cluster", fields: { quorumRecovery }, reason, message });
}

function withdrawn({ latched: { quorumRecovery } }: Look, done?: QuorumRecovery): Answer {
  if (quorumRecovery === undefined) return undefined;
  return step({
    kind: "latch-cluster",
    fields: { quorumRecovery: null },
    reason: done === undefined ? "QuorumReturned" : "QuorumRecoveryDone",
    message:
      done === undefined
        ? "quorum is not lost any more, and nothing is to be recovered"
        : `the cluster goes on from member ${done.survivor ?? ""}; it is scaled up again`,
  });
}

function survivorGone({ survivor = "" }: QuorumRecovery): Answer {
  return stuck(
    "QuorumLost",
    `EtcdMember ${survivor}, from whose data the cluster was to go on, is gone; restore a backup into another EtcdCluster`,
  );
}

function lostText({ cluster }: Look, { survivor, nonce, estimatedLoss }: QuorumRecovery): string {
  const { name, namespace = "default" } = cluster.metadata;
  if (survivor === undefined) return `quorum is lost: ${estimatedLoss}`;
  if (recoveryOf(cluster.spec).quorumLoss === "Manual") {
    return `quorum is lost. spec.recovery.quorumLoss is Manual, so nothing is recovered; the loss would be: ${estimatedLoss}`;
  }
  return `quorum is lost. To go on from the data of member ${survivor}, with this loss: ${estimatedLoss}: kubectl -n ${namespace} annotate --overwrite etcdcluster ${name} ${recoverQuorumAnnotation}=${nonce}`;
}

function isForced({ metadata }: KubernetesObject): boolean {
  return metadata.annotations?.[forceNewClusterAnnotation] !== undefined;
}
