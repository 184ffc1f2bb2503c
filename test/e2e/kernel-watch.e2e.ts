/**
 * Whether the fake API server of the unit tests answers as a real one does (see kernel.e2e.ts): lists, watches, reflectors, leases, events.
 * Run by hand: `node --test test/e2e/kernel-watch.e2e.ts`.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import type { ApiClient } from "../../operator/kernel/api-client.ts";
import { EventRecorder, eventResource } from "../../operator/kernel/event-recorder.ts";
import { LeaseLock, leaseResource } from "../../operator/kernel/lease-lock.ts";
import { listAll } from "../../operator/kernel/pager.ts";
import { Reflector } from "../../operator/kernel/reflector.ts";
import type { KubernetesObject } from "../../operator/kernel/resource.ts";
import { Store } from "../../operator/kernel/store.ts";
import { widget, widgets } from "../operator/kernel-lab.ts";
import {
  type Contender,
  outcome,
  processPorts,
  ref,
  startTwoServers,
  type TwoServers,
} from "./support/two-servers.ts";

const namespace = "default";
let servers: TwoServers;

before(async () => {
  servers = await startTwoServers();
});

after(() => servers.stop());

function both<Answer>(ask: (contender: Contender) => Promise<Answer>): Promise<Answer> {
  return servers.both(ask);
}

async function fill(client: ApiClient, label: string, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    const name = `${label}-${at}`;
    await client.create(widgets, widget(name, { metadata: { ...ref(name), labels: { label } } }));
  }
}

test("lists come in pages of one version, with what was there when the first one was read", async () => {
  const answers = await both(async ({ client }) => {
    await fill(client, "page", 5);
    const query = { namespace, labelSelector: "label=page", limit: 2 };
    const first = await client.list(widgets, query);
    await client.delete(widgets, ref("page-4"));
    const second = await client.list(widgets, { ...query, continueToken: first.continueToken });
    const third = await client.list(widgets, { ...query, continueToken: second.continueToken });
    const whole = await listAll(client, widgets, query);
    const names = (items: readonly KubernetesObject[]): string[] =>
      items.map((item) => `${item.kind} ${item.metadata.name}`);
    return [
      names([...first.items, ...second.items, ...third.items]),
      new Set([first, second, third].map((page) => page.resourceVersion)).size,
      third.continueToken,
      names(whole.items).length,
    ];
  });
  assert.equal((answers[0] as string[]).length, 5);
  assert.deepEqual(answers.slice(1), [1, "", 4]);
});

/** Something that the watches do not select happens; otherwise a real server sees nothing to tell of. */
async function tick({ client, bookmarks }: Contender): Promise<void> {
  await client.create(widgets, widget(`tick-${randomUUID()}`));
  bookmarks();
}

/** Types and names of what comes until `count` events have come or the watch has ended. */
async function heard(
  contender: Contender,
  options: { readonly from: string; readonly labelSelector: string; readonly count: number },
): Promise<string[]> {
  const stop = new AbortController();
  const query = { namespace, labelSelector: options.labelSelector, resourceVersion: options.from };
  const events: string[] = [];
  const watch = await contender.client.watch(widgets, { ...query, timeoutSeconds: 8 }, stop.signal);
  const ticking = setInterval(() => {
    tick(contender).catch(() => undefined);
  }, 1_000);
  for await (const event of watch) {
    if (event.type === "ERROR") events.push(`ERROR ${event.error.kind} ${event.error.code}`);
    else if (event.type === "BOOKMARK") events.push("BOOKMARK");
    else events.push(`${event.type} ${event.object.metadata.name}`);
    if (events.length === options.count) break;
  }
  clearInterval(ticking);
  stop.abort();
  return events;
}

test("watch: everything after the version, seen through the selector", async () => {
  const events = await both(async (contender) => {
    const { client } = contender;
    await fill(client, "watch", 1);
    const labelSelector = "label=watch";
    const { resourceVersion } = await client.list(widgets, { namespace, labelSelector });
    const change = (name: string, body: unknown): Promise<unknown> =>
      client.patch(widgets, ref(name), body, { type: "merge" });
    await change("watch-0", { spec: { size: 2 } });
    await client.create(widgets, widget("unseen"));
    await change("unseen", { metadata: { labels: { label: "watch" } } });
    await change("watch-0", { metadata: { labels: null } });
    await client.delete(widgets, ref("unseen"));
    return heard(contender, { from: resourceVersion, labelSelector, count: 4 });
  });
  assert.deepEqual(events, [
    "MODIFIED watch-0",
    "ADDED unseen",
    "DELETED watch-0",
    "DELETED unseen",
  ]);
});

test("watch: a bookmark comes although nothing happens that is selected", async () => {
  const events = await both(async (contender) => {
    const labelSelector = "label=quiet";
    const { resourceVersion } = await contender.client.list(widgets, { namespace, labelSelector });
    return heard(contender, { from: resourceVersion, labelSelector, count: 1 });
  });
  assert.deepEqual(events, ["BOOKMARK"]);
});

test("watch from a version that is compacted: an event says so", async () => {
  const events = await both(async (contender) => {
    await fill(contender.client, "old", 2);
    contender.compact();
    return heard(contender, { from: "1", labelSelector: "label=old", count: 1 });
  });
  assert.deepEqual(events, ["ERROR Expired 410"]);
});

test("a reflector follows both alike, over a compaction and more than one page", async () => {
  const answers = await both(async (contender) => {
    const { client } = contender;
    await fill(client, "mirror", 5);
    const store = new Store();
    const news: string[] = [];
    store.subscribe({
      onAdd: ({ metadata }) => news.push(`add ${metadata.name}`),
      onUpdate: (_, { metadata }) => news.push(`update ${metadata.name}`),
      onDelete: ({ metadata }) => news.push(`delete ${metadata.name}`),
    });
    const stop = new AbortController();
    const reflector = new Reflector({
      client,
      ports: processPorts,
      resource: widgets,
      store,
      namespace,
      labelSelector: "label=mirror",
      pageSize: 2,
    });
    const running = reflector.run(stop.signal);
    await reflector.whenSynced();
    const type = "merge" as const;
    await client.patch(widgets, ref("mirror-1"), { spec: { size: 2 } }, { type });
    contender.compact();
    await client.delete(widgets, ref("mirror-0"));
    await fill(client, "mirror-late", 1);
    const labels = { metadata: { labels: { label: "mirror" } } };
    const last = await client.patch(widgets, ref("mirror-late-0"), labels, { type });
    while (!reflector.hasReached(last.metadata.resourceVersion ?? "")) await delay(20);
    stop.abort();
    await running;
    return [
      news,
      store
        .list()
        .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
        .sort(),
    ];
  });
  assert.equal(answers[0]?.length, 5 + 3);
  assert.equal(answers[1]?.length, 5);
});

test("a lease is taken, renewed and given back in MicroTime, and lost to nobody meanwhile", async () => {
  const answers = await both(async ({ client }) => {
    const lock = (identity: string): LeaseLock => {
      const lease = ref("kernel");
      return new LeaseLock({
        client,
        clock: processPorts.clock,
        lease,
        identity,
        leaseDurationMs: 15_000,
      });
    };
    const [one, two] = [lock("one"), lock("two")];
    const held = [
      (await one.acquireOrRenew({})).isHeld,
      (await two.acquireOrRenew({})).isHeld,
      (await one.acquireOrRenew({})).isHeld,
    ];
    const { spec } = (await client.get(leaseResource, ref("kernel"))) as unknown as {
      spec: { renewTime: string; holderIdentity: string; leaseTransitions: number };
    };
    await one.release({});
    const next = await two.acquireOrRenew({});
    return [
      held,
      spec.renewTime.replace(/\d/g, "0"),
      [spec.holderIdentity, spec.leaseTransitions],
      [next.isHeld, next.isHeld && next.term],
    ];
  });
  assert.deepEqual(answers, [
    [true, false, true],
    "0000-00-00T00:00:00.000000Z",
    ["one", 1],
    [true, 2],
  ]);
});

test("an event is written, and its series counted", async () => {
  const events = await both(async ({ client }) => {
    const made = await client.create(widgets, widget("eventful"));
    const regarding = { ...made, apiVersion: "test.dev/v1", kind: "Widget" };
    let aheadMs = 0;
    const clock = {
      monotonicMs: () => processPorts.clock.monotonicMs() + aheadMs,
      unixMs: () => processPorts.clock.unixMs(),
    };
    const ports = { ...processPorts, clock };
    const recorder = new EventRecorder({
      client,
      ports,
      controller: "test.dev/kernel",
      instance: "e2e",
    });
    const stop = new AbortController();
    const running = recorder.run(stop.signal);
    const text = { type: "Normal", reason: "Made", action: "Make", note: "made it" } as const;
    const written = async (count: number | undefined): Promise<KubernetesObject> => {
      for (;;) {
        const { items } = await client.list(eventResource, { namespace });
        const found = items.find(({ metadata }) => metadata.name.startsWith("eventful."));
        const series = found?.["series"] as { count: number } | undefined;
        if (found !== undefined && series?.count === count) return found;
        await delay(50);
      }
    };
    recorder.record(regarding, text);
    await written(undefined);
    aheadMs = 61_000;
    recorder.record(regarding, text);
    const last = await written(2);
    stop.abort();
    await running;
    const { type, reason, action, note, reportingController, reportingInstance } = last;
    return { type, reason, action, note, reportingController, reportingInstance };
  });
  assert.equal(events.note, "made it");
});

test("a time with three digits behind the dot, as Date gives it, is not taken for a lease", async () => {
  const metadata = ref("milliseconds");
  const lease = { metadata, spec: { holderIdentity: "me", renewTime: new Date(0).toISOString() } };
  const answer = await outcome(servers.real.client.create(leaseResource, lease));
  assert.equal((answer as { kind: string }).kind, "BadRequest");
});
