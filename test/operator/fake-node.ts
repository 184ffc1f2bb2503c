/**
 * A node in virtual time, as far as the operator sees one: binds volume claims, runs Pods, gives them addresses, ends them gracefully; and
 * in each Pod an etcd member whose data is on the claim, so that a lost volume is lost data and a second seed is a second cluster.
 */
import { createHash } from "node:crypto";

import type { EtcdView, ListedMember, MemberAnswers } from "../../operator/cluster/observed.ts";
import type { Asked, EtcdPort } from "../../operator/controller/etcd-port.ts";
import { assert } from "../../operator/kernel/assert.ts";
import type { FakeApi } from "./fake-api.ts";
import { clone, type Tree } from "./fake-api-json.ts";
import type { FakeResource, HistoryEvent, StoredObject } from "./fake-api-store.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface NodeKinds {
  readonly pods: FakeResource;
  readonly volumeClaims: FakeResource;
}

/** What is on a volume. */
interface MemberData {
  readonly clusterId: string;
  readonly memberId: string;
  readonly peerUrl: string;
  readonly name: string;
}

const times = { bindMs: 200, scheduleMs: 50, startMs: 800, readyMs: 700, endMs: 400 };

export class FakeNode implements EtcdPort {
  /** Clusters that were born: token ▸ how often. */
  readonly births = new Map<string, number>();
  /** Pods that were run, by the name of the Pod and the uid of its claim. */
  readonly runs: { readonly pod: string; readonly claim: string; readonly image: string }[] = [];
  /** No member answers, as when the network between the operator and them is cut. */
  isCut = false;
  asks = 0;
  private readonly api: FakeApi;
  private readonly time: VirtualTime;
  private readonly kinds: NodeKinds;
  /** By the uid of the claim. */
  private readonly volumes = new Map<string, MemberData>();
  /** By the address of the Pod. */
  private readonly running = new Map<string, MemberData>();
  private addresses = 0;

  constructor(api: FakeApi, time: VirtualTime, kinds: NodeKinds) {
    this.api = api;
    this.time = time;
    this.kinds = kinds;
    api.store.listen((event) => this.take(event));
  }

  async ask(_cluster: string, members: readonly Asked[]): Promise<EtcdView> {
    if (members.length === 0) return { kind: "unasked" };
    this.asks += 1;
    const answers: Map<
      string,
      MemberAnswers extends ReadonlyMap<string, infer A> ? A : never
    > = new Map();
    const list: ListedMember[] = [];
    let clusterId: string | undefined;
    for (const { name, endpoint } of members) {
      const data = this.running.get(new URL(endpoint).hostname);
      if (data === undefined || this.isCut) {
        answers.set(name, { kind: "silent", reason: "not reachable" });
        continue;
      }
      ({ clusterId } = data);
      answers.set(name, answerOf(data));
      list.push({ id: data.memberId, name: data.name, peerUrls: [data.peerUrl], isLearner: false });
    }
    if (clusterId === undefined) {
      return { kind: "unknown", reason: "no member that votes answers", answers };
    }
    return { kind: "known", clusterId, list, answers };
  }

  forget(): void {
    // It keeps no connections.
  }

  /** The volume's data and its claim are gone. */
  loseClaim(namespace: string, name: string): void {
    this.api.store.delete(this.target("volumeClaims", namespace, name), {});
  }

  private take({ resource, after, before }: HistoryEvent): void {
    const { pods, volumeClaims } = this.kinds;
    if (resource.plural === volumeClaims.plural && before === undefined && after !== undefined) {
      this.later(times.bindMs, () => this.bind(after));
    }
    if (resource.plural !== pods.plural || after === undefined) return;
    // Tests also put Pods there that are only names.
    const isWhole = after["spec"] !== undefined;
    if (before === undefined && isWhole) this.later(times.scheduleMs, () => this.schedule(after));
    const isEnding = after.metadata["deletionTimestamp"] !== undefined;
    const wasEnding = before?.metadata["deletionTimestamp"] !== undefined;
    if (isEnding && !wasEnding) this.later(times.endMs, () => this.end(after));
  }

  private bind(claim: StoredObject): void {
    this.update("volumeClaims", claim, "status", (live) => {
      live["status"] = { phase: "Bound" };
    });
  }

  private schedule(pod: StoredObject): void {
    this.update("pods", pod, "", (live) => {
      (live["spec"] as Tree)["nodeName"] = "node-1";
    });
    this.later(times.startMs, () => this.start(pod));
  }

  private start(pod: StoredObject): void {
    const live = this.find("pods", pod);
    if (live === undefined || live.metadata["deletionTimestamp"] !== undefined) return;
    const claim = this.claimOf(live);
    if ((claim?.["status"] as Tree | undefined)?.["phase"] !== "Bound" || claim === undefined) {
      this.later(times.startMs, () => this.start(pod));
      return;
    }
    const [container] = (live["spec"] as { containers: { args: string[]; image: string }[] })
      .containers;
    assert(container !== undefined, "a pod without a container");
    this.addresses += 1;
    const address = `10.0.${this.addresses >> 8}.${this.addresses & 255}`;
    this.runs.push({ pod: live.metadata.name, claim: claim.metadata.uid, image: container.image });
    const data = this.boot(claim.metadata.uid, flagsOf(container.args));
    this.setStatus(live, podStatus(address, { isReady: false, hasStarted: false }));
    if (data === undefined) return;
    this.later(times.readyMs, () => {
      const still = this.find("pods", pod);
      if (still === undefined || still.metadata["deletionTimestamp"] !== undefined) return;
      this.running.set(address, data);
      this.setStatus(pod, podStatus(address, { isReady: true, hasStarted: true }));
    });
  }

  /** Undefined for a member that ends at once: it was told of a cluster that it has no data of and is no part of. */
  private boot(claimUid: string, flags: Readonly<Record<string, string>>): MemberData | undefined {
    const found = this.volumes.get(claimUid);
    if (found !== undefined) return found;
    if (flags["initial-cluster-state"] !== "new") return undefined;
    const token = flags["initial-cluster-token"] ?? "";
    this.births.set(token, (this.births.get(token) ?? 0) + 1);
    const peerUrl = flags["initial-advertise-peer-urls"] ?? "";
    const name = flags["name"] ?? "";
    const data = {
      clusterId: idOf(`${token} ${flags["initial-cluster"]}`),
      memberId: idOf(`${token} ${peerUrl}`),
      peerUrl,
      name,
    };
    this.volumes.set(claimUid, data);
    return data;
  }

  private end(pod: StoredObject): void {
    const live = this.find("pods", pod);
    if (live === undefined) return;
    const { podIP = "" } = (live["status"] ?? {}) as { podIP?: string };
    this.running.delete(podIP);
    const { namespace, name } = live.metadata as { namespace?: string; name: string };
    this.api.store.delete(this.target("pods", namespace ?? "", name), {}, true);
  }

  private claimOf(pod: StoredObject): StoredObject | undefined {
    const { volumes = [] } = pod["spec"] as {
      volumes?: { persistentVolumeClaim?: { claimName: string } }[];
    };
    const name = volumes.find((volume) => volume.persistentVolumeClaim !== undefined)
      ?.persistentVolumeClaim?.claimName;
    if (name === undefined) return undefined;
    const namespace = pod.metadata["namespace"] as string;
    try {
      return this.api.store.get(this.target("volumeClaims", namespace, name));
    } catch {
      return undefined;
    }
  }

  private setStatus(pod: StoredObject, status: Tree): void {
    this.update("pods", pod, "status", (live) => {
      live["status"] = status;
    });
  }

  /** The object as it is now, unless it is another one or gone. */
  private find(kind: keyof NodeKinds, object: StoredObject): StoredObject | undefined {
    const namespace = object.metadata["namespace"] as string;
    try {
      const live = this.api.store.get(this.target(kind, namespace, object.metadata.name));
      return live.metadata.uid === object.metadata.uid ? live : undefined;
    } catch {
      return undefined;
    }
  }

  private update(
    kind: keyof NodeKinds,
    object: StoredObject,
    subresource: string,
    change: (live: Tree) => void,
  ): void {
    const found = this.find(kind, object);
    if (found === undefined) return;
    const live = clone(found);
    change(live);
    const target = this.target(kind, object.metadata["namespace"] as string, object.metadata.name);
    this.api.store.update({ ...target, subresource }, live, "update");
  }

  private target(
    kind: keyof NodeKinds,
    namespace: string,
    name: string,
  ): Parameters<FakeApi["store"]["update"]>[0] {
    return { resource: this.kinds[kind], namespace, name, subresource: "", manager: "node" };
  }

  private later(ms: number, run: () => void): void {
    this.time.after(ms, run);
  }
}

function podStatus(
  podIP: string,
  { isReady, hasStarted }: { readonly isReady: boolean; readonly hasStarted: boolean },
): Tree {
  const status = isReady ? "True" : "False";
  return {
    phase: "Running",
    podIP,
    conditions: [
      { type: "PodScheduled", status: "True" },
      { type: "Ready", status },
    ],
    containerStatuses: [{ name: "etcd", ready: isReady, started: hasStarted, restartCount: 0 }],
  };
}

function answerOf(
  data: MemberData,
): MemberAnswers extends ReadonlyMap<string, infer A> ? A : never {
  return {
    kind: "answered",
    memberId: data.memberId,
    clusterId: data.clusterId,
    leaderId: data.memberId,
    version: "3.7.1",
    raftTerm: 2,
    raftAppliedIndex: 5,
    dbSizeBytes: 20_480,
    dbSizeInUseBytes: 16_384,
    isLearner: false,
    errors: [],
  };
}

function flagsOf(args: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    args.map((arg) => {
      const [, name = "", value = ""] = /^--([^=]+)=(.*)$/.exec(arg) ?? [];
      return [name, value];
    }),
  );
}

function idOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 15);
}
