/** The mutations that a plan can ask for. One reconcile carries out one of them and then looks again; each leaves a state that is safe for weeks. */
import type { EtcdClusterStatus, EtcdMemberStatus } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import type { StuckReason, WaitReason } from "./conditions.ts";
import type { ListedMember } from "./observed.ts";
import type { IssueOrder } from "./tls/issue-order.ts";

/** Told as an event on the EtcdCluster when the step was carried out; `reason` is UpperCamelCase. */
interface Told {
  readonly reason: string;
  /** For people: what is done and why. */
  readonly message: string;
  /** Name of the EtcdMember that it is about, where nothing else in the step says so (about.ts). */
  readonly about?: string;
}

/** Facts of the cluster's status that later decisions rest on. `null` takes one away. */
export type LatchedCluster = Pick<EtcdClusterStatus, "clusterID" | "seedMember"> & {
  readonly [Field in
    | "replacements"
    | "handOver"
    | "spaceRecovery"
    | "quorumRecovery"
    | "certificates"]?: NonNullable<EtcdClusterStatus[Field]> | null;
};

export type Step =
  /** Writes fields of the cluster's status that later decisions rest on, with the resourceVersion seen as precondition, before anything acts on them. */
  | ({
      readonly kind: "latch-cluster";
      readonly fields: LatchedCluster;
    } & Told)
  | ({
      readonly kind: "latch-member";
      readonly memberName: string;
      readonly fields: Pick<EtcdMemberStatus, "memberID" | "volumeClaimUID" | "downSince">;
    } & Told)
  /** Creates an object that must not exist yet: EtcdMember, PersistentVolumeClaim, Pod. "AlreadyExists" ends the step, and the next look tells whose it is. */
  | ({ readonly kind: "create"; readonly object: KubernetesObject } & Told)
  /** Server-side apply of an object that may exist: Services, labels and owners of claims. */
  | ({ readonly kind: "apply"; readonly object: KubernetesObject } & Told)
  /**
   * A request to etcd. It is refused by the server when the member list is another one than `listedMembers`, which the decision was made from
   * (DESIGN section 5, "Fenced").
   */
  | ({
      readonly kind: "etcd";
      readonly request: EtcdRequest;
      readonly listedMembers: readonly ListedMember[];
      /** Written to the cluster's status as latch-cluster does, right before the request is sent: that it was asked for counts, whatever the answer is. */
      readonly first?: LatchedCluster;
      /**
       * Written to the cluster's status as latch-cluster does, right after the request was carried out: of what it did nothing can be seen later. When the
       * process ends in between, the request is made again.
       */
      readonly then?: LatchedCluster;
    } & Told)
  /**
   * Deletes this very object (uid as precondition) and nothing of the same name after it. `isEviction`: a Pod, by way of the disruption budgets, so that it
   * goes only while they let it, and nobody else takes the last one that they let go.
   */
  | ({
      readonly kind: "delete";
      readonly object: KubernetesObject;
      readonly isEviction?: true;
    } & Told)
  /**
   * Makes keys and certificates, and writes them into this Secret: one that was not there is created, the one that was seen is changed (uid and
   * resourceVersion as precondition).
   */
  | ({ readonly kind: "issue"; readonly secretName: string; readonly order: IssueOrder } & Told);

/** Ids are lower-case hex. Each may be sent twice: what is as asked already counts as done. */
export type EtcdRequest =
  | { readonly kind: "add-learner"; readonly peerUrl: string }
  | { readonly kind: "promote"; readonly memberId: string }
  | { readonly kind: "remove"; readonly memberId: string }
  /** Sent to the leader, which is the EtcdMember `leaderName`. */
  | { readonly kind: "move-leader"; readonly leaderName: string; readonly toMemberId: string }
  | { readonly kind: "compact"; readonly revision: number }
  | { readonly kind: "defragment"; readonly memberName: string }
  | { readonly kind: "disarm"; readonly memberId: string; readonly alarm: "NoSpace" | "Corrupt" };

/** What the plan comes to. Exactly one step, or the reason why there is none. */
export type Plan =
  | { readonly kind: "step"; readonly step: Step }
  /** Everything is as wanted. */
  | { readonly kind: "done" }
  /** Something else has to happen first: a pod to start, a member to answer. Looked at again after a time and on every change. */
  | { readonly kind: "wait"; readonly reason: WaitReason; readonly message: string }
  /** Only a person can help. What does not depend on it goes on before. */
  | {
      readonly kind: "stuck";
      readonly reason: StuckReason;
      readonly message: string;
      /** Name of the EtcdMember that it is about, where it is about one. */
      readonly about?: string;
    };
