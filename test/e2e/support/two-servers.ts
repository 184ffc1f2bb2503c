/** The same questions to a real API server and to the fake one of the unit tests, over the same kernel and real sockets. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";

import { ApiClient } from "../../../operator/kernel/api-client.ts";
import { ApiError } from "../../../operator/kernel/api-error.ts";
import { type AccessSource, HttpTransport } from "../../../operator/kernel/http-transport.ts";
import { accessFromKubeConfig } from "../../../operator/kernel/kube-config.ts";
import type { Ports } from "../../../operator/kernel/ports.ts";
import {
  processClock,
  processRandom,
  processTimers,
} from "../../../operator/kernel/process-ports.ts";
import type { ResourceType } from "../../../operator/kernel/resource.ts";
import { FakeApi } from "../../operator/fake-api.ts";
import { FakeApiServer } from "../../operator/fake-api-server.ts";
import { resources, widgets } from "../../operator/kernel-lab.ts";
import { silentLogger } from "../../operator/virtual-time.ts";
import { peer } from "../../support/peers.ts";
import { startApiServer } from "./api-server.ts";

export const processPorts: Ports = {
  clock: processClock,
  timers: processTimers,
  random: processRandom,
  logger: silentLogger,
};

/** One of the two, and what a test may do to it. */
export interface Contender {
  readonly client: ApiClient;
  /** Forgets all history up to now. */
  compact(): void;
  /** Lets bookmarks come: at once, or when a watch is about to end. */
  bookmarks(): void;
}

export interface TwoServers {
  readonly real: Contender;
  /** What both say, after making sure that it is the same. */
  both<Answer>(ask: (contender: Contender) => Promise<Answer>): Promise<Answer>;
  stop(): Promise<void>;
}

export const definitions: ResourceType = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  isNamespaced: false,
};

/** test.dev/v1 Widget, as kernel-lab.ts has it. */
export const widgetDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.test.dev" },
  spec: {
    group: widgets.group,
    scope: "Namespaced",
    names: { plural: widgets.plural, singular: "widget", kind: widgets.kind },
    versions: [
      {
        name: widgets.version,
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
              status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
            },
          },
        },
      },
    ],
  },
};

export async function startTwoServers(): Promise<TwoServers> {
  const server = await startApiServer();
  const api = new FakeApi({ clock: processClock, timers: processTimers }, resources);
  const fakeServer = new FakeApiServer(api);
  await fakeServer.listen();
  const transports = [
    new HttpTransport(accessFromKubeConfig({ file: server.kubeconfig })),
    new HttpTransport(fakeServer.access satisfies AccessSource),
  ] as const;
  const [realClient, fakeClient] = [clientOver(transports[0]), clientOver(transports[1])];
  const stop = async (): Promise<void> => {
    for (const transport of transports) transport.close();
    await fakeServer.close();
    await server.stop();
  };
  try {
    await realClient.create(definitions, widgetDefinition);
    await untilServed(realClient);
  } catch (error) {
    await stop();
    throw error;
  }
  const real: Contender = {
    client: realClient,
    compact: () => compactEtcd(server.etcdUrl),
    bookmarks: () => undefined,
  };
  const fake: Contender = {
    client: fakeClient,
    compact: () => api.store.compact(),
    bookmarks: () => api.sendBookmarks(),
  };
  return { real, stop, both: (ask) => compare(real, fake, ask) };
}

async function compare<Answer>(
  real: Contender,
  fake: Contender,
  ask: (contender: Contender) => Promise<Answer>,
): Promise<Answer> {
  const answer = await ask(real);
  assert.deepEqual(await ask(fake), answer, "the fake one (actual) answers as the real one");
  return answer;
}

/** "done", or how it was refused, without what differs by nature. */
export async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
    return "done";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { kind, code, reason, causes } = error;
    return { kind, code, reason, causes: causes.map((cause) => [cause.reason, cause.field]) };
  }
}

export function ref(name: string): { namespace: string; name: string } {
  return { namespace: "default", name };
}

function clientOver(transport: HttpTransport): ApiClient {
  return new ApiClient({
    transport,
    ports: processPorts,
    timeoutMs: 30_000,
    readTries: 1,
    userAgent: "kernel-e2e",
  });
}

async function untilServed(client: ApiClient): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      await client.list(widgets, { namespace: "default" });
      return;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      await delay(200);
    }
  }
  throw new Error("the API server does not serve the new kind");
}

/** Everything below etcd's current revision is gone. */
function compactEtcd(endpoint: string): void {
  const etcdctl = (...args: readonly string[]): string =>
    execFileSync(peer("etcdctl"), [`--endpoints=${endpoint}`, ...args], { encoding: "utf8" });
  const [status] = JSON.parse(etcdctl("endpoint", "status", "-w", "json")) as [
    { Status: { header: { revision: number } } },
  ];
  etcdctl("compaction", String(status.Status.header.revision));
}
