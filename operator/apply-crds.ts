/**
 * `etcd-ts-operator apply-crds`: brings the CustomResourceDefinitions up to date and waits until the API server serves them. Helm installs
 * CRDs once and never touches them again, so the chart runs this before each upgrade.
 */
import type { ApiClient } from "./kernel/api-client.ts";
import { sleep } from "./kernel/backoff.ts";
import type { Ports } from "./kernel/ports.ts";
import type { KubernetesObject, ResourceType } from "./kernel/resource.ts";

export const customResourceDefinitionType: ResourceType = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  isNamespaced: false,
};

/**
 * The same as Helm's (kube.ManagedFieldsManager): Helm 4 applies crds/ at an installation, and where CRDs of an earlier release are left it would not get
 * past the fields of another manager.
 */
const fieldManager = "helm";
const establishedWithinMs = 60_000;
const pollMs = 250;

/** Throws ApiError for what the API server refuses, and Error when a definition is not served in time. */
export async function applyCrds(
  client: ApiClient,
  ports: Ports,
  definitions: readonly KubernetesObject[],
): Promise<void> {
  for (const definition of definitions) {
    // Ours whole: whoever changed one of our fields by hand loses it.
    const options = { fieldManager, isForced: true };
    await client.apply(customResourceDefinitionType, definition, options);
    ports.logger.info("applied", { crd: definition.metadata.name });
  }
  for (const { metadata } of definitions) await untilEstablished(client, ports, metadata.name);
}

async function untilEstablished(client: ApiClient, ports: Ports, name: string): Promise<void> {
  const startedMs = ports.clock.monotonicMs();
  for (;;) {
    const found = await client.get(customResourceDefinitionType, { name });
    if (isTrue(found, "Established")) return;
    if (ports.clock.monotonicMs() - startedMs > establishedWithinMs) {
      const why = conditionOf(found, "NamesAccepted")?.message ?? "no reason given";
      throw new Error(`the API server does not serve ${name}: ${why}`);
    }
    await sleep(ports.timers, pollMs, new AbortController().signal);
  }
}

interface CrdCondition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
}

function conditionOf(definition: KubernetesObject, type: string): CrdCondition | undefined {
  // A definition that was just made has null there.
  const { conditions } = (definition["status"] ?? {}) as {
    conditions?: readonly CrdCondition[] | null;
  };
  return conditions?.find((condition) => condition.type === type);
}

function isTrue(definition: KubernetesObject, type: string): boolean {
  return conditionOf(definition, type)?.status === "True";
}
