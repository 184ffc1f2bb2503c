/**
 * A real kube-apiserver with a cluster of three etcd-ts as its only store: what it keeps, lists, watches and expires there, and what its
 * clients see of faults. Run by hand: `node --test test/e2e/kubernetes-store.e2e.ts`; needs kube-apiserver, etcdctl and openssl. With
 * ETCD_TS_CLUSTER=etcd the store is three real etcds, to compare the figures and the API server's log.
 */
import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { eventResource } from "../../operator/kernel/event-recorder.ts";
import { listAll } from "../../operator/kernel/pager.ts";
import type { KubernetesObject } from "../../operator/kernel/resource.ts";
import { defaultKind } from "../cluster/process-cluster.ts";
import { until } from "../cluster/until.ts";
import { createMany, inParallel, perSecond, repeat } from "./store/bulk.ts";
import { changeAll } from "./store/changes.ts";
import { faults, runFault } from "./store/faults.ts";
import { Informer } from "./store/informer.ts";
import {
  configMaps,
  kinds,
  leases,
  namespaces,
  objectOf,
  secrets,
  widgets,
} from "./store/kinds.ts";
import { complaintsOutside, ofCompaction, ofFaults } from "./store/log-patterns.ts";
import { eventSeconds, namespace, StoreCluster } from "./store/store-cluster.ts";
import { type Selection, WatchCrowd } from "./store/watch-crowd.ts";
import { Writer } from "./store/writer.ts";
import { outcome } from "./support/two-servers.ts";

let store: StoreCluster;

before(async () => {
  store = await StoreCluster.start();
});

after(() => store.stop());

/** Tells what the API server complained of since the last time; gives what of it is not allowed. */
function strangeLog(context: TestContext, allowed: readonly RegExp[]): readonly string[] {
  const news = store.log.news();
  for (const [text, count] of news) context.diagnostic(`log, ${count} times: ${text}`);
  return complaintsOutside(news, allowed);
}

function assertLog(context: TestContext, allowed: readonly RegExp[] = []): void {
  assert.deepEqual(strangeLog(context, allowed), [], "the API server's log");
}

const kindOf = async (call: Promise<unknown>): Promise<string> => {
  const result = await outcome(call);
  return result === "done" ? "done" : (result as { kind: string }).kind;
};

test("the API server takes the store for one that has progress requests", async (context) => {
  const { members } = store.cluster;
  for (const member of members) {
    const { version } = await member.status();
    assert.match(version, /^3\.[67]\.\d+$/);
  }
  for (const path of ["/readyz/etcd", "/readyz/etcd-readiness", "/livez/etcd"]) {
    assert.deepEqual(await store.get(path), { status: 200, body: "ok" }, path);
  }
  // A list as a watch is refused where one of the members is found to lack them.
  const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  const rest = "allowWatchBookmarks=true&timeoutSeconds=2";
  const { status, body } = await store.get(`/api/v1/namespaces?${query}&${rest}`);
  assert.equal(status, 200, body);
  assert.match(body, /"name":"default"/);
  assert.match(body, /"k8s.io\/initial-events-end":"true"/);
  assertLog(context);
});

test("objects of all kinds are made, changed upon what they were, applied and deleted", async (context) => {
  const { client } = store;
  for (const kind of kinds) {
    const place = { name: "one", namespace };
    const made = await client.create(kind, objectOf(kind, place));
    assert.equal(await kindOf(client.create(kind, objectOf(kind, place))), "AlreadyExists");
    const labels = { metadata: { labels: { changed: "yes" } } };
    const changed = await client.patch(kind, place, labels, { type: "merge" });
    assert.equal(await kindOf(client.replace(kind, made)), "Conflict");
    assert.deepEqual(await client.get(kind, place), changed);
    const [version, uid] = [made.metadata.resourceVersion, made.metadata.uid];
    assert.equal(
      await kindOf(client.delete(kind, place, { resourceVersion: version })),
      "Conflict",
    );
    assert.equal(await kindOf(client.delete(kind, place, { uid: "another" })), "Conflict");
    await client.delete(kind, place, { uid });
    assert.equal(await client.find(kind, place), undefined);
  }
  assertLog(context);
});

test("fields of server-side apply have owners, and a namespace with a finalizer waits", async (context) => {
  const { client } = store;
  const metadata = { name: "applied", namespace };
  const apply = (data: object, fieldManager: string, isForced = false): Promise<unknown> =>
    client.apply(configMaps, { metadata, data }, { fieldManager, isForced });
  await apply({ a: "1", b: "1" }, "first");
  assert.equal(await kindOf(apply({ a: "2" }, "second")), "Conflict");
  await apply({ a: "2" }, "second", true);
  await apply({ b: "3" }, "first");
  const { data, metadata: found } = await client.get(configMaps, metadata);
  assert.deepEqual(data, { a: "2", b: "3" });
  const owners = found["managedFields"] as { manager: string }[];
  assert.deepEqual(owners.map(({ manager }) => manager).sort(), ["first", "second"]);

  await client.create(namespaces, { metadata: { name: "passing" } });
  await client.delete(namespaces, { name: "passing" });
  // Nobody is there to empty it.
  const { status } = await client.get(namespaces, { name: "passing" });
  assert.deepEqual(status, { phase: "Terminating" });
  assertLog(context);
});

test("a lease object keeps its microseconds", async () => {
  const place = { name: "micro", namespace };
  const renewTime = "2026-01-02T03:04:05.678901Z";
  await store.client.create(leases, { metadata: place, spec: { renewTime } });
  const { spec } = await store.client.get(leases, place);
  assert.deepEqual(spec, { renewTime });
});

test("an event has a lease of etcd's and goes with it, not before its time", async (context) => {
  const { client, etcdctl } = store;
  const place = { name: "shortlived", namespace };
  const informer = new Informer(client, eventResource, namespace);
  await informer.whenSynced();
  const madeMs = performance.now();
  await client.create(eventResource, eventOf(place));
  const kept = await etcdctl.find(`/registry/events/${namespace}/${place.name}`);
  assert(kept !== undefined && kept.lease !== "0");
  const id = BigInt(kept.lease).toString(16);
  const told = await etcdctl.run("lease", "timetolive", id, "--keys");
  assert.match(told, new RegExp(`granted with TTL\\(${eventSeconds}s\\)`));
  assert(told.includes(`/registry/events/${namespace}/${place.name}`), told);
  const isGone = async (): Promise<number | undefined> => {
    const found = await client.find(eventResource, place);
    return found === undefined ? performance.now() - madeMs : undefined;
  };
  const livedMs = await until("the end of the event", isGone, 60_000);
  assert(livedMs >= eventSeconds * 1000, `it lived ${livedMs} ms`);
  await informer.assertEqualsList();
  await informer.stop();
  assert.match(await etcdctl.run("lease", "timetolive", id), /already expired/);
  context.diagnostic(`an event of ${eventSeconds} s lived ${(livedMs / 1000).toFixed(1)} s`);
  assertLog(context);
});

const eventOf = (place: { name: string; namespace: string }): Record<string, unknown> => ({
  metadata: place,
  regarding: { kind: "ConfigMap", namespace, name: "one" },
  reason: "Tested",
  action: "Test",
  type: "Normal",
  note: "it is tested",
  eventTime: "2026-01-02T03:04:05.678901Z",
  reportingController: "test.dev/kernel",
  reportingInstance: "e2e",
});

test("5,000 objects are listed in pages while their history is compacted", async (context) => {
  const { client, etcdctl } = store;
  const count = 2500;
  const startMs = performance.now();
  await Promise.all([
    createMany(client, configMaps, { namespace, name: "page", count }),
    createMany(client, secrets, { namespace, name: "page", count }),
  ]);
  context.diagnostic(`${perSecond(2 * count, startMs)} objects made each second`);
  const stop = new AbortController();
  const compactions = repeat(stop.signal, async () => {
    // Others write: the compacted revision passes the one of the pages.
    await client.apply(widgets, objectOf(widgets, { name: "busy", namespace }), {
      fieldManager: String(performance.now()),
      isForced: true,
    });
    await etcdctl.compactAll();
  });
  const own = await etcdctl.find("compact_rev_key");
  const read = performance.now();
  const lists = 10;
  for (const kind of [configMaps, secrets]) {
    for (let list = 0; list < lists; list += 1) {
      const query = { namespace, labelSelector: "group=page", limit: 500 };
      const { items } = await listAll(client, kind, query);
      const names = new Set(items.map(({ metadata }) => metadata.name));
      assert.equal(names.size, count, `${kind.plural} in list ${list}`);
    }
  }
  context.diagnostic(`${perSecond(2 * lists * count, read)} objects listed each second`);
  const compacted = async (): Promise<true | undefined> => {
    const next = await etcdctl.find("compact_rev_key");
    return next !== undefined && next.value !== own?.value ? true : undefined;
  };
  await until("a compaction by the API server itself", compacted, 60_000);
  stop.abort();
  context.diagnostic(`${await compactions} compactions meanwhile`);
  assertLog(context, ofCompaction);
});

test("a page's token of before a compaction is told to be expired, with one that goes on", async (context) => {
  const { client, etcdctl } = store;
  const path = `/api/v1/namespaces/${namespace}/secrets?limit=500&labelSelector=group%3Dpage`;
  const first = JSON.parse((await store.get(path)).body) as ListJson;
  await client.create(
    secrets,
    objectOf(secrets, { name: "passed-by", namespace }, { group: "page" }),
  );
  await etcdctl.compactAll();
  const next = (token: string): string => `${path}&continue=${encodeURIComponent(token)}`;
  const { status, body } = await store.get(next(first.metadata.continue ?? ""));
  const answer = JSON.parse(body) as { reason: string; metadata: { continue: string } };
  assert.deepEqual([status, answer.reason], [410, "Expired"]);
  const names = first.items.map(({ metadata }) => metadata.name);
  let token: string | undefined = answer.metadata.continue;
  while (token !== undefined && token !== "") {
    const page = JSON.parse((await store.get(next(token))).body) as ListJson;
    names.push(...page.items.map(({ metadata }) => metadata.name));
    token = page.metadata.continue;
  }
  const all = await listAll(client, secrets, { namespace, labelSelector: "group=page" });
  const expected = all.items.map(({ metadata }) => metadata.name).sort();
  assert.deepEqual([...names].sort(), expected);
  assertLog(context, ofCompaction);
});

interface ListJson {
  readonly items: readonly KubernetesObject[];
  readonly metadata: { readonly continue?: string };
}

test("500 watches see each change once and in order", async (context) => {
  const { client } = store;
  const spaces = ["crowd-1", "crowd-2"];
  const groups = ["a", "b"];
  for (const name of spaces) await client.create(namespaces, { metadata: { name } });
  const selections = Array.from({ length: 500 }, (_, at): Selection => {
    const kind = kinds[at % kinds.length] ?? configMaps;
    const [one, two] = [Math.floor(at / 4) % 2, Math.floor(at / 8) % 2];
    return { kind, namespace: spaces[one], group: at % 3 === 0 ? undefined : groups[two] };
  });
  // One watch over all namespaces for each kind; without a group it would see the API server's own leases.
  for (const [at, kind] of kinds.entries()) selections[at] = { kind, group: groups[at % 2] };
  const { resourceVersion } = await client.list(secrets, { namespace: spaces[0] });
  const openMs = performance.now();
  const crowd = await WatchCrowd.open(client, selections, resourceVersion);
  try {
    const writeMs = performance.now();
    const changes = await changeAll(client, { spaces, groups, objects: 40 });
    const checkMs = performance.now();
    const events = await crowd.assertSaw(changes);
    await delay(1000);
    assert.equal(await crowd.assertSaw(changes), events, "nothing comes behind the last change");
    const endMs = performance.now();
    await crowd.assertEqualsLists(async ({ kind, namespace: space, group }) => {
      const labelSelector = group === undefined ? undefined : `group=${group}`;
      return (await listAll(client, kind, { namespace: space, labelSelector })).items;
    });
    context.diagnostic(
      `500 watches opened in ${Math.round(writeMs - openMs)} ms; ${changes.length} changes, ` +
        `${perSecond(changes.length, writeMs, checkMs)} each second; ${events} events checked, ` +
        `all there ${Math.round(endMs - checkMs - 1000)} ms behind the last change`,
    );
  } finally {
    crowd.close();
  }
  assertLog(context, ofCompaction);
});

test("consistent reads come from the watch cache, which asks for progress", async (context) => {
  const { client } = store;
  const consistent = "apiserver_watch_cache_consistent_read_total";
  const told = { resource: "configmaps" };
  const count = async (labels: Record<string, string>): Promise<number> =>
    store.metric(consistent, { ...told, ...labels });
  const read = async () => ({
    fromCache: await count({ success: "true", fallback: "false" }),
    fallback: await count({ fallback: "true" }),
    failed: await count({ success: "false" }),
    progress: await store.metric("etcd_bookmark_counts", told),
    waitSeconds: await store.metric("apiserver_watch_cache_read_wait_seconds_sum", told),
  });
  const before = await read();
  const reads = 200;
  await inParallel(reads, 8, async (at) => {
    // Another kind's change: the cache of ConfigMaps cannot know that it is fresh unless it is told.
    await client.create(secrets, objectOf(secrets, { name: `progress-${at}`, namespace }));
    await client.list(configMaps, { namespace: "default" });
  });
  const now = await read();
  assert(now.fromCache - before.fromCache >= reads);
  assert.deepEqual([now.fallback, now.failed], [0, 0]);
  assert(now.progress > before.progress, "progress was told");
  const waitMs =
    ((now.waitSeconds - before.waitSeconds) * 1000) / (now.fromCache - before.fromCache);
  context.diagnostic(
    `${now.fromCache - before.fromCache} consistent reads from the cache (${consistent}), none fell back; ` +
      `${now.progress - before.progress} progress notifications; ${waitMs.toFixed(1)} ms mean wait`,
  );
  assertLog(context, ofCompaction);
});

test("no fault of a member or the API server loses a write or an informer's event", async (context) => {
  const { client } = store;
  const space = "faults";
  await client.create(namespaces, { metadata: { name: space } });
  const informers = kinds.map((kind) => new Informer(client, kind, space, 10));
  await Promise.all(informers.map((informer) => informer.whenSynced()));
  const writers = kinds.flatMap((kind) =>
    [1, 2].map((at) => new Writer(client, kind, { namespace: space, name: `writer-${at}` })),
  );
  const strange: string[] = [];
  try {
    for (const fault of faults) {
      context.diagnostic(await runFault(store, fault, writers));
      strange.push(...strangeLog(context, ofFaults));
    }
    await tellOfWriters(context, writers);
    for (const informer of informers) {
      const listed = await informer.assertEqualsList();
      for (const writer of writers.filter(({ kind }) => kind === informer.kind))
        writer.assertKept(listed);
      const { changes, troubles, relists } = informer.figures;
      context.diagnostic(
        `${informer.kind.plural}: ${changes} changes informed of, ${troubles} times tried again, ${relists} lists`,
      );
    }
  } finally {
    for (const writer of writers) await writer.stop().catch(() => undefined);
    for (const informer of informers) await informer.stop();
  }
  const { members } = store.cluster;
  assert.equal(members.filter(({ kind }) => kind === defaultKind()).length, 3);
  assert.deepEqual([...strange, ...strangeLog(context, ofFaults)], [], "the API server's log");
});

/** Ends them; fails where one was refused for what the store held. */
async function tellOfWriters(context: TestContext, writers: readonly Writer[]): Promise<void> {
  const figures = await Promise.all(writers.map((writer) => writer.stop()));
  const sum = (name: "acknowledged" | "unanswered" | "refused"): number =>
    figures.reduce((total, one) => total + one[name], 0);
  const pauseMs = Math.max(...figures.map(({ longestPauseMs }) => longestPauseMs));
  context.diagnostic(
    `${sum("acknowledged")} writes acknowledged, ${sum("unanswered")} without an answer, ` +
      `${sum("refused")} refused; longest pause ${Math.round(pauseMs)} ms`,
  );
  for (const [text, count] of writers.flatMap(({ errors }) => [...errors]))
    context.diagnostic(`a writer met, ${count} times: ${text}`);
}
