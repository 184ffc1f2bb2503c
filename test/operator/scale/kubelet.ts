/**
 * What controllers and kubelets do for the clusters, on a real API server: claims are bound, Pods are put on nodes, run with the certificates of their
 * Secrets, and become ready when their etcd has a leader. In each Pod a fake etcd member answers on the Pod's address. Nothing ends here: the measurement has no losses.
 */
import { clusterLabel } from "../../../operator/api/v1alpha1/names.ts";
import { nodes, pods, secrets, volumeClaims } from "../../../operator/controller/kinds.ts";
import type { ApiClient } from "../../../operator/kernel/api-client.ts";
import { isApiError } from "../../../operator/kernel/api-error.ts";
import type { Ports } from "../../../operator/kernel/ports.ts";
import { Reflector } from "../../../operator/kernel/reflector.ts";
import type { KubernetesObject, ResourceType } from "../../../operator/kernel/resource.ts";
import { Store } from "../../../operator/kernel/store.ts";
import { textsIn } from "../../../operator/resources/tls-secrets.ts";
import { memberTlsKeys } from "../../../operator/resources/tls-volume.ts";
import { type FakeData, FakeEtcd, smallBytes } from "../fake-etcd.ts";
import { type ServerFiles, serveMember } from "./member-server.ts";
import { podStatus } from "./pod-status.ts";

export interface KubeletOptions {
  readonly client: ApiClient;
  readonly ports: Ports;
  /** Gives each Pod an address of its own on the loopback network. */
  readonly nextAddress: () => string;
  /** Called with the method's path for each call to a member. */
  readonly called: (path: string) => void;
}

const nodeNames = ["node-1", "node-2", "node-3"];
const bindings: ResourceType = { ...pods, plural: "bindings", kind: "Binding" };
const startMs = 500;
const probeMs = 1_000;

/** The part of a member's Pod that matters here. */
interface PodSpec {
  readonly containers: readonly { readonly args: readonly string[]; readonly image: string }[];
  readonly volumes?: readonly {
    readonly projected?: unknown;
    readonly secret?: { readonly secretName: string };
  }[];
}

export class Kubelet {
  private readonly options: KubeletOptions;
  /** By token. */
  private readonly clusters = new Map<string, FakeEtcd>();
  private started = 0;

  constructor(options: KubeletOptions) {
    this.options = options;
  }

  /** Until `signal` aborts. Rejects when a Pod cannot be run: the measurement is worth nothing then. */
  async run(signal: AbortSignal): Promise<void> {
    for (const name of nodeNames) await this.createNode(name);
    const failed = Promise.withResolvers<never>();
    const each =
      (take: (object: KubernetesObject) => Promise<void>) =>
      (object: KubernetesObject): void => {
        take(object).catch((error: unknown) => failed.reject(error));
      };
    const watch = (resource: ResourceType, onAdd: (object: KubernetesObject) => void) => {
      const store = new Store();
      store.subscribe({ onAdd });
      const { client, ports } = this.options;
      return new Reflector({ client, ports, resource, store, labelSelector: clusterLabel });
    };
    const reflectors = [
      watch(
        volumeClaims,
        each((claim) => this.bind(claim)),
      ),
      watch(
        pods,
        each((pod) => this.start(pod)),
      ),
    ];
    await Promise.race([
      Promise.all(reflectors.map((reflector) => reflector.run(signal))),
      failed.promise,
    ]);
  }

  private async createNode(name: string): Promise<void> {
    const { client } = this.options;
    await client.create(nodes, { apiVersion: "v1", kind: "Node", metadata: { name } });
    const status = { conditions: [{ type: "Ready", status: "True" }] };
    await client.patch(nodes, { name }, { status }, { type: "merge", subresource: "status" });
  }

  private async bind({ metadata, ...claim }: KubernetesObject): Promise<void> {
    const { accessModes, resources } = claim["spec"] as {
      readonly accessModes: readonly string[];
      readonly resources: { readonly requests: unknown };
    };
    const status = { phase: "Bound", accessModes, capacity: resources.requests };
    const write = { type: "merge", subresource: "status" } as const;
    await this.options.client.patch(volumeClaims, metadata, { status }, write);
  }

  private async start(pod: KubernetesObject): Promise<void> {
    const { ports, nextAddress, called } = this.options;
    const spec = pod["spec"] as PodSpec;
    await this.assign(pod);
    const files = await this.filesOf(pod, spec);
    await after(ports, startMs);
    const address = nextAddress();
    const data = this.join(flagsOf(spec.containers[0]?.args ?? []));
    await serveMember({ address, files, data, called });
    data.cluster.start(data);
    await this.show(pod, address, false);
    while (data.cluster.leaderId === undefined) await after(ports, probeMs / 4);
    await after(ports, probeMs);
    await this.show(pod, address, true);
  }

  /** As the scheduler does it. The API server answers with a Status and no object. */
  private async assign({ metadata: { name, namespace } }: KubernetesObject): Promise<void> {
    const target = {
      apiVersion: "v1",
      kind: "Node",
      name: nodeNames[this.started % nodeNames.length],
    };
    this.started += 1;
    const binding = { apiVersion: "v1", kind: "Binding", metadata: { name, namespace }, target };
    try {
      await this.options.client.create(bindings, binding);
    } catch (error) {
      if (!isApiError(error, "Unanswered")) throw error;
    }
  }

  private async filesOf(pod: KubernetesObject, spec: PodSpec): Promise<ServerFiles | undefined> {
    const name = spec.volumes?.find(({ secret }) => secret !== undefined)?.secret?.secretName;
    if (name === undefined) return undefined;
    const { namespace } = pod.metadata;
    const texts = textsIn(await this.options.client.get(secrets, { namespace, name }));
    return {
      ca: texts.get(memberTlsKeys.ca) ?? "",
      certificate: texts.get(memberTlsKeys.serverCertificate) ?? "",
      key: texts.get(memberTlsKeys.serverKey) ?? "",
    };
  }

  /** It founds a cluster, or gets into the one that has an entry for it. */
  private join(flags: ReadonlyMap<string, string>): FakeData {
    const token = flags.get("initial-cluster-token") ?? "";
    const peerUrl = flags.get("initial-advertise-peer-urls") ?? "";
    const name = flags.get("name") ?? "";
    const fresh = { name, dbSizeBytes: smallBytes };
    const known = this.clusters.get(token);
    if (flags.get("initial-cluster-state") === "new") {
      if (known !== undefined) throw new Error(`${name} founds a cluster that lives`);
      const cluster = new FakeEtcd(() => performance.now(), token, { name, peerUrl });
      this.clusters.set(token, cluster);
      return { ...fresh, cluster, memberId: cluster.members[0]?.id ?? "", applied: 100 };
    }
    const entry = known?.members.find((member) => member.peerUrl === peerUrl);
    if (known === undefined || entry === undefined) throw new Error(`${name} is not listed`);
    return { ...fresh, cluster: known, memberId: entry.id, applied: 0 };
  }

  private async show(pod: KubernetesObject, address: string, isReady: boolean): Promise<void> {
    const image = (pod["spec"] as PodSpec).containers[0]?.image ?? "";
    const now = new Date(this.options.ports.clock.unixMs()).toISOString().replace(/\.\d+Z$/, "Z");
    const status = podStatus({ address, image, isReady, now });
    const write = { type: "merge", subresource: "status", fieldManager: "kubelet" } as const;
    await this.options.client.patch(pods, pod.metadata, { status }, write);
  }
}

function flagsOf(args: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    args.map((arg) => {
      const [, name = "", value = ""] = /^--([^=]+)=(.*)$/.exec(arg) ?? [];
      return [name, value] as const;
    }),
  );
}

function after({ timers }: Ports, ms: number): Promise<void> {
  return new Promise((resolve) => timers.after(ms, resolve));
}
