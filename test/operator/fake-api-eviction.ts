/**
 * Evictions (registry/core/pod/storage/eviction.go): a Pod goes by way of the PodDisruptionBudgets that select it. What a budget lets go is counted at once, so there
 * is no controller that could be behind.
 */

import { isTree, type Tree } from "./fake-api-json.ts";
import type { FakeStore } from "./fake-api-store.ts";
import {
  type FakeResource,
  StatusError,
  type StoredObject,
  type Target,
} from "./fake-api-types.ts";

/** `budgets`: their kind, where the server has it. */
export function evict(
  store: FakeStore,
  target: Target,
  eviction: Tree,
  budgets: FakeResource | undefined,
): unknown {
  const pod = store.get(target);
  const { namespace } = target;
  const found =
    budgets === undefined ? [] : store.list(budgets, namespace, (each) => selects(each, pod));
  const [budget] = found;
  if (found.length > 1) {
    const message =
      "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    throw new StatusError(500, "InternalError", message);
  }
  if (budget !== undefined && !lets(store, target, budget, pod)) {
    const message = `Cannot evict pod as it would violate the pod's disruption budget ${budget.metadata.name}.`;
    throw new StatusError(429, "TooManyRequests", message);
  }
  const options = isTree(eviction["deleteOptions"]) ? eviction["deleteOptions"] : {};
  const preconditions = isTree(options["preconditions"]) ? options["preconditions"] : {};
  store.delete(target, preconditions);
  return { kind: "Status", apiVersion: "v1", status: "Success" };
}

/** With unhealthyPodEvictionPolicy IfHealthyBudget: one that is not ready may go while enough others are. */
function lets(store: FakeStore, target: Target, budget: StoredObject, pod: StoredObject): boolean {
  const { minAvailable = 0 } = (budget["spec"] ?? {}) as { minAvailable?: number };
  const ready = store
    .list(target.resource, target.namespace, (each) => selects(budget, each))
    .filter(isReady);
  const left = ready.filter(({ metadata }) => metadata.uid !== pod.metadata.uid).length;
  return left >= minAvailable;
}

function isReady({ metadata, status }: StoredObject): boolean {
  const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; status: string }[] };
  return (
    metadata["deletionTimestamp"] === undefined &&
    conditions.some((condition) => condition.type === "Ready" && condition.status === "True")
  );
}

function selects(budget: StoredObject, pod: StoredObject): boolean {
  const { selector } = (budget["spec"] ?? {}) as {
    selector?: { matchLabels?: Readonly<Record<string, string>> };
  };
  const labels = (pod.metadata["labels"] ?? {}) as Readonly<Record<string, string>>;
  return Object.entries(selector?.matchLabels ?? {}).every(
    ([name, value]) => labels[name] === value,
  );
}
