/**
 * Carries out one step. Each request either makes the change that was decided on, or changes nothing: by resourceVersion, by uid, since the name must be free, or by
 * the hash of the member list. So a decision upon an old view, or one that was carried out without an answer, does no harm.
 */
import { etcdClusters, etcdMembers, fieldManager } from "../api/v1alpha1/names.ts";
import type { Observed } from "../cluster/observed.ts";
import type { Step } from "../cluster/step.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { type ApiError, type ApiErrorKind, isApiError } from "../kernel/api-error.ts";
import { assert } from "../kernel/assert.ts";
import type { MutationGuard } from "../kernel/exchange.ts";
import { addresseeOf } from "./etcd-change.ts";
import type { EtcdPort } from "./etcd-port.ts";
import { targetOf } from "./etcd-target.ts";
import { resourceTypeOf } from "./kinds.ts";
import { latch } from "./latch.ts";
import type { StepResult } from "./step-result.ts";
import type { TlsPort } from "./tls-port.ts";

/** What a step is carried out with. All of it changes something only in the leader's term. */
export interface Hands {
  /** With `guard`. */
  readonly client: ApiClient;
  readonly etcd: EtcdPort;
  readonly tls?: TlsPort | undefined;
  readonly guard: MutationGuard;
}

const done: StepResult = { kind: "done" };

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

/** Throws ApiError for everything that may pass by itself, and NotLeadingError. */
export async function carryOut(hands: Hands, observed: Observed, step: Step): Promise<StepResult> {
  try {
    return await request(hands, observed, step);
  } catch (error) {
    if (isOutdated(error)) {
      // A thing that is gone already need not be deleted.
      if (step.kind === "delete" && error.kind === "NotFound") return done;
      return { kind: "outdated", why: error.message };
    }
    // Of two budgets for one Pod the API server says that it cannot serve that (500).
    const isEviction = step.kind === "delete" && step.isEviction === true;
    if (isEviction && isApiError(error, "TooManyRequests", "ServerError")) {
      return { kind: "held", why: `the API server answered: ${error.message}` };
    }
    if (isApiError(error, ...refusals)) {
      return { kind: "refused", why: `the API server answered: ${error.message}` };
    }
    throw error;
  }
}

async function request(hands: Hands, observed: Observed, step: Step): Promise<StepResult> {
  const { client, tls } = hands;
  switch (step.kind) {
    case "latch-cluster":
      await latch(client, etcdClusters, observed.cluster, step.fields);
      return done;
    case "latch-member": {
      const found = observed.members.find(({ member }) => member.metadata.name === step.memberName);
      assert(found !== undefined, "a step about a member that was not seen", step.memberName);
      await latch(client, etcdMembers, found.member, step.fields);
      return done;
    }
    case "create":
      await client.create(resourceTypeOf(step.object), step.object);
      return done;
    case "apply": {
      const options = { fieldManager, isForced: true };
      await client.apply(resourceTypeOf(step.object), step.object, options);
      return done;
    }
    case "delete": {
      const { metadata } = step.object;
      assert(metadata.uid !== undefined, "a deletion needs the uid that was seen", metadata.name);
      const only = { uid: metadata.uid };
      const resource = resourceTypeOf(step.object);
      await (step.isEviction === true
        ? client.evict(resource, metadata, only)
        : client.delete(resource, metadata, only));
      return done;
    }
    case "etcd":
      return etcdRequest(hands, observed, step);
    case "issue":
      assert(tls !== undefined, "certificates are issued by operator/tls");
      await tls.issue(client, observed, step);
      return done;
  }
}

/** What is written after it stands upon the same view: when it is refused, the request is made again, which does no harm. */
async function etcdRequest(
  { client, etcd, guard }: Hands,
  observed: Observed,
  step: Extract<Step, { readonly kind: "etcd" }>,
): Promise<StepResult> {
  const memberName = addresseeOf(observed, step.request);
  if (memberName === undefined) return { kind: "outdated", why: "no member is known to lead" };
  guard.check();
  if (step.first !== undefined) await latch(client, etcdClusters, observed.cluster, step.first);
  const { request, listedMembers } = step;
  const change = { memberName, request, listedMembers };
  const result = await etcd.change(targetOf(observed), change, guard);
  if (result.kind !== "done") {
    const why = `etcd answered: ${result.why}`;
    return { kind: result.kind, why };
  }
  if (step.then !== undefined) await latch(client, etcdClusters, observed.cluster, step.then);
  return done;
}
