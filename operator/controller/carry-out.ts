/**
 * Carries out one step. Each request either makes the change that was decided on, or changes nothing: by resourceVersion, by uid, or since
 * the name must be free. So a decision upon an old view, or one that was carried out without an answer, does no harm.
 */
import { etcdClusters, etcdMembers, fieldManager } from "../api/v1alpha1/names.ts";
import type { Observed } from "../cluster/observed.ts";
import type { Step } from "../cluster/step.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { type ApiError, type ApiErrorKind, isApiError } from "../kernel/api-error.ts";
import { assert } from "../kernel/assert.ts";
import type { KubernetesObject, ResourceType } from "../kernel/resource.ts";
import { resourceTypeOf } from "./kinds.ts";

export type StepResult =
  | { readonly kind: "done" }
  /** The world is another one than the plan saw. Look again. */
  | { readonly kind: "outdated"; readonly why: string }
  /** The API server does not take it, and will not take the same again: a value that it refuses, a quota, a policy. */
  | { readonly kind: "refused"; readonly why: string };

const refusals: readonly ApiErrorKind[] = [
  "BadRequest",
  "Forbidden",
  "Invalid",
  "Refused",
  "TooLarge",
];

/** An apply to an object that has another uid by now is refused as a change of the uid. */
function isOutdated(error: unknown): error is ApiError {
  if (isApiError(error, "Conflict", "AlreadyExists", "NotFound")) return true;
  return isApiError(error, "Invalid") && error.causes.some(({ field }) => field === "metadata.uid");
}

/** Throws ApiError for everything that may pass by itself, and NotLeadingError. `client` has the guard of the leader's term. */
export async function carryOut(
  client: ApiClient,
  observed: Observed,
  step: Step,
): Promise<StepResult> {
  try {
    await request(client, observed, step);
    return { kind: "done" };
  } catch (error) {
    if (isOutdated(error)) {
      // A thing that is gone already need not be deleted.
      if (step.kind === "delete" && error.kind === "NotFound") return { kind: "done" };
      return { kind: "outdated", why: error.message };
    }
    if (isApiError(error, ...refusals)) return { kind: "refused", why: error.message };
    throw error;
  }
}

async function request(client: ApiClient, observed: Observed, step: Step): Promise<void> {
  switch (step.kind) {
    case "latch-cluster":
      return latch(client, etcdClusters, observed.cluster, step.fields);
    case "latch-member": {
      const found = observed.members.find(({ member }) => member.metadata.name === step.memberName);
      assert(found !== undefined, "a step about a member that was not seen", step.memberName);
      return latch(client, etcdMembers, found.member, step.fields);
    }
    case "create":
      await client.create(resourceTypeOf(step.object), step.object);
      return;
    case "apply": {
      const options = { fieldManager, isForced: true };
      await client.apply(resourceTypeOf(step.object), step.object, options);
      return;
    }
    case "delete": {
      const { metadata } = step.object;
      assert(metadata.uid !== undefined, "a deletion needs the uid that was seen", metadata.name);
      await client.delete(resourceTypeOf(step.object), metadata, { uid: metadata.uid });
      return;
    }
  }
}

/** Only upon the very state that the decision was made on: of two operators, or of two tries, one gets through. */
async function latch(
  client: ApiClient,
  resource: ResourceType,
  seen: KubernetesObject,
  fields: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { uid, resourceVersion } = seen.metadata;
  assert(resourceVersion !== undefined, "only what was read can be latched", seen.metadata.name);
  const body = { metadata: { uid, resourceVersion }, status: fields };
  const options = { type: "merge", subresource: "status", fieldManager } as const;
  await client.patch(resource, seen.metadata, body, options);
}
