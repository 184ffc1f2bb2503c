/** The reflector against the fake API server in virtual time: whatever goes wrong, no change is missed and none is told twice. */
import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Reflector, type ReflectorTimes } from "../../../../operator/kernel/reflector.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { Store } from "../../../../operator/kernel/store.ts";
import type { FakeRequest } from "../../../operator/fake-api.ts";
import { KernelLab, widget, widgets } from "../../../operator/kernel-lab.ts";
import type { ProcessView } from "../../../operator/virtual-time.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const isWatch = ({ path }: FakeRequest): boolean => path.includes("watch=true");
const isList = (request: FakeRequest): boolean => !isWatch(request);

interface Follower {
  readonly lab: KernelLab;
  readonly process: ProcessView;
  readonly store: Store;
  readonly reflector: Reflector;
  readonly heard: string[];
  /** What the handlers' words add up to: name ▸ "uid@version". */
  readonly world: Map<string, string>;
  stop(): Promise<void>;
}

function follow(
  lab = new KernelLab(),
  options: {
    times?: Partial<ReflectorTimes>;
    pageSize?: number;
    seed?: number;
    keep?: (object: KubernetesObject) => KubernetesObject;
  } = {},
): Follower {
  const process = lab.time.process(options.seed ?? 1);
  const store = new Store();
  const heard: string[] = [];
  const world = new Map<string, string>();
  const say = (object: { metadata: { uid?: string; resourceVersion?: string } }): string =>
    `${object.metadata.uid}@${object.metadata.resourceVersion}`;
  store.subscribe({
    onAdd: (object) => {
      heard.push(`add ${object.metadata.name}`);
      assert.ok(!world.has(object.metadata.name), "added twice");
      world.set(object.metadata.name, say(object));
    },
    onUpdate: (before, after) => {
      heard.push(`update ${after.metadata.name}`);
      assert.equal(world.get(before.metadata.name), say(before));
      assert.notEqual(say(before), say(after));
      world.set(after.metadata.name, say(after));
    },
    onDelete: (last) => {
      heard.push(`delete ${last.metadata.name}`);
      assert.equal(world.get(last.metadata.name)?.split("@")[0], last.metadata.uid);
      world.delete(last.metadata.name);
    },
  });
  const client = lab.client(process);
  const reflector = new Reflector({ client, ports: process, resource: widgets, store, ...options });
  const controller = new AbortController();
  const running = reflector.run(controller.signal);
  const stop = async (): Promise<void> => {
    controller.abort();
    await lab.finish(running);
  };
  return { lab, process, store, reflector, heard, world, stop };
}

function truth(lab: KernelLab): Map<string, string> {
  return new Map(
    lab.api.store
      .list(widgets)
      .map(({ metadata }) => [metadata.name, `${metadata.uid}@${metadata.resourceVersion}`]),
  );
}

/** The follower knows the truth after so many milliseconds. */
async function knowsAfter(follower: Follower, ms: number): Promise<void> {
  await follower.lab.time.advance(ms);
  assert.deepEqual(follower.world, truth(follower.lab));
  assert.equal(follower.store.size, follower.world.size);
}

test("where only a part of objects is kept, nothing else is stored, and no change is missed", async () => {
  const lab = new KernelLab();
  lab.direct.create({ ...widget("listed"), spec: { size: 1 } });
  const keep = ({ apiVersion, kind, metadata }: KubernetesObject) =>
    ({ apiVersion, kind, metadata }) as KubernetesObject;
  const follower = follow(lab, { keep });
  const checkStored = (): void => {
    for (const object of follower.store.list()) {
      assert.deepEqual(Object.keys(object), ["apiVersion", "kind", "metadata"]);
      assert.equal(object.kind, widgets.kind);
    }
  };
  await lab.finish(follower.reflector.whenSynced());
  checkStored();
  lab.direct.create({ ...widget("watched"), spec: { size: 1 } });
  await knowsAfter(follower, 100);
  lab.direct.update("listed", () => ({ spec: { size: 2 } }));
  await knowsAfter(follower, 100);
  assert.equal(follower.heard.filter((word) => word === "update listed").length, 1);
  checkStored();
  lab.direct.delete("listed");
  await knowsAfter(follower, 100);
  await follower.stop();
});

test("a list in pages, then every change as it comes", async () => {
  const lab = new KernelLab();
  for (let at = 0; at < 5; at += 1) lab.direct.create(widget(`w${at}`));
  const follower = follow(lab, { pageSize: 2 });
  assert.equal(follower.reflector.hasSynced, false);
  await lab.finish(follower.reflector.whenSynced());
  await knowsAfter(follower, 100);
  const before = follower.heard.length;
  lab.direct.update("w1", () => ({ spec: 1 }));
  lab.direct.delete("w2");
  const made = lab.direct.create(widget("w9"));
  assert.equal(follower.reflector.hasReached(made.metadata.resourceVersion), false);
  await knowsAfter(follower, 20);
  assert.equal(follower.reflector.hasReached(made.metadata.resourceVersion), true);
  assert.deepEqual(follower.heard.slice(before), ["update w1", "delete w2", "add w9"]);
  await follower.stop();
});

test("a watch that ends goes on from its last event without a new list", async () => {
  const follower = follow();
  const { lab } = follower;
  await lab.time.advance(5_000);
  lab.direct.create(widget("a"));
  await lab.time.advance(10);
  lab.api.closeWatches("end");
  lab.direct.create(widget("b"));
  await knowsAfter(follower, 5_000);
  lab.api.closeWatches("break");
  lab.direct.delete("a");
  await knowsAfter(follower, 5_000);
  assert.equal(lab.api.requests.filter((request) => !request.includes("watch=true")).length, 1);
  await follower.stop();
});

test("a watch on which nothing comes, not even a bookmark, is given up", async () => {
  const follower = follow(new KernelLab(), { times: { silenceMs: 90_000 } });
  const { lab } = follower;
  await lab.time.advance(1_000);
  lab.api.eachWatch((watch) => watch.silence());
  lab.direct.create(widget("a"));
  await lab.time.advance(80_000);
  assert.equal(follower.world.size, 0);
  await knowsAfter(follower, 15_000);
  assert.equal(follower.world.size, 1);
  await follower.stop();
});

test("bookmarks keep a quiet watch alive and save it from 410", async () => {
  const follower = follow(new KernelLab(), { times: { silenceMs: 90_000, watchSeconds: 100_000 } });
  const { lab } = follower;
  await lab.time.advance(1_000);
  for (let minute = 0; minute < 10; minute += 1) {
    lab.api.store.create(
      {
        resource: { ...widgets, plural: "configmaps" },
        namespace: "default",
        name: `c${minute}`,
        subresource: "",
        manager: "x",
      },
      { metadata: { name: `c${minute}` } },
    );
    lab.api.sendBookmarks();
    await lab.time.advance(60_000);
  }
  assert.equal(lab.api.requests.length, 2, "one list, one watch");
  lab.api.store.compact();
  lab.api.closeWatches("end");
  lab.direct.create(widget("a"));
  await knowsAfter(follower, 5_000);
  assert.equal(lab.api.requests.length, 3, "the bookmark was new enough to watch on");
  await follower.stop();
});

test("after 410 the list is read again, and what vanished meanwhile is a delete", async () => {
  const lab = new KernelLab();
  lab.direct.create(widget("stays"));
  lab.direct.create(widget("goes"));
  lab.direct.create(widget("again"));
  const follower = follow(lab);
  await knowsAfter(follower, 2_000);
  const before = follower.heard.length;
  lab.api.eachWatch((watch) => watch.silence());
  lab.direct.delete("goes");
  lab.direct.delete("again");
  lab.direct.create(widget("again"));
  lab.api.store.compact();
  lab.api.closeWatches("break");
  await knowsAfter(follower, 5_000);
  assert.deepEqual(follower.heard.slice(before), ["delete goes", "delete again", "add again"]);
  await follower.stop();
});

test("410 as HTTP status, and any ERROR event, lead to a new list too", async () => {
  const follower = follow();
  const { lab } = follower;
  await lab.time.advance(2_000);
  lab.api.fail({ kind: "status", code: 410, reason: "Gone" }, isWatch);
  lab.api.closeWatches("end");
  await lab.time.advance(5_000);
  const lists = (): number =>
    lab.api.requests.filter((line) => !line.includes("watch=true")).length;
  assert.equal(lists(), 2);
  lab.api.eachWatch((watch) => watch.error({ kind: "Status", code: 500, reason: "InternalError" }));
  lab.direct.create(widget("a"));
  await knowsAfter(follower, 5_000);
  assert.equal(lists(), 3);
  await follower.stop();
});

test("a token that expires between two pages does not stop the list", async () => {
  const lab = new KernelLab();
  for (let at = 0; at < 6; at += 1) lab.direct.create(widget(`w${at}`));
  lab.api.fail({ kind: "status", code: 410, reason: "Expired" }, ({ path }) =>
    path.includes("continue"),
  );
  const follower = follow(lab, { pageSize: 2 });
  await knowsAfter(follower, 5_000);
  await follower.stop();
});

test("versions that run backwards mean that the server's store was set back: list again", async () => {
  const follower = follow();
  const { lab } = follower;
  await lab.time.advance(2_000);
  lab.direct.create(widget("a"));
  await lab.time.advance(100);
  const object = { kind: "Widget", metadata: { resourceVersion: "5" } };
  const lists = lab.api.requests.length;
  lab.api.eachWatch((watch) => {
    (watch as unknown as { send(type: string, object: unknown): void }).send("BOOKMARK", object);
  });
  await knowsAfter(follower, 5_000);
  assert.equal(lab.api.requests[lists]?.includes("watch=true"), false);
  await follower.stop();
});

test("storms of 429 and 500, slow answers and a dead server are waited out, asking less and less often", async () => {
  const follower = follow();
  const { lab } = follower;
  lab.api.fail({ kind: "status", code: 429, retryAfterSeconds: 20 }, isList);
  await lab.time.advance(19_000);
  assert.equal(lab.api.requests.length, 1);
  lab.api.fail({ kind: "status", code: 500 }, undefined, 10);
  await lab.time.advance(120_000);
  lab.api.fail({ kind: "slow", beforeMs: 9_000, afterMs: 9_000 }, undefined, 2);
  lab.api.closeWatches("break");
  lab.direct.create(widget("a"));
  await knowsAfter(follower, 120_000);
  lab.network.isDown = true;
  lab.api.closeWatches("break");
  const asked = lab.api.requests.length;
  await lab.time.advance(3_600_000);
  lab.direct.delete("a");
  lab.network.isDown = false;
  await knowsAfter(follower, 31_000);
  assert.ok(lab.api.requests.length - asked < 5);
  await follower.stop();
});

test("a server that ends every watch at once is not asked in a loop", async () => {
  const follower = follow();
  const { lab } = follower;
  await lab.time.advance(1_000);
  const endless = setWatchesToEnd(lab);
  const before = lab.api.requests.length;
  await lab.time.advance(60_000);
  assert.ok(lab.api.requests.length - before < 12, `${lab.api.requests.length - before} requests`);
  endless.stop();
  lab.direct.create(widget("a"));
  await knowsAfter(follower, 31_000);
  await follower.stop();
});

/** Every watch gets a bookmark and ends, five milliseconds after it began. */
function setWatchesToEnd(lab: KernelLab): { stop(): void } {
  let isOn = true;
  const tick = (): void => {
    if (!isOn) return;
    lab.api.sendBookmarks();
    lab.api.closeWatches("end");
    lab.time.after(5, tick);
  };
  tick();
  return {
    stop: () => {
      isOn = false;
    },
  };
}

test("a stalled event loop misses nothing", async () => {
  const follower = follow(new KernelLab(), { times: { silenceMs: 30_000 } });
  const { lab } = follower;
  lab.direct.create(widget("a"));
  await knowsAfter(follower, 2_000);
  follower.process.stall(100_000);
  lab.direct.update("a", () => ({ spec: 1 }));
  lab.direct.create(widget("b"));
  await lab.time.advance(50_000);
  lab.direct.delete("a");
  assert.deepEqual(follower.heard, ["add a"]);
  await knowsAfter(follower, 60_000);
  await follower.stop();
});

test("a list that is old is read again when a watch ends, so that a broken watch cache is found out", async () => {
  const follower = follow(new KernelLab(), { times: { relistMs: 600_000, silenceMs: 1e9 } });
  const { lab } = follower;
  await lab.time.advance(1_000);
  lab.direct.create(widget("a"));
  await lab.time.advance(10);
  // The cache lost this one: no watch will ever tell.
  lab.api.eachWatch((watch) => watch.silence());
  lab.direct.delete("a");
  lab.api.store.since = () => [];
  await lab.time.advance(120_000);
  assert.equal(follower.world.size, 1);
  await knowsAfter(follower, 1_200_000);
  await follower.stop();
});

test("a handler that throws ends the reflector with its error", async () => {
  const lab = new KernelLab();
  const process = lab.time.process();
  const store = new Store();
  store.subscribe({
    onAdd: () => {
      throw new TypeError("a bug");
    },
  });
  const reflector = new Reflector({
    client: lab.client(process),
    ports: process,
    resource: widgets,
    store,
  });
  const running = reflector.run(new AbortController().signal);
  lab.direct.create(widget("a"));
  await assert.rejects(lab.finish(running), TypeError);
});

/** One random thing, to the objects or to the way to them. */
function disturb(luck: SeededRandom, { lab, process }: Follower): void {
  const name = luck.pick(["a", "b", "c", "d", "e"]);
  const exists = truth(lab).has(name);
  const faults = [
    () => lab.api.closeWatches("end"),
    () => lab.api.closeWatches("break"),
    () => lab.api.eachWatch((watch) => watch.silence()),
    () => lab.api.expire(),
    () => lab.api.store.compact(),
    () => lab.api.sendBookmarks(),
    () => lab.api.eachWatch((watch) => watch.error({ kind: "Status", code: 500 })),
    () =>
      lab.api.fail(
        { kind: "status", code: luck.pick([429, 500, 503, 410, 403, 404]) },
        undefined,
        1 + luck.below(3),
      ),
    () => lab.api.fail({ kind: "hang", effect: luck.pick(["before", "after"]) }),
    () => lab.api.fail({ kind: "break", effect: luck.pick(["before", "after"]) }),
    () => lab.api.fail({ kind: "slow", beforeMs: luck.below(8_000), afterMs: luck.below(8_000) }),
    () => process.stall(luck.below(40_000)),
    () => process.jumpWallClock(luck.below(100_000) - 50_000),
    () => {
      lab.network.isDown = !lab.network.isDown;
      if (lab.network.isDown) lab.api.closeWatches("break");
    },
  ];
  if (luck.chance(0.35)) luck.pick(faults)();
  else if (!exists) lab.direct.create(widget(name));
  else if (luck.chance(0.5)) lab.direct.delete(name);
  else lab.direct.update(name, () => ({ spec: luck.uint32() }));
}

test("random changes and faults: in the end the store is the truth, and every word fits the one before", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const luck = new SeededRandom(seed);
      const lab = new KernelLab();
      lab.network.latencyMs = () => luck.below(30);
      const times = { silenceMs: 20_000, backoffMaxMs: 4_000 };
      const follower = follow(lab, { times, pageSize: 2, seed });
      for (let step = 0; step < 60; step += 1) {
        disturb(luck, follower);
        await lab.time.advance(luck.pick([0, 1, 20, 500, 4_000]));
      }
      lab.network.isDown = false;
      lab.api.faults.length = 0;
      await knowsAfter(follower, 120_000);
      await follower.stop();
      assert.equal(lab.api.watchCount, 0, "no watch is left behind");
    }),
    { numRuns: 120 },
  );
});
