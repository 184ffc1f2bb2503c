/**
 * Which clusters to look at, and when: reflectors of all that clusters are made of, whose events become keys of EtcdClusters. Nothing is
 * decided on what they hold.
 */
import { clusterLabel, etcdClusters, etcdMembers } from "../api/v1alpha1/names.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import type { Ports } from "../kernel/ports.ts";
import { Reflector } from "../kernel/reflector.ts";
import {
  type KubernetesObject,
  keyOf,
  type ResourceType,
  withoutManagedFields,
} from "../kernel/resource.ts";
import { Store } from "../kernel/store.ts";
import { cronJobs, disruptionBudgets, pods, secrets, services, volumeClaims } from "./kinds.ts";
import { isSameJson } from "./same.ts";

export interface WatchesOptions {
  readonly client: ApiClient;
  readonly ports: Ports;
  /** Empty for all of them. */
  readonly namespaces: readonly string[];
}

interface Watch {
  readonly resource: ResourceType;
  readonly store: Store;
  readonly reflector: Reflector;
}

const parts: readonly ResourceType[] = [
  etcdMembers,
  pods,
  volumeClaims,
  services,
  secrets,
  disruptionBudgets,
  cronJobs,
];

/** Kinds whose status is no reason to look: our own word, or what other controllers count. */
const quietStatuses: ReadonlySet<ResourceType> = new Set([
  etcdClusters,
  etcdMembers,
  disruptionBudgets,
  cronJobs,
]);

export class Watches {
  private readonly watches: readonly Watch[];

  constructor(options: WatchesOptions) {
    const { namespaces } = options;
    const scopes = namespaces.length === 0 ? [undefined] : [...new Set(namespaces)];
    this.watches = scopes.flatMap((namespace) => [
      watch(options, etcdClusters, { namespace }),
      ...parts.map((part) => watch(options, part, { namespace, labelSelector: clusterLabel })),
    ]);
  }

  /** Whether all of them have been read once. */
  get hasSynced(): boolean {
    return this.watches.every(({ reflector }) => reflector.hasSynced);
  }

  /** The longest time, in milliseconds, that one of the loops has not turned: minutes mean that it hangs. */
  get stalledMs(): number {
    return Math.max(...this.watches.map(({ reflector }) => reflector.idleMs));
  }

  /** `enqueue` gets the keys of all clusters that there are, and from then on of those that something happens to. */
  subscribe(enqueue: (key: string) => void): void {
    for (const { resource, store } of this.watches) {
      const isQuiet = quietStatuses.has(resource);
      const take = (object: KubernetesObject): void => {
        const key = clusterKeyOf(resource, object);
        if (key !== undefined) enqueue(key);
      };
      store.subscribe({
        onAdd: take,
        onUpdate: (before, after) => {
          if (isQuiet && !isNews(before, after)) return;
          take(before);
          take(after);
        },
        onDelete: take,
      });
    }
  }

  /** Until `signal` aborts. Rejects for a bug. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.watches.map(({ reflector }) => reflector.run(signal)));
  }
}

function watch(
  { client, ports }: WatchesOptions,
  resource: ResourceType,
  scope: { readonly namespace: string | undefined; readonly labelSelector?: string },
): Watch {
  const store = new Store();
  return {
    resource,
    store,
    reflector: new Reflector({ client, ports, resource, store, keep: metadataOf, ...scope }),
  };
}

/**
 * What events are told apart by. Specs and keys of certificates are no use here, and would take most of the operator's memory: looks read them anew.
 */
function metadataOf({ apiVersion = "", kind = "", metadata }: KubernetesObject): KubernetesObject {
  return withoutManagedFields({ apiVersion, kind, metadata });
}

function clusterKeyOf(resource: ResourceType, object: KubernetesObject): string | undefined {
  const { namespace, labels, name } = object.metadata;
  if (resource === etcdClusters) return keyOf({ namespace, name });
  const cluster = labels?.[clusterLabel];
  return cluster === undefined ? undefined : keyOf({ namespace, name: cluster });
}

/** All but the status: with it the generation does not move. */
function isNews(before: KubernetesObject, after: KubernetesObject): boolean {
  return !isSameJson(askedIn(before), askedIn(after));
}

function askedIn({ metadata }: KubernetesObject): unknown {
  const { generation, labels, annotations, ownerReferences, finalizers } = metadata;
  const isEnding = metadata.deletionTimestamp !== undefined;
  return { generation, labels, annotations, ownerReferences, finalizers, isEnding };
}
