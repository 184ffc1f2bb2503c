/** The mutations that a plan can ask for. One reconcile carries out one of them and then looks again; each leaves a state that is safe for weeks. */
import type { EtcdClusterStatus, EtcdMemberStatus } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import type { StuckReason, WaitReason } from "./conditions.ts";

/** Told as an event on the EtcdCluster when the step was carried out; `reason` is UpperCamelCase. */
interface Told {
  readonly reason: string;
  /** For people: what is done and why. */
  readonly message: string;
}

export type Step =
  /** Writes fields of the cluster's status that later decisions rest on, with the resourceVersion seen as precondition, before anything acts on them. */
  | ({
      readonly kind: "latch-cluster";
      readonly fields: Pick<EtcdClusterStatus, "clusterID" | "seedMember">;
    } & Told)
  | ({
      readonly kind: "latch-member";
      readonly memberName: string;
      readonly fields: Pick<EtcdMemberStatus, "memberID" | "volumeClaimUID">;
    } & Told)
  /** Creates an object that must not exist yet: EtcdMember, PersistentVolumeClaim, Pod. "AlreadyExists" ends the step, and the next look tells whose it is. */
  | ({ readonly kind: "create"; readonly object: KubernetesObject } & Told)
  /** Server-side apply of an object that may exist: Services, labels and owners of claims. */
  | ({ readonly kind: "apply"; readonly object: KubernetesObject } & Told)
  /** Deletes this very object (uid as precondition) and nothing of the same name after it. */
  | ({ readonly kind: "delete"; readonly object: KubernetesObject } & Told);

/** What the plan comes to. Exactly one step, or the reason why there is none. */
export type Plan =
  | { readonly kind: "step"; readonly step: Step }
  /** Everything is as wanted. */
  | { readonly kind: "done" }
  /** Something else has to happen first: a pod to start, a member to answer. Looked at again after a time and on every change. */
  | { readonly kind: "wait"; readonly reason: WaitReason; readonly message: string }
  /** Only a person can help; nothing is changed meanwhile. */
  | { readonly kind: "stuck"; readonly reason: StuckReason; readonly message: string };
