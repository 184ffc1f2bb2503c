/**
 * Machines in virtual time, as far as the operator sees them: they bind volume claims, run Pods, give them addresses, probe and restart them, end them gracefully, and can be lost;
 * and in each Pod an etcd member whose data is on the claim, so that a lost volume is lost data and a second seed is a second cluster.
 */
import type { EtcdConnection } from "../../operator/controller/etcd-connections.ts";
import type { Asked } from "../../operator/controller/etcd-port.ts";
import { assert } from "../../operator/kernel/assert.ts";
import type { Network } from "./direct-transport.ts";
import type { FakeApi } from "./fake-api.ts";
import type { Tree } from "./fake-api-json.ts";
import type { HistoryEvent, StoredObject } from "./fake-api-types.ts";
import { type FakeData, FakeEtcd, smallBytes } from "./fake-etcd.ts";
import { fakeConnection } from "./fake-etcd-connection.ts";
import { FakeObjects, isSizeChanged, type NodeKinds } from "./fake-objects.ts";
import type { ProcessView, VirtualTime } from "./virtual-time.ts";

const times = {
  bindMs: 200,
  scheduleMs: 50,
  startMs: 800,
  readyMs: 700,
  endMs: 400,
  lostMs: 5_000,
  collectMs: 40_000,
  resizeMs: 3_000,
};
const machines = ["node-1", "node-2", "node-3", "node-4", "node-5"];
const localProvisioner = { "volume.kubernetes.io/storage-provisioner": "rancher.io/local-path" };

/** A container in a Pod. */
interface Process {
  readonly pod: StoredObject;
  readonly address: string;
  /** Undefined while the container waits for its next start. */
  data: FakeData | undefined;
  restarts: number;
}

export class FakeNode {
  /** Clusters that were born: token ▸ how often. */
  readonly births = new Map<string, number>();
  /** By token: the one that was born last. */
  readonly clusters = new Map<string, FakeEtcd>();
  /** Pods that were run, by the name of the Pod and the uid of its claim. */
  readonly runs: { readonly pod: string; readonly claim: string; readonly image: string }[] = [];
  /** Every request to etcd that changes something, with who sent it. */
  readonly requests: string[] = [];
  /** No member answers operators, as when the network between is cut. */
  isCut = false;
  /** Volumes are on one machine and lost with it. */
  isLocal = false;
  /** File systems grow only when a Pod starts on them. */
  isOffline = false;
  /** Calls to etcd of all operators. */
  calls = 0;
  /** How much longer a request of this operator is under way. */
  delayOf: (by: string, call: string) => number = () => 0;
  private readonly time: VirtualTime;
  private readonly objects: FakeObjects;
  /** By the uid of the claim. */
  private readonly volumes = new Map<string, FakeData>();
  private readonly places = new Map<string, string>();
  /** By the uid of the Pod. */
  private readonly processes = new Map<string, Process>();
  private readonly down = new Set<string>();
  private addresses = 0;

  constructor(api: FakeApi, time: VirtualTime, kinds: NodeKinds) {
    this.time = time;
    this.objects = new FakeObjects(api, kinds);
    for (const name of machines) this.objects.createNode(name);
    api.store.listen((event) => this.take(event));
  }

  /** The way of an operator to a member. */
  connection(
    by: string,
    { endpoint }: Asked,
    way: { readonly process: ProcessView; readonly network: Network },
  ): EtcdConnection {
    const address = new URL(endpoint).hostname;
    return fakeConnection({
      ...way,
      time: this.time,
      find: () => {
        if (this.isCut || way.network.isDown) return undefined;
        return [...this.processes.values()].find((process) => process.address === address)?.data;
      },
      sent: (call) => {
        this.calls += 1;
        if (/^(add|promote|remove|move-leader|compact|defragment|disarm)/.test(call)) {
          this.requests.push(`${by} ${call}`);
        }
        return this.delayOf(by, call);
      },
    });
  }

  /** The volume's data and its claim are gone; a process that has it open goes on. */
  loseClaim(namespace: string, name: string): void {
    this.objects.delete("volumeClaims", namespace, name);
  }

  /** The container ends, and is started again. */
  crash(podName: string): void {
    const process = this.processNamed(podName);
    this.ended(process, false);
    this.restart(process, 1_000);
  }

  /** The machine is off. Its Pods are not confirmed to have ended, whatever is asked. */
  loseNode(name: string): void {
    this.down.add(name);
    this.objects.setNodeReady(name, false);
    for (const process of this.processes.values()) {
      if (nodeOf(this.objects.find("pods", process.pod)) !== name) continue;
      this.ended(process, false);
      this.later(times.lostMs, () => this.show(process, false));
    }
  }

  /** And does not exist any more: Kubernetes collects what was on it. */
  deleteNode(name: string): void {
    this.down.add(name);
    this.objects.delete("nodes", "", name);
    for (const process of [...this.processes.values()]) {
      const live = this.objects.find("pods", process.pod);
      if (live !== undefined && nodeOf(live) === name) {
        this.later(times.collectMs, () => this.end(live, true));
      }
    }
  }

  returnNode(name: string): void {
    this.down.delete(name);
    this.objects.setNodeReady(name, true);
    for (const process of [...this.processes.values()]) {
      const live = this.objects.find("pods", process.pod);
      if (live === undefined || nodeOf(live) !== name) continue;
      if (live.metadata["deletionTimestamp"] === undefined) this.restart(process, 500);
      else this.end(live);
    }
  }

  private take({ resource, after, before }: HistoryEvent): void {
    if (after === undefined) return;
    const isNew = before === undefined;
    if (resource.plural === "persistentvolumeclaims" && isNew) {
      this.later(times.bindMs, () =>
        this.objects.bind(after, this.isLocal ? localProvisioner : {}),
      );
    }
    if (resource.plural === "persistentvolumeclaims" && !isNew && isSizeChanged(before, after)) {
      this.later(times.resizeMs, () => this.objects.resize(after, this.isOffline));
    }
    if (resource.plural !== "pods") return;
    // Tests also put Pods there that are only names.
    if (isNew && after["spec"] !== undefined) {
      this.later(times.scheduleMs, () => this.schedule(after));
    }
    const isEnding = after.metadata["deletionTimestamp"] !== undefined;
    if (isEnding && before?.metadata["deletionTimestamp"] === undefined) {
      this.later(times.endMs, () => this.end(after));
    }
  }

  private schedule(pod: StoredObject): void {
    const claim = this.objects.claimOf(pod);
    const node = this.placeFor(claim?.metadata.uid ?? "");
    if (this.objects.find("pods", pod) === undefined) return;
    if (node === undefined || this.objects.phaseOf(claim) !== "Bound") {
      this.later(times.startMs, () => this.schedule(pod));
      return;
    }
    this.objects.assign(pod, node);
    if (claim !== undefined && this.isOffline) this.objects.resize(claim, false);
    this.later(times.startMs, () => this.start(pod, claim?.metadata.uid ?? ""));
  }

  /** The machine with the fewest Pods; that of the volume, where it is a local one. */
  private placeFor(claimUid: string): string | undefined {
    const place = this.isLocal ? this.places.get(claimUid) : undefined;
    if (place !== undefined) return this.down.has(place) ? undefined : place;
    const nodes = [...this.processes.values()].map(({ pod }) =>
      nodeOf(this.objects.find("pods", pod)),
    );
    const load = (name: string): number => nodes.filter((node) => node === name).length;
    const up = machines.filter((name) => !this.down.has(name));
    const [best] = up.sort((left, right) => load(left) - load(right));
    if (best !== undefined) this.places.set(claimUid, best);
    return best;
  }

  private start(pod: StoredObject, claim: string): void {
    const live = this.objects.find("pods", pod);
    if (live === undefined || live.metadata["deletionTimestamp"] !== undefined) return;
    this.addresses += 1;
    const address = `10.${this.addresses >> 16}.${(this.addresses >> 8) & 255}.${this.addresses & 255}`;
    const process: Process = { pod, address, data: undefined, restarts: 0 };
    this.processes.set(pod.metadata.uid, process);
    this.runs.push({ pod: pod.metadata.name, claim, image: containerOf(live).image });
    this.run(process);
  }

  /** The container starts. One that ends at once is started again, more and more rarely. */
  private run(process: Process): void {
    const live = this.objects.find("pods", process.pod);
    if (live === undefined || this.down.has(nodeOf(live) ?? "")) return;
    const claim = this.objects.claimUidOf(live);
    const flags = flagsOf(containerOf(live).args);
    const data = this.volumes.get(claim) ?? this.join(flags);
    this.show(process, false);
    const isAlien =
      data !== undefined &&
      flags["expected-cluster-id"] !== undefined &&
      flags["expected-cluster-id"] !== data.cluster.clusterId;
    if (data === undefined || isAlien || data.cluster.isRemoved(data.memberId)) {
      this.restart(process, Math.min(1_000 * 2 ** process.restarts, 60_000));
      return;
    }
    this.volumes.set(claim, data);
    process.data = data;
    data.cluster.start(data, flags["force-new-cluster"] === "true");
    this.probe(data.cluster);
  }

  /** Without data: it founds a cluster, or gets into one that has an entry for it. Undefined: it ends at once. */
  private join(flags: Readonly<Record<string, string>>): FakeData | undefined {
    const token = flags["initial-cluster-token"] ?? "";
    const peerUrl = flags["initial-advertise-peer-urls"] ?? "";
    const name = flags["name"] ?? "";
    const fresh = { name, applied: 0, dbSizeBytes: smallBytes };
    if (flags["initial-cluster-state"] === "new") {
      if (flags["expected-cluster-id"] !== undefined) return undefined;
      this.births.set(token, (this.births.get(token) ?? 0) + 1);
      const cluster = new FakeEtcd(() => this.time.monotonicMs(), token, { name, peerUrl });
      cluster.onRemoved = (id) => this.removed(cluster, id);
      this.clusters.set(token, cluster);
      return { ...fresh, cluster, memberId: cluster.members[0]?.id ?? "", applied: 100 };
    }
    const cluster = this.clusters.get(token);
    const entry = cluster?.members.find((member) => member.peerUrl === peerUrl);
    if (cluster?.leaderId === undefined || entry === undefined) return undefined;
    if (entry.name !== "") cluster.violations.push(`${name} came back without its data`);
    const urls = (flags["initial-cluster"] ?? "").split(",").map((part) => part.split("=")[1]);
    const listed = cluster.members.map((member) => member.peerUrl);
    const isSame = urls.length === listed.length && listed.every((url) => urls.includes(url));
    return isSame ? { ...fresh, cluster, memberId: entry.id } : undefined;
  }

  /** etcd ends a member that finds itself removed. */
  private removed(cluster: FakeEtcd, id: string): void {
    for (const process of this.processes.values()) {
      if (process.data?.cluster !== cluster || process.data.memberId !== id) continue;
      process.data = undefined;
      this.show(process, false);
      this.restart(process, 1_000);
    }
    this.probe(cluster);
  }

  private ended(process: Process, isGraceful: boolean): void {
    const { data } = process;
    process.data = undefined;
    if (data === undefined) return;
    data.cluster.stop(data.memberId, isGraceful);
    this.probe(data.cluster);
  }

  private restart(process: Process, delayMs: number): void {
    this.show(process, false);
    this.later(delayMs, () => {
      if (!this.processes.has(process.pod.metadata.uid) || process.data !== undefined) return;
      process.restarts += 1;
      this.run(process);
    });
  }

  /** Readiness of all members, now that something has changed, and when an election is over. */
  private probe(cluster: FakeEtcd): void {
    for (const delayMs of [times.readyMs, 2 * times.readyMs, 3 * times.readyMs]) {
      this.later(delayMs, () => {
        for (const process of this.processes.values()) {
          if (process.data?.cluster !== cluster) continue;
          this.show(process, cluster.leaderId !== undefined);
        }
      });
    }
  }

  private show(process: Process, isReady: boolean): void {
    const { pod, address, restarts } = process;
    const hasStarted = isReady || process.data !== undefined;
    this.objects.setPodStatus(pod, { address, isReady, hasStarted, restarts });
  }

  /** Confirmed by the machine, unless that is off. */
  private end(pod: StoredObject, isCollected = false): void {
    const live = this.objects.find("pods", pod);
    if (live === undefined) return;
    const node = nodeOf(live);
    if (!isCollected && node !== undefined && this.down.has(node)) return;
    const process = this.processes.get(pod.metadata.uid);
    this.processes.delete(pod.metadata.uid);
    if (process !== undefined) this.ended(process, true);
    this.objects.endPod(live);
  }

  private processNamed(podName: string): Process {
    const found = [...this.processes.values()].find(({ pod }) => pod.metadata.name === podName);
    assert(found !== undefined, "no such pod runs", podName);
    return found;
  }

  private later(ms: number, run: () => void): void {
    this.time.after(ms, run);
  }
}

function nodeOf(pod: StoredObject | undefined): string | undefined {
  return (pod?.["spec"] as { nodeName?: string } | undefined)?.nodeName;
}

function containerOf(pod: StoredObject): { readonly args: string[]; readonly image: string } {
  const [container] = (pod["spec"] as Tree & { containers: { args: string[]; image: string }[] })
    .containers;
  assert(container !== undefined, "a pod without a container");
  return container;
}

function flagsOf(args: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    args.map((arg) => {
      const [, name = "", value = ""] = /^--([^=]+)=(.*)$/.exec(arg) ?? [];
      return [name, value];
    }),
  );
}
