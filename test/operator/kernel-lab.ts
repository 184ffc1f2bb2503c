/** What the kernel's tests stand on: kinds for the fake API server, and processes with clients to it in virtual time. */
import { ApiClient } from "../../operator/kernel/api-client.ts";
import { eventResource } from "../../operator/kernel/event-recorder.ts";
import { leaseResource } from "../../operator/kernel/lease-lock.ts";
import type { KubernetesObject, ResourceType } from "../../operator/kernel/resource.ts";
import { DirectTransport, type Network } from "./direct-transport.ts";
import { FakeApi } from "./fake-api.ts";
import type { FakeResource, StoredObject, Target } from "./fake-api-types.ts";
import { type ProcessView, VirtualTime } from "./virtual-time.ts";

/** A custom kind with a status. */
export const widgets: FakeResource = {
  group: "test.dev",
  version: "v1",
  plural: "widgets",
  kind: "Widget",
  isNamespaced: true,
  hasStatus: true,
};

/** A kind of the core group. */
export const configMaps: FakeResource = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  isNamespaced: true,
  hasStatus: false,
};

const withoutStatus = (resource: ResourceType): FakeResource => ({ ...resource, hasStatus: false });

export const resources: readonly FakeResource[] = [
  widgets,
  configMaps,
  withoutStatus(leaseResource),
  withoutStatus(eventResource),
];

export function widget(name: string, fields: Record<string, unknown> = {}): KubernetesObject {
  return {
    apiVersion: "test.dev/v1",
    kind: "Widget",
    metadata: { name, namespace: "default" },
    ...fields,
  };
}

export class KernelLab {
  readonly time = new VirtualTime();
  readonly api: FakeApi;
  readonly network: Network = { isDown: false, latencyMs: () => 1 };

  constructor() {
    this.api = new FakeApi({ clock: this.time, timers: this.time }, resources);
  }

  client(process: ProcessView, network: Network = this.network): ApiClient {
    return new ApiClient({
      transport: new DirectTransport(this.api, this.time, process, network),
      ports: process,
      timeoutMs: 10_000,
      readTries: 4,
      userAgent: "lab",
    });
  }

  /** Runs `promise` with as much time as it needs, a minute at most. */
  async finish<Value>(promise: Promise<Value>): Promise<Value> {
    const state = { isOver: false };
    const over = (): void => {
      state.isOver = true;
    };
    promise.then(over, over);
    for (let step = 0; step < 600; step += 1) {
      await this.time.advance(0);
      if (state.isOver) return promise;
      await this.time.advance(100);
    }
    throw new Error("nothing happened for a minute");
  }

  /** Writes by somebody else, past the network. */
  readonly direct = {
    create: (object: KubernetesObject): StoredObject =>
      this.api.store.create(target(object.metadata.name), object),
    update: (name: string, change: (object: StoredObject) => Record<string, unknown>): void => {
      const at = target(name);
      const object = this.api.store.get(at);
      this.api.store.update(at, { ...object, ...change(object) }, "update");
    },
    delete: (name: string): void => {
      this.api.store.delete(target(name), {});
    },
  };
}

function target(name: string): Target {
  return { resource: widgets, namespace: "default", name, subresource: "", manager: "somebody" };
}
