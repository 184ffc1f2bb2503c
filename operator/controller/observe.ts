/**
 * Reads everything about one EtcdCluster, live: the API server answers from its store by quorum, so a decision never rests on a cache that
 * lags behind what was just written. Then asks etcd.
 */
import { clusterLabel, etcdClusters, etcdMembers } from "../api/v1alpha1/names.ts";
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { EtcdView, Observed, ObservedMember } from "../cluster/observed.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import type { CallOptions } from "../kernel/exchange.ts";
import { listAll } from "../kernel/pager.ts";
import { type KubernetesObject, keyOf, type ObjectRef } from "../kernel/resource.ts";
import { clientServiceNameOf, peersServiceNameOf, volumeClaimNameOf } from "../resources/names.ts";
import { clientPort } from "../resources/urls.ts";
import type { Asked, EtcdPort } from "./etcd-port.ts";
import { pods, services, volumeClaims } from "./kinds.ts";
import { belongsTo, isControlledBy } from "./ownership.ts";

export interface Look {
  readonly client: ApiClient;
  readonly etcd: EtcdPort;
}

/** For one request; a read is tried twice. */
const callTimeoutMs = 5_000;

/** Undefined when there is no such EtcdCluster. Throws ApiError when something could not be read: nothing is decided on half a view. */
export async function observe(
  look: Look,
  ref: ObjectRef,
  signal: AbortSignal,
): Promise<Observed | undefined> {
  const call = { signal, timeoutMs: callTimeoutMs, readTries: 2 };
  // Before all others: what hangs on it is at least as new.
  const cluster = (await look.client.find(etcdClusters, ref, call)) as EtcdCluster | undefined;
  if (cluster === undefined) return undefined;
  const reader = new Reader(look.client, cluster, call);
  const [members, peersService, clientService] = await Promise.all([
    reader.members(),
    reader.service(peersServiceNameOf(ref.name)),
    reader.service(clientServiceNameOf(ref.name)),
  ]);
  await reader.checkSeed(members);
  const etcd = await askEtcd(look.etcd, keyOf(ref), members, signal);
  const foreign = [...reader.foreign].sort();
  return { cluster, members, peersService, clientService, foreign, etcd };
}

class Reader {
  readonly foreign: string[] = [];
  private readonly client: ApiClient;
  private readonly cluster: EtcdCluster;
  private readonly namespace: string | undefined;
  private readonly call: CallOptions;

  constructor(client: ApiClient, cluster: EtcdCluster, call: CallOptions) {
    this.client = client;
    this.cluster = cluster;
    this.namespace = cluster.metadata.namespace;
    this.call = call;
  }

  async members(): Promise<ObservedMember[]> {
    const labelSelector = `${clusterLabel}=${this.cluster.metadata.name}`;
    const query = { namespace: this.namespace, labelSelector };
    const { items } = await listAll(this.client, etcdMembers, query, this.call);
    const own = (items as readonly EtcdMember[]).filter((member) =>
      isControlledBy(member, this.cluster),
    );
    own.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    return Promise.all(own.map((member) => this.withBody(member)));
  }

  /** The Service, when it is the cluster's own. */
  async service(name: string): Promise<KubernetesObject | undefined> {
    const service = await this.client.find(services, this.refTo(name), this.call);
    if (service === undefined || isControlledBy(service, this.cluster)) return service;
    this.foreign.push(`Service ${name}`);
    return undefined;
  }

  /** A latched seed that is not among the members may be there all the same, in other hands: creating it would fail for ever. */
  async checkSeed(members: readonly ObservedMember[]): Promise<void> {
    const { seedMember, clusterID } = this.cluster.status ?? {};
    if (seedMember === undefined || clusterID !== undefined) return;
    if (members.some(({ member }) => member.metadata.name === seedMember)) return;
    const found = await this.client.find(etcdMembers, this.refTo(seedMember), this.call);
    // Made between the two reads: it is ours, and the next look lists it.
    if (found === undefined || isControlledBy(found, this.cluster)) return;
    this.foreign.push(`EtcdMember ${seedMember}`);
  }

  private async withBody(member: EtcdMember): Promise<ObservedMember> {
    const { name } = member.metadata;
    const claimName = volumeClaimNameOf(name);
    const [pod, claim] = await Promise.all([
      this.client.find(pods, this.refTo(name), this.call),
      this.client.find(volumeClaims, this.refTo(claimName), this.call),
    ]);
    const isOwnPod = pod === undefined || isControlledBy(pod, member);
    const isOwnClaim = claim === undefined || belongsTo(claim, this.cluster, member);
    if (!isOwnPod) this.foreign.push(`Pod ${name}`);
    if (!isOwnClaim) this.foreign.push(`PersistentVolumeClaim ${claimName}`);
    return {
      member,
      pod: isOwnPod ? pod : undefined,
      volumeClaim: isOwnClaim ? claim : undefined,
    };
  }

  private refTo(name: string): ObjectRef {
    return { namespace: this.namespace, name };
  }
}

async function askEtcd(
  etcd: EtcdPort,
  key: string,
  members: readonly ObservedMember[],
  signal: AbortSignal,
): Promise<EtcdView> {
  return etcd.ask(key, members.flatMap(askable), signal);
}

/** By the pod's address and not by its name: DNS learns of a new pod late, and remembers that it did not know it. */
function askable({ member, pod }: ObservedMember): Asked[] {
  const { phase, podIP } = (pod?.["status"] ?? {}) as { phase?: string; podIP?: string };
  if (phase !== "Running" || podIP === undefined || podIP === "") return [];
  const host = podIP.includes(":") ? `[${podIP}]` : podIP;
  return [{ name: member.metadata.name, endpoint: `http://${host}:${clientPort}` }];
}
