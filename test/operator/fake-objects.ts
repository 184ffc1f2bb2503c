/** What machines write into the fake API server: status of Pods and claims, Nodes. */
import type { FakeApi } from "./fake-api.ts";
import { clone, isEqual, type Tree } from "./fake-api-json.ts";
import type { FakeResource, StoredObject } from "./fake-api-types.ts";

export interface NodeKinds {
  readonly pods: FakeResource;
  readonly volumeClaims: FakeResource;
  readonly nodes: FakeResource;
}

interface PodShown {
  readonly address: string;
  readonly isReady: boolean;
  readonly hasStarted: boolean;
  readonly restarts: number;
}

type At = Parameters<FakeApi["store"]["update"]>[0];

export class FakeObjects {
  private readonly api: FakeApi;
  private readonly kinds: NodeKinds;

  constructor(api: FakeApi, kinds: NodeKinds) {
    this.api = api;
    this.kinds = kinds;
  }

  createNode(name: string): void {
    this.api.store.create(this.target("nodes", "", name), {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name },
      spec: {},
    });
    this.setNodeReady(name, true);
  }

  setNodeReady(name: string, isReady: boolean): void {
    const at = this.target("nodes", "", name);
    const live = this.api.store.get(at);
    const conditions = [{ type: "Ready", status: isReady ? "True" : "Unknown" }];
    this.api.store.update(
      { ...at, subresource: "status" },
      { ...live, status: { conditions } },
      "update",
    );
  }

  bind(claim: StoredObject, annotations: Tree): void {
    this.update("volumeClaims", claim, "status", (live) => {
      live["status"] = { phase: "Bound", capacity: { storage: sizeOf(live) } };
    });
    if (Object.keys(annotations).length === 0) return;
    this.update("volumeClaims", claim, "", (live) => {
      live["metadata"] = { ...(live["metadata"] as Tree), annotations };
    });
  }

  /** As large as is asked for by now. Where only a start grows file systems, that is what it waits for. */
  resize(claim: StoredObject, isWaiting: boolean): void {
    this.update("volumeClaims", claim, "status", (live) => {
      const before = (live["status"] ?? {}) as Tree;
      const pending = {
        type: "FileSystemResizePending",
        status: "True",
        lastTransitionTime: this.now(),
      };
      live["status"] = isWaiting
        ? { ...before, conditions: [pending] }
        : { ...before, capacity: { storage: sizeOf(live) }, conditions: [] };
    });
  }

  assign(pod: StoredObject, node: string): void {
    this.update("pods", pod, "", (live) => {
      (live["spec"] as Tree)["nodeName"] = node;
    });
  }

  /** Written when it is another one. */
  setPodStatus(pod: StoredObject, shown: PodShown): void {
    this.update("pods", pod, "status", (live) => {
      live["status"] = podStatus(live["status"] as Tree | undefined, shown, this.now());
    });
  }

  endPod(pod: StoredObject): void {
    const { namespace, name } = pod.metadata as { namespace?: string; name: string };
    this.api.store.delete(this.target("pods", namespace ?? "", name), {}, true);
  }

  delete(kind: keyof NodeKinds, namespace: string, name: string): void {
    this.api.store.delete(this.target(kind, namespace, name), {});
  }

  claimOf(pod: StoredObject): StoredObject | undefined {
    const { volumes = [] } = pod["spec"] as {
      volumes?: { persistentVolumeClaim?: { claimName: string } }[];
    };
    const name = volumes.find((volume) => volume.persistentVolumeClaim !== undefined)
      ?.persistentVolumeClaim?.claimName;
    if (name === undefined) return undefined;
    return this.get(this.target("volumeClaims", pod.metadata["namespace"] as string, name));
  }

  claimUidOf(pod: StoredObject): string {
    return this.claimOf(pod)?.metadata.uid ?? "";
  }

  phaseOf(claim: StoredObject | undefined): string | undefined {
    return (claim?.["status"] as { phase?: string } | undefined)?.phase;
  }

  /** The object as it is now, unless it is another one or gone. */
  find(kind: keyof NodeKinds, object: StoredObject): StoredObject | undefined {
    const namespace = object.metadata["namespace"] as string;
    const live = this.get(this.target(kind, namespace, object.metadata.name));
    return live?.metadata.uid === object.metadata.uid ? live : undefined;
  }

  private get(at: At): StoredObject | undefined {
    try {
      return this.api.store.get(at);
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
    if (isEqual(live, found)) return;
    const target = this.target(kind, object.metadata["namespace"] as string, object.metadata.name);
    this.api.store.update({ ...target, subresource }, live, "update");
  }

  private target(kind: keyof NodeKinds, namespace: string, name: string): At {
    return { resource: this.kinds[kind], namespace, name, subresource: "", manager: "node" };
  }

  private now(): string {
    return this.api.now();
  }
}

function sizeOf(claim: Tree): unknown {
  const { resources } = (claim["spec"] ?? {}) as {
    resources?: { requests?: { storage?: string } };
  };
  return resources?.requests?.storage;
}

export function isSizeChanged(before: Tree, after: Tree): boolean {
  return sizeOf(before) !== sizeOf(after);
}

function podStatus(before: Tree | undefined, shown: PodShown, now: string): Tree {
  const { address, isReady, hasStarted, restarts } = shown;
  const status = isReady ? "True" : "False";
  const conditions = (before?.["conditions"] ?? []) as readonly Tree[];
  const was = conditions.find((condition) => condition["type"] === "Ready");
  const lastTransitionTime = was?.["status"] === status ? was["lastTransitionTime"] : now;
  const last = restarts > 0 ? { lastState: { terminated: { reason: "Error", exitCode: 1 } } } : {};
  return {
    phase: "Running",
    podIP: address,
    conditions: [
      { type: "PodScheduled", status: "True" },
      { type: "Ready", status, lastTransitionTime },
    ],
    containerStatuses: [
      { name: "etcd", ready: isReady, started: hasStarted, restartCount: restarts, ...last },
    ],
  };
}
