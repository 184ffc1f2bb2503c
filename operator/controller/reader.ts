/**
 * Reads the objects of one cluster, live. What there are several of is listed by label, in one request; a name that the list does not have is asked for by itself, since
 * labels can be taken away and names can be taken by others. So nothing counts as missing that was made while the list was read. What is read of clusters at rest stays
 * in memory, so it comes without managedFields.
 */
import { clusterLabel, etcdMembers } from "../api/v1alpha1/names.ts";
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import type { CallOptions } from "../kernel/exchange.ts";
import { listAll } from "../kernel/pager.ts";
import {
  type KubernetesObject,
  type ObjectRef,
  type ResourceType,
  withoutManagedFields,
} from "../kernel/resource.ts";
import { isControlledBy } from "./ownership.ts";

/** Whether an object under a name that we need is ours. */
export type IsOwn = (object: KubernetesObject) => boolean;

export class Reader {
  /** "Service etcd-client". */
  readonly foreign: string[] = [];
  private readonly client: ApiClient;
  private readonly cluster: EtcdCluster;
  private readonly call: CallOptions;

  constructor(client: ApiClient, cluster: EtcdCluster, call: CallOptions) {
    this.client = client;
    this.cluster = cluster;
    this.call = call;
  }

  /** By name. */
  async members(): Promise<readonly EtcdMember[]> {
    const items = (await this.labelled(etcdMembers)) as readonly EtcdMember[];
    return items
      .filter((member) => isControlledBy(member, this.cluster))
      .sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  }

  /** Objects under these names, by name: ours, and the others are foreign. */
  async named(
    resource: ResourceType,
    wanted: ReadonlyMap<string, IsOwn>,
  ): Promise<ReadonlyMap<string, KubernetesObject>> {
    return this.pick(resource, wanted, wanted.size === 0 ? [] : await this.labelled(resource));
  }

  /** The same, and whatever else of this kind the cluster controls: it may have to go. */
  async all(
    resource: ResourceType,
    wanted: ReadonlyMap<string, IsOwn>,
  ): Promise<ReadonlyMap<string, KubernetesObject>> {
    const listed = await this.labelled(resource);
    const picked = await this.pick(resource, wanted, listed);
    const others = listed.filter((object) => isControlledBy(object, this.cluster));
    return new Map([...others.map((object) => [object.metadata.name, object] as const), ...picked]);
  }

  /** Each by itself, whoever made it. */
  async given(
    resource: ResourceType,
    names: readonly string[],
  ): Promise<ReadonlyMap<string, KubernetesObject>> {
    const found = await Promise.all([...new Set(names)].map((name) => this.find(resource, name)));
    return new Map(
      found.flatMap((object) => (object === undefined ? [] : [[object.metadata.name, object]])),
    );
  }

  private async pick(
    resource: ResourceType,
    wanted: ReadonlyMap<string, IsOwn>,
    listed: readonly KubernetesObject[],
  ): Promise<ReadonlyMap<string, KubernetesObject>> {
    const found = await Promise.all(
      [...wanted].map(async ([name, isOwn]) => {
        const object =
          listed.find(({ metadata }) => metadata.name === name) ??
          (await this.find(resource, name));
        if (object === undefined) return [];
        if (isOwn(object)) return [[name, object] as const];
        this.foreign.push(`${resource.kind} ${name}`);
        return [];
      }),
    );
    return new Map(found.flat());
  }

  private async labelled(resource: ResourceType): Promise<readonly KubernetesObject[]> {
    const { namespace, name } = this.cluster.metadata;
    const query = { namespace, labelSelector: `${clusterLabel}=${name}` };
    const { items } = await listAll(this.client, resource, query, this.call);
    return items.map(withoutManagedFields);
  }

  private async find(resource: ResourceType, name: string): Promise<KubernetesObject | undefined> {
    const ref: ObjectRef = { namespace: this.cluster.metadata.namespace, name };
    const found = await this.client.find(resource, ref, this.call);
    return found === undefined ? undefined : withoutManagedFields(found);
  }
}
