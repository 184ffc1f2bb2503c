/** What a member's Pod is doing, in the terms that decisions are made in. */
import type { KubernetesObject } from "../kernel/resource.ts";
import { fieldsAt, listAt, numberAt, textAt } from "./raw-fields.ts";

export type PodState =
  | { readonly kind: "absent" }
  /** Deleted, but not gone: its containers may still run and hold the volume. */
  | {
      readonly kind: "terminating";
      /** RFC 3339: when its grace period ends. */
      readonly until: string;
    }
  /** Ended for good (evicted, node shut down, not admitted): a Pod in this phase never runs again. */
  | { readonly kind: "finished"; readonly why: string }
  /** Not running yet. */
  | { readonly kind: "pending"; readonly why: string }
  | {
      readonly kind: "running";
      readonly isReady: boolean;
      /** Its startup probe has passed, or it ran before: it is more than starting. */
      readonly hasStarted: boolean;
      /** Why it is not ready. */
      readonly why: string;
    };

export function podStateOf(pod: KubernetesObject | undefined): PodState {
  if (pod === undefined) return { kind: "absent" };
  const until = pod.metadata.deletionTimestamp;
  if (until !== undefined) return { kind: "terminating", until };
  const status = pod["status"];
  switch (textAt(status, "phase")) {
    case "Failed":
    case "Succeeded":
      return { kind: "finished", why: finishedWhy(status) };
    case "Running":
      return runningState(status);
    case undefined:
    default:
      return { kind: "pending", why: pendingWhy(status) };
  }
}

/** Node that the Pod is on. */
export function nodeOf(pod: KubernetesObject | undefined): string | undefined {
  return textAt(pod?.["spec"], "nodeName");
}

function runningState(status: unknown): PodState {
  const [container] = listAt(status, "containerStatuses");
  const hasRestarted = (numberAt(container, "restartCount") ?? 0) > 0;
  const hasStarted = container?.["started"] === true || hasRestarted;
  return {
    kind: "running",
    isReady: conditionOf(status, "Ready")?.["status"] === "True",
    hasStarted,
    why:
      hasRestarted && !hasServedSince(status, container)
        ? restartedWhy(container)
        : startingWhy(container, hasStarted),
  };
}

function startingWhy(container: unknown, hasStarted: boolean): string {
  return (
    waitingWhy(container) ??
    (hasStarted
      ? "the member runs, but is not ready: it has no leader, or does not answer its probe"
      : "the member is starting")
  );
}

/** Whether it was ready after its last start: then that start is not what ails it. */
function hasServedSince(status: unknown, container: unknown): boolean {
  const startedAt = textAt(fieldsAt(fieldsAt(container, "state"), "running"), "startedAt");
  const ready = conditionOf(status, "Ready");
  const changedAt = textAt(ready, "lastTransitionTime");
  if (startedAt === undefined || changedAt === undefined) return false;
  return ready?.["status"] === "False" && Date.parse(changedAt) > Date.parse(startedAt);
}

/** The same text whether the container is waiting for its next start, running for a moment or ended: it goes round these. */
function restartedWhy(container: unknown): string {
  const last = fieldsAt(fieldsAt(container, "lastState"), "terminated");
  const reason = textAt(last, "reason");
  const code = numberAt(last, "exitCode");
  const how = [
    ...(reason === undefined ? [] : [reason]),
    ...(code === undefined ? [] : [`exit code ${code}`]),
  ].join(", ");
  return `the container ended${how === "" ? "" : ` (${how})`} and was started again; see kubectl logs --previous`;
}

function pendingWhy(status: unknown): string {
  const scheduled = conditionOf(status, "PodScheduled");
  if (scheduled?.["status"] === "False") {
    return textAt(scheduled, "message") ?? "no node takes the pod";
  }
  const [container] = listAt(status, "containerStatuses");
  return waitingWhy(container) ?? "the pod is being set up";
}

/** Undefined for a container that waits for nothing in particular. */
function waitingWhy(container: unknown): string | undefined {
  const waiting = fieldsAt(fieldsAt(container, "state"), "waiting");
  const reason = textAt(waiting, "reason");
  if (reason === undefined || reason === "ContainerCreating" || reason === "PodInitializing") {
    return undefined;
  }
  // These two take turns.
  if (reason === "ErrImagePull" || reason === "ImagePullBackOff") {
    return `the image cannot be pulled: ${textAt(container, "image") ?? "see the pod's events"}`;
  }
  const message = textAt(waiting, "message");
  return message === undefined ? reason : `${reason}: ${message}`;
}

function finishedWhy(status: unknown): string {
  const reason = textAt(status, "reason") ?? textAt(status, "phase") ?? "ended";
  const message = textAt(status, "message");
  return message === undefined ? reason : `${reason}: ${message}`;
}

function conditionOf(status: unknown, type: string): Readonly<Record<string, unknown>> | undefined {
  return listAt(status, "conditions").find((condition) => condition["type"] === type);
}

export interface Restarts {
  readonly restarts: number;
  /** RFC 3339. Since when the Pod is not ready. */
  readonly notReadySince: string | undefined;
  /** Why the container ended last: "Error", "OOMKilled". */
  readonly lastReason: string | undefined;
}

export function restartsOf(pod: KubernetesObject | undefined): Restarts {
  const status = pod?.["status"];
  const [container] = listAt(status, "containerStatuses");
  const ready = conditionOf(status, "Ready");
  const last = fieldsAt(fieldsAt(container, "lastState"), "terminated");
  return {
    restarts: numberAt(container, "restartCount") ?? 0,
    notReadySince: ready?.["status"] === "False" ? textAt(ready, "lastTransitionTime") : undefined,
    lastReason: textAt(last, "reason"),
  };
}
