/** Operators, a fake API server, a node and its etcd, all in virtual time: whole stories of a cluster in milliseconds. */
import { etcdClusters, etcdMembers } from "../../operator/api/v1alpha1/names.ts";
import type { EtcdCluster, EtcdClusterSpec } from "../../operator/api/v1alpha1/types.ts";
import { EtcdClient } from "../../operator/controller/etcd-client.ts";
import {
  cronJobs,
  disruptionBudgets,
  nodes,
  pods,
  roleBindings,
  roles,
  secrets,
  serviceAccounts,
  services,
  storageClasses,
  volumeClaims,
} from "../../operator/controller/kinds.ts";
import type { Deed, ReconcileMetrics } from "../../operator/controller/metrics-port.ts";
import { Operator } from "../../operator/controller/operate.ts";
import { ApiClient } from "../../operator/kernel/api-client.ts";
import { eventResource } from "../../operator/kernel/event-recorder.ts";
import { leaseResource } from "../../operator/kernel/lease-lock.ts";
import type { Logger } from "../../operator/kernel/ports.ts";
import type { ResourceType } from "../../operator/kernel/resource.ts";
import { clusterWideRights } from "../chart/access-rules.ts";
import { DirectTransport, type Network } from "./direct-transport.ts";
import { FakeApi } from "./fake-api.ts";
import type { FakeResource, StoredObject, Target } from "./fake-api-types.ts";
import type { FakeEtcd } from "./fake-etcd.ts";
import { FakeNode } from "./fake-node.ts";
import { LabTls } from "./lab-tls.ts";
import { type ProcessView, silentLogger, VirtualTime } from "./virtual-time.ts";

const withStatus = (resource: ResourceType): FakeResource => ({ ...resource, hasStatus: true });
const withoutStatus = (resource: ResourceType): FakeResource => ({ ...resource, hasStatus: false });

export const kinds = {
  clusters: withStatus(etcdClusters),
  members: withStatus(etcdMembers),
  pods: { ...withStatus(pods), isGraceful: true },
  volumeClaims: withStatus(volumeClaims),
  services: withStatus(services),
  secrets: withoutStatus(secrets),
  budgets: withStatus(disruptionBudgets),
  cronJobs: withStatus(cronJobs),
  nodes: withStatus(nodes),
  storageClasses: withoutStatus(storageClasses),
  serviceAccounts: withoutStatus(serviceAccounts),
  roles: withoutStatus(roles),
  roleBindings: withoutStatus(roleBindings),
  leases: withoutStatus(leaseResource),
  events: withoutStatus(eventResource),
} satisfies Record<string, FakeResource>;

export type Kind = keyof typeof kinds;

/** A spec as the API server gives it: defaults filled in. */
function clusterSpec(fields: Partial<EtcdClusterSpec> = {}): EtcdClusterSpec {
  return {
    replicas: 1,
    allowEvenReplicas: false,
    paused: false,
    storage: { size: "8Gi", reclaim: { onScaleDown: "Delete", onClusterDelete: "Delete" } },
    tls: {
      mode: "Disabled",
      client: { requireClientCert: true },
      ca: { validityDays: 3650, overlapDays: 365 },
      leaf: { validityDays: 90, renewAtPercent: 67, keyType: "ECDSA-P256" },
    },
    etcd: {},
    pod: { affinityPreset: "Soft", terminationGracePeriodSeconds: 60 },
    services: { client: { type: "ClusterIP" } },
    recovery: { memberGraceSeconds: 60, maxReplacementsPerHour: 3, quorumLoss: "Assisted" },
    ...fields,
  };
}

export interface Start {
  readonly name?: string;
  readonly seed?: number;
  readonly image?: string;
  readonly namespaces?: readonly string[];
  readonly logger?: Logger;
}

/** One process of the operator. */
export class OperatorProcess {
  readonly process: ProcessView;
  readonly network: Network = { isDown: false, latencyMs: () => 2 };
  readonly stop = new AbortController();
  readonly operator: Operator;
  readonly results: string[] = [];
  readonly deeds: Deed[] = [];
  /** "stopped", "lost", or the error that it ended with. */
  result: unknown;

  constructor(lab: OperatorLab, start: Start) {
    const { name = "operator-1", seed = 1, logger = silentLogger } = start;
    this.process = lab.time.process(seed, logger);
    const metrics: ReconcileMetrics = {
      reconciled: (result) => this.results.push(result),
      cluster: () => undefined,
      deed: (_labels, deed) => this.deeds.push(deed),
      forget: () => undefined,
      readQueueDepth: () => undefined,
      leading: () => undefined,
    };
    this.operator = new Operator({
      client: new ApiClient({
        transport: new DirectTransport(lab.api, lab.time, this.process, this.network),
        ports: this.process,
        timeoutMs: 10_000,
        readTries: 4,
        userAgent: `etcd-ts-operator/${name}`,
      }),
      etcd: lab.etcdFor(name, this),
      tls: new LabTls(lab.time),
      ports: this.process,
      metrics,
      context: { defaultImage: start.image ?? "etcd-ts:1", clusterDomain: "cluster.local" },
      lease: { namespace: "operators", name: "etcd-ts-operator" },
      identity: name,
      instance: name,
      namespaces: start.namespaces ?? [],
      workerCount: 4,
    });
    this.operator.run(this.stop.signal).then(
      (how) => {
        this.result = how;
      },
      (error: unknown) => {
        this.result = error;
      },
    );
  }

  get isOver(): boolean {
    return this.result !== undefined || this.process.hasEnded;
  }
}

export class OperatorLab {
  readonly time = new VirtualTime();
  readonly api: FakeApi;
  readonly node: FakeNode;

  constructor() {
    this.api = new FakeApi({ clock: this.time, timers: this.time }, Object.values(kinds));
    // Only operators ask through it.
    this.api.rights = new Set(clusterWideRights);
    this.node = new FakeNode(this.api, this.time, kinds);
  }

  start(start: Start = {}): OperatorProcess {
    return new OperatorProcess(this, start);
  }

  /** Somebody who asks for himself, once, with an operator's rights. */
  asker(): {
    readonly client: ApiClient;
    readonly way: Pick<OperatorProcess, "process" | "network">;
  } {
    const way = { process: this.time.process(), network: { isDown: false, latencyMs: () => 1 } };
    const client = new ApiClient({
      transport: new DirectTransport(this.api, this.time, way.process, way.network),
      ports: way.process,
      timeoutMs: 5_000,
      readTries: 1,
      userAgent: "etcd-ts-operator/test",
    });
    return { client, way };
  }

  /** How an operator reaches members. */
  etcdFor(by: string, way: Pick<OperatorProcess, "process" | "network">): EtcdClient {
    return new EtcdClient((asked) => this.node.connection(by, asked, way));
  }

  /** The etcd of a cluster that was born. */
  etcd(name: string, namespace = "default"): FakeEtcd {
    const { uid = "" } = this.cluster(name, namespace).metadata;
    const found = this.node.clusters.get(`${namespace}/${name}/${uid}`);
    if (found === undefined) throw new Error(`${name} was not born`);
    return found;
  }

  createCluster(name: string, spec: Partial<EtcdClusterSpec> = {}, namespace = "default"): void {
    const { group, version, kind } = etcdClusters;
    this.api.store.create(target("clusters", name, namespace), {
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { name, namespace },
      spec: clusterSpec(spec),
    });
  }

  /** As a user does it, past the network. */
  changeSpec(name: string, fields: Partial<EtcdClusterSpec>): void {
    const at = target("clusters", name);
    const live = this.api.store.get(at);
    const spec = { ...(live["spec"] as object), ...fields };
    this.api.store.update(at, { ...live, spec }, "update");
  }

  annotate(name: string, annotations: Readonly<Record<string, string>>): void {
    const at = target("clusters", name);
    const live = this.api.store.get(at);
    this.api.store.update(at, { ...live, metadata: { ...live.metadata, annotations } }, "update");
  }

  /** Of the cluster's maintenance Lease; "" when nobody holds it. */
  leaseHolder(name: string): string | undefined {
    const lease = this.api.store.get(target("leases", `${name}-maintenance`));
    return (lease["spec"] as { holderIdentity?: string }).holderIdentity;
  }

  /** As a program of a CronJob does. */
  takeLease(name: string, holderIdentity: string, leaseDurationSeconds: number): void {
    const at = target("leases", `${name}-maintenance`);
    const live = this.api.store.get(at);
    const renewTime = new Date(this.time.unixMs()).toISOString();
    const spec = { ...(live["spec"] as object), holderIdentity, leaseDurationSeconds, renewTime };
    this.api.store.update(at, { ...live, spec }, "update");
  }

  delete(kind: Kind, name: string): void {
    this.api.store.delete(target(kind, name), {});
  }

  create(kind: Kind, name: string, fields: Record<string, unknown> = {}): void {
    const { group, version, kind: objectKind } = kinds[kind];
    const apiVersion = group === "" ? version : `${group}/${version}`;
    const metadata = { name, namespace: "default", ...(fields["metadata"] as object | undefined) };
    this.api.store.create(target(kind, name), {
      ...fields,
      apiVersion,
      kind: objectKind,
      metadata,
    });
  }

  list(kind: Kind): StoredObject[] {
    return this.api.store.list(kinds[kind]);
  }

  cluster(name: string, namespace = "default"): EtcdCluster {
    return this.api.store.get(target("clusters", name, namespace)) as unknown as EtcdCluster;
  }

  /** "True", "False", "Unknown", or undefined where there is no such condition. */
  condition(name: string, type: string): string | undefined {
    return this.cluster(name).status?.conditions?.find((each) => each.type === type)?.status;
  }

  /** Lets time pass until `isSo`, or fails after `limitMs`. */
  async until(isSo: () => boolean, limitMs = 120_000): Promise<void> {
    for (let passedMs = 0; passedMs < limitMs; passedMs += 200) {
      if (isSo()) return;
      await this.time.advance(200);
    }
    throw new Error("it did not come to that");
  }

  untilReady(name: string): Promise<void> {
    return this.until(() => this.isReady(name));
  }

  /** Ready, and said of the spec as it is. */
  isReady(name: string): boolean {
    const { metadata, status } = this.cluster(name);
    return (
      status?.observedGeneration === metadata.generation && this.condition(name, "Ready") === "True"
    );
  }

  /** Mutations of others than the node, the users and the lease, from `since` on. */
  operatorWrites(since = 0): string[] {
    return this.api.store.mutations
      .slice(since)
      .filter(({ by, plural }) => isOperator(by) && plural !== "leases" && plural !== "events")
      .map(({ verb, plural, name }) => `${verb} ${plural} ${name}`);
  }

  /** How many objects of a kind the operator made. */
  made(kind: Kind): number {
    const { plural } = kinds[kind];
    return this.operatorWrites().filter((write) => write.startsWith(`create ${plural} `)).length;
  }
}

export function isOperator(manager: string): boolean {
  return manager.startsWith("etcd-ts-operator");
}

function target(kind: Kind, name: string, namespace = "default"): Target {
  return { resource: kinds[kind], namespace, name, subresource: "", manager: "somebody" };
}
