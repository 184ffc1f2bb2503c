/**
 * How far the growing of a claim is, by what Kubernetes writes into it:
 *
 *   spec.storage larger ──▸ Small ──patched──▸ Resizing (controller, then the node) ──▸ grown
 *                                                  └──▸ FileSystemResizePending: the kubelet, while the Pod runs, or at the Pod's next start
 */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { quantityOf } from "../resources/quantity.ts";
import { isTooSmall, requestedSizeOf } from "../resources/volume-claim.ts";
import { fieldsAt, listAt, textAt } from "./raw-fields.ts";

export type Growth =
  /** It asks for less than is wanted. */
  | { readonly kind: "small" }
  | { readonly kind: "resizing" }
  /** RFC 3339: since when only its file system is left to grow. */
  | { readonly kind: "file-system"; readonly since: string | undefined }
  /** Kubernetes has given it up; it tries again by itself, if ever. */
  | { readonly kind: "failed"; readonly why: string };

/** A kubelet that can grow a file system that is in use does so within two minutes: it syncs volumes once in each. */
const onlineMs = 5 * 60_000;

/** Of `status.allocatedResourceStatuses`: Infeasible, and as it was called before Kubernetes 1.31. */
const failures: ReadonlySet<string> = new Set([
  "ControllerResizeInfeasible",
  "NodeResizeInfeasible",
  "ControllerResizeFailed",
  "NodeResizeFailed",
]);
const failureConditions: ReadonlySet<string> = new Set([
  "ControllerResizeError",
  "NodeResizeError",
]);

/** Undefined for a claim that is as large as wanted, that is not bound yet and so cannot grow, or that is on its way out. */
export function growthOf(
  cluster: EtcdCluster,
  claim: KubernetesObject | undefined,
): Growth | undefined {
  const status = claim?.["status"];
  if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return undefined;
  if (textAt(status, "phase") !== "Bound") return undefined;
  if (isTooSmall(cluster, claim)) return { kind: "small" };
  const capacity = quantityOf(textAt(fieldsAt(status, "capacity"), "storage"));
  const requested = quantityOf(requestedSizeOf(claim));
  if (capacity === undefined || requested === undefined || capacity >= requested) return undefined;
  const conditions = listAt(status, "conditions").filter(
    (condition) => condition["status"] === "True",
  );
  const state = textAt(fieldsAt(status, "allocatedResourceStatuses"), "storage") ?? "";
  if (failures.has(state)) {
    const told = conditions.find(({ type }) => failureConditions.has(String(type)));
    const message = textAt(told, "message");
    return { kind: "failed", why: message === undefined ? state : `${state}: ${message}` };
  }
  const pending = conditions.find(({ type }) => type === "FileSystemResizePending");
  return pending === undefined
    ? { kind: "resizing" }
    : { kind: "file-system", since: textAt(pending, "lastTransitionTime") };
}

/**
 * Whether the file system waits for the Pod's next start: a driver that grows it only then lets the condition stand. Once for each time: a Pod that was
 * made after it began to stand has not helped, and another would not either.
 */
export function needsRestart(
  growth: Growth | undefined,
  pod: KubernetesObject,
  nowMs: number,
): boolean {
  if (growth?.kind !== "file-system" || growth.since === undefined) return false;
  const sinceMs = Date.parse(growth.since);
  const madeMs = Date.parse(pod.metadata.creationTimestamp ?? "");
  return nowMs - sinceMs >= onlineMs && madeMs < sinceMs;
}
