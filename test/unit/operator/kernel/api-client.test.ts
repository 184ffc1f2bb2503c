/** The client over real HTTP against the fake API server. */
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";

import { ApiClient } from "../../../../operator/kernel/api-client.ts";
import {
  type ApiErrorKind,
  isApiError,
  NotLeadingError,
} from "../../../../operator/kernel/api-error.ts";
import type { MutationGuard } from "../../../../operator/kernel/exchange.ts";
import { HttpTransport } from "../../../../operator/kernel/http-transport.ts";
import { listAll } from "../../../../operator/kernel/pager.ts";
import {
  processClock,
  processRandom,
  processTimers,
} from "../../../../operator/kernel/process-ports.ts";
import { FakeApi, type FakeRequest } from "../../../operator/fake-api.ts";
import { FakeApiServer } from "../../../operator/fake-api-server.ts";
import { configMaps, resources, widget, widgets } from "../../../operator/kernel-lab.ts";
import { silentLogger } from "../../../operator/virtual-time.ts";

const ports = {
  clock: processClock,
  timers: processTimers,
  random: processRandom,
  logger: silentLogger,
};
const here = { namespace: "default", name: "a" };
const isA = (kind: ApiErrorKind) => (error: unknown) => isApiError(error, kind);
const verb = (method: string) => (request: FakeRequest) => request.method === method;

describe("the API client", () => {
  let api: FakeApi;
  let server: FakeApiServer;
  let transport: HttpTransport;
  let client: ApiClient;

  const clientWith = (options: { timeoutMs?: number; readTries?: number } = {}): ApiClient =>
    new ApiClient({
      transport,
      ports,
      userAgent: "test",
      timeoutMs: 5_000,
      readTries: 3,
      ...options,
    });

  beforeEach(async () => {
    api = new FakeApi(ports, resources);
    server = new FakeApiServer(api);
    await server.listen();
    transport = new HttpTransport(server.access);
    client = clientWith();
    return undefined;
  });
  const stop = async (): Promise<void> => {
    transport.close();
    await server.close();
  };
  after(() => stop());

  async function using(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } finally {
      await stop();
    }
  }

  test("fields that nobody here knows go there and back", () =>
    using(async () => {
      const spec = { fancy: { deep: [1, null, "ü\u{1F600}", { x: true }] }, empty: {} };
      await client.create(widgets, widget("a", { spec, extra: "kept" }));
      const read = await client.get(widgets, here);
      assert.deepEqual(read["spec"], spec);
      assert.equal(read["extra"], "kept");
      const [listed] = (await client.list(widgets, {})).items;
      assert.deepEqual([listed?.apiVersion, listed?.kind], ["test.dev/v1", "Widget"]);
      assert.deepEqual(listed?.["spec"], spec);
    }));

  test("refusals come as typed errors with the server's reason", () =>
    using(async () => {
      const created = await client.create(widgets, widget("a"));
      await assert.rejects(client.get(widgets, { ...here, name: "b" }), isA("NotFound"));
      assert.equal(await client.find(widgets, { ...here, name: "b" }), undefined);
      await assert.rejects(client.create(widgets, widget("a")), isA("AlreadyExists"));
      await client.replace(widgets, { ...created, spec: { size: 1 } });
      await assert.rejects(
        client.replace(widgets, { ...created, spec: { size: 2 } }),
        isA("Conflict"),
      );
      await assert.rejects(client.replace(widgets, widget("a")), isA("Invalid"));
      await assert.rejects(client.list({ ...widgets, plural: "gadgets" }, {}), isA("NotFound"));
      for (const [code, kind] of [
        [400, "BadRequest"],
        [401, "Unauthorized"],
        [403, "Forbidden"],
        [413, "TooLarge"],
        [418, "Refused"],
        [504, "ServerTimeout"],
      ] as const) {
        api.fail({ kind: "status", code });
        await assert.rejects(client.get(widgets, here, { readTries: 1 }), isA(kind));
      }
    }));

  test("spec and status are written apart, and only a new spec is a new generation", () =>
    using(async () => {
      const created = await client.create(
        widgets,
        widget("a", { spec: { size: 1 }, status: { ready: 9 } }),
      );
      assert.equal(created["status"], undefined);
      const merge = { type: "merge", fieldManager: "t" } as const;
      const status = { ...merge, subresource: "status" };
      const second = await client.patch(
        widgets,
        here,
        { status: { ready: 1 }, spec: { size: 7 } },
        status,
      );
      assert.deepEqual([second["spec"], second["status"]], [{ size: 1 }, { ready: 1 }]);
      assert.equal(second.metadata.generation, 1);
      const third = await client.patch(
        widgets,
        here,
        { spec: { size: 2 }, status: { ready: 3 } },
        merge,
      );
      assert.deepEqual([third["spec"], third["status"]], [{ size: 2 }, { ready: 1 }]);
      assert.equal(third.metadata.generation, 2);
      const same = await client.patch(widgets, here, { spec: { size: 2 } }, merge);
      assert.equal(same.metadata.resourceVersion, third.metadata.resourceVersion);
      const json = [{ op: "replace", path: "/spec/size", value: 5 }];
      const fourth = await client.patch(widgets, here, json, { type: "json" });
      assert.deepEqual(fourth["spec"], { size: 5 });
    }));

  test("server-side apply creates, keeps what others own, drops what is given no more, and conflicts", () =>
    using(async () => {
      const ours = { fieldManager: "ours" };
      await client.apply(widgets, widget("a", { spec: { size: 1, color: "red" } }), ours);
      await client.patch(
        widgets,
        here,
        { spec: { theirs: true } },
        { type: "merge", fieldManager: "them" },
      );
      const second = await client.apply(widgets, widget("a", { spec: { size: 2 } }), ours);
      assert.deepEqual(second["spec"], { size: 2, theirs: true });
      const other = widget("a", { spec: { size: 3 } });
      await assert.rejects(client.apply(widgets, other, { fieldManager: "b" }), (error) => {
        assert.ok(isApiError(error, "Conflict"));
        assert.equal(error.causes[0]?.reason, "FieldManagerConflict");
        return true;
      });
      const forced = await client.apply(widgets, other, { fieldManager: "b", isForced: true });
      assert.deepEqual(forced["spec"], { size: 3, theirs: true });
      await assert.rejects(
        client.apply(widgets, widget("a", { spec: { size: 2 } }), ours),
        isA("Conflict"),
      );
      const again = await client.apply(widgets, other, { fieldManager: "b" });
      assert.equal(again.metadata.resourceVersion, forced.metadata.resourceVersion);
    }));

  test("conditions are applied one by one, by their type", () =>
    using(async () => {
      await client.create(widgets, widget("a"));
      const apply = (manager: string, ...types: string[]) =>
        client.apply(
          widgets,
          widget("a", { status: { conditions: types.map((type) => ({ type, status: "True" })) } }),
          { fieldManager: manager, subresource: "status" },
        );
      await apply("one", "Ready", "Fresh");
      await apply("two", "Backup");
      const last = await apply("one", "Ready");
      const { conditions } = last["status"] as { conditions: { type: string }[] };
      assert.deepEqual(conditions.map(({ type }) => type).sort(), ["Backup", "Ready"]);
    }));

  test("a deletion with preconditions meets that very object only", () =>
    using(async () => {
      const first = await client.create(widgets, widget("a"));
      await assert.rejects(client.delete(widgets, here, { uid: "another" }), isA("Conflict"));
      await assert.rejects(client.delete(widgets, here, { resourceVersion: "1" }), isA("Conflict"));
      const { uid, resourceVersion } = first.metadata;
      await client.delete(widgets, here, { uid, resourceVersion });
      await assert.rejects(client.delete(widgets, here), isA("NotFound"));
    }));

  test("finalizers hold an object until the last is taken away, and dependents go with their owner", () =>
    using(async () => {
      const metadata = { name: "a", namespace: "default", finalizers: ["test.dev/hold"] };
      const owner = await client.create(widgets, { metadata });
      const reference = {
        apiVersion: "test.dev/v1",
        kind: "Widget",
        name: "a",
        uid: owner.metadata.uid ?? "",
      };
      await client.create(configMaps, {
        metadata: { name: "child", namespace: "default", ownerReferences: [reference] },
      });
      await client.delete(widgets, here);
      assert.notEqual((await client.get(widgets, here)).metadata.deletionTimestamp, undefined);
      await client.patch(widgets, here, { metadata: { finalizers: null } }, { type: "merge" });
      assert.equal(await client.find(widgets, here), undefined);
      assert.equal(await client.find(configMaps, { ...here, name: "child" }), undefined);
    }));

  test("a long list comes in pages, and in one piece when the token expires between two", () =>
    using(async () => {
      for (let at = 0; at < 7; at += 1) await client.create(widgets, widget(`w${at}`));
      const list = await listAll(client, widgets, { limit: 3 });
      assert.equal(list.items.length, 7);
      assert.equal(api.requests.filter((request) => request.includes("limit=3")).length, 3);
      api.requests.length = 0;
      api.fail({ kind: "status", code: 410, reason: "Expired" }, ({ path }) =>
        path.includes("continue="),
      );
      assert.equal((await listAll(client, widgets, { limit: 3 })).items.length, 7);
      assert.equal(api.requests.at(-1)?.includes("limit"), false);
    }));

  test("a read is tried again after 429 with Retry-After, 500 and a broken connection", () =>
    using(async () => {
      await client.create(widgets, widget("a"));
      const waits: number[] = [];
      const timers = {
        after: (delayMs: number, run: () => void) => {
          const isTimeout = delayMs === 5_000;
          if (!isTimeout) waits.push(delayMs);
          return processTimers.after(isTimeout ? delayMs : 1, run);
        },
      };
      const patient = new ApiClient({
        transport,
        ports: { ...ports, timers },
        userAgent: "test",
        timeoutMs: 5_000,
        readTries: 4,
      });
      api.fail({ kind: "status", code: 429, retryAfterSeconds: 7 });
      api.fail({ kind: "status", code: 500 });
      api.fail({ kind: "break", effect: "before" });
      assert.equal((await patient.get(widgets, here)).metadata.name, "a");
      assert.equal(waits.length, 3);
      assert.equal(waits[0], 7_000);
      api.fail({ kind: "status", code: 503 }, undefined, 3);
      await assert.rejects(client.get(widgets, here), isA("ServerError"));
    }));

  test("a mutation is sent once, whatever the answer", () =>
    using(async () => {
      api.fail({ kind: "status", code: 429, retryAfterSeconds: 0 });
      await assert.rejects(client.create(widgets, widget("a")), isA("TooManyRequests"));
      api.fail({ kind: "break", effect: "after" }, verb("POST"));
      await assert.rejects(client.create(widgets, widget("a")), (error) => {
        assert.ok(isApiError(error, "Unanswered"));
        return error.mayHaveHappened;
      });
      assert.equal(api.requests.length, 2);
      assert.equal((await client.get(widgets, here)).metadata.name, "a");
    }));

  test("a server that does not answer meets the time-out, one that is dead is known not to have been reached", () =>
    using(async () => {
      const hasty = clientWith({ timeoutMs: 40, readTries: 1 });
      await client.create(widgets, widget("a"));
      api.fail({ kind: "hang", effect: "after" });
      await assert.rejects(hasty.delete(widgets, here), isA("Unanswered"));
      api.fail({ kind: "slow", beforeMs: 60, afterMs: 60 });
      await assert.rejects(hasty.get(widgets, here), isA("Unanswered"));
      await server.close();
      await assert.rejects(hasty.create(widgets, widget("b")), (error) => {
        assert.ok(isApiError(error, "NotSent"));
        return !error.mayHaveHappened;
      });
      await server.listen();
      assert.equal(await client.find(widgets, here), undefined);
    }));

  test("credentials that never come meet the time-out too", () =>
    using(async () => {
      const stuck = new ApiClient({
        transport: new HttpTransport({ access: () => new Promise(() => undefined) }),
        ports,
        userAgent: "test",
        timeoutMs: 30,
        readTries: 1,
      });
      await assert.rejects(stuck.get(widgets, here), isA("NotSent"));
    }));

  test("a guard that turns while credentials are read keeps a mutation back, and reads go on", () =>
    using(async () => {
      let isOpen = true;
      const guard: MutationGuard = {
        check: () => {
          if (!isOpen) throw new NotLeadingError("over");
        },
        remainingMs: () => 1_000,
      };
      const slowAccess = new HttpTransport({
        access: async () => {
          isOpen = false;
          return server.access.access();
        },
      });
      const options = {
        transport: slowAccess,
        ports,
        userAgent: "test",
        timeoutMs: 5_000,
        readTries: 1,
      };
      const guarded = new ApiClient(options).withGuard(guard);
      await assert.rejects(guarded.create(widgets, widget("a")), NotLeadingError);
      assert.equal(api.requests.length, 0);
      assert.deepEqual((await guarded.list(widgets, {})).items, []);
      await assert.rejects(guarded.delete(widgets, here), NotLeadingError);
      assert.equal(api.store.mutations.length, 0);
      slowAccess.close();
    }));

  test("a watch tells changes through selectors until its signal ends it, and the server sees it go", () =>
    using(async () => {
      const controller = new AbortController();
      const { resourceVersion } = await client.list(widgets, {});
      const events = await client.watch(
        widgets,
        { resourceVersion, timeoutSeconds: 60, labelSelector: "color=red" },
        controller.signal,
      );
      const labels = (color: string) => ({ metadata: { ...here, labels: { color } } });
      await client.create(widgets, labels("red"));
      await client.patch(widgets, here, labels("blue"), { type: "merge" });
      api.sendBookmarks();
      const seen: string[] = [];
      await assert.rejects(async () => {
        for await (const event of events) {
          seen.push(event.type);
          if (event.type === "BOOKMARK") controller.abort();
        }
      }, isA("Unanswered"));
      assert.deepEqual(seen, ["ADDED", "DELETED", "BOOKMARK"]);
      while (api.watchCount > 0) await new Promise((resolve) => setImmediate(resolve));
    }));
});
