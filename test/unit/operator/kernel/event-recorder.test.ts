import assert from "node:assert/strict";
import { test } from "node:test";

import {
  EventRecorder,
  type EventText,
  eventResource,
} from "../../../../operator/kernel/event-recorder.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { KernelLab, widget } from "../../../operator/kernel-lab.ts";

const text: EventText = {
  type: "Normal",
  reason: "MemberAdded",
  action: "AddMember",
  note: "one more",
};

function regarding(name: string): KubernetesObject {
  const base = widget(name);
  return { ...base, metadata: { ...base.metadata, uid: `uid-of-${name}` } };
}

interface StoredEvent {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly reason: string;
  readonly action: string;
  readonly note: string;
  readonly eventTime: string;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly regarding: { readonly name: string; readonly uid: string };
  readonly series: { readonly count: number; readonly lastObservedTime: string };
}

interface Recording {
  readonly lab: KernelLab;
  readonly recorder: EventRecorder;
  events(): StoredEvent[];
  stop(): Promise<void>;
}

function start(): Recording {
  const lab = new KernelLab();
  const process = lab.time.process();
  const recorder = new EventRecorder({
    client: lab.client(process),
    ports: process,
    controller: "etcd-ts.dev/operator",
    instance: "operator-0",
    rate: { burst: 10, perSecond: 1 },
    objectRate: { burst: 4, perSecond: 1 / 30 },
  });
  const controller = new AbortController();
  const running = recorder.run(controller.signal);
  return {
    lab,
    recorder,
    events: () =>
      lab.api.store.list({ ...eventResource, hasStatus: false }) as unknown as StoredEvent[],
    stop: async () => {
      controller.abort();
      await lab.finish(running);
    },
  };
}

test("an event says what, to what, by whom and when, in the fields of events.k8s.io/v1", async () => {
  const { lab, recorder, events, stop } = start();
  recorder.record(regarding("a"), { ...text, note: "x".repeat(2000) });
  await lab.time.advance(100);
  const [event] = events();
  assert.ok(event !== undefined);
  assert.equal(event.reason, "MemberAdded");
  assert.equal(event.action, "AddMember");
  assert.equal(event.reportingController, "etcd-ts.dev/operator");
  assert.equal(event.reportingInstance, "operator-0");
  assert.equal(event.note.length, 1024);
  assert.match(event.eventTime, /\.\d{6}Z$/);
  assert.equal(event.regarding.uid, "uid-of-a");
  assert.equal(event.metadata.namespace, "default");
  await stop();
});

test("an object with a long name gets an event with a valid one", async () => {
  const { lab, recorder, events, stop } = start();
  recorder.record(regarding(`${"a".repeat(199)}-${"b".repeat(40)}`), text);
  await lab.time.advance(100);
  assert.match(events()[0]?.metadata.name ?? "", /^a{199}\.[0-9a-f]+$/);
  await stop();
});

test("the same again becomes a count, written at most once a minute, and a new event after six quiet minutes", async () => {
  const { lab, recorder, events, stop } = start();
  for (let times = 0; times < 100; times += 1) {
    recorder.record(regarding("a"), { ...text, note: `attempt ${times}` });
    await lab.time.advance(1_000);
  }
  await lab.time.advance(60_000);
  assert.equal(events().length, 1);
  assert.equal(events()[0]?.series.count, 100);
  assert.match(events()[0]?.series.lastObservedTime ?? "", /\.\d{6}Z$/);
  assert.ok(lab.api.requests.length <= 4, `${lab.api.requests.length} requests`);
  await lab.time.advance(6 * 60_000);
  recorder.record(regarding("a"), text);
  await lab.time.advance(100);
  assert.equal(events().length, 2);
  assert.equal(recorder.droppedCount, 0);
  await stop();
});

test("one object, and all together, cannot flood the server", async () => {
  const { lab, recorder, events, stop } = start();
  for (let at = 0; at < 20; at += 1) recorder.record(regarding("a"), { ...text, reason: `R${at}` });
  await lab.time.advance(1_000);
  assert.equal(events().length, 4);
  for (let at = 0; at < 50; at += 1) recorder.record(regarding(`w${at}`), text);
  await lab.time.advance(1_000);
  assert.ok(events().length <= 11);
  assert.equal(recorder.droppedCount, 70 - events().length);
  recorder.record(regarding("later"), text);
  await lab.time.advance(60_000);
  recorder.record(regarding("later"), { ...text, reason: "Other" });
  await lab.time.advance(1_000);
  assert.ok(events().some((event) => event.reason === "Other"));
  await stop();
});

test("a lost answer makes no second event, and an event that expired is made again with its count", async () => {
  const { lab, recorder, events, stop } = start();
  lab.api.fail({ kind: "break", effect: "after" });
  lab.api.fail({ kind: "status", code: 500 }, undefined, 2);
  recorder.record(regarding("a"), text);
  await lab.time.advance(30_000);
  assert.equal(events().length, 1);
  const name = String(events()[0]?.metadata.name);
  const at = { resource: { ...eventResource, hasStatus: false }, namespace: "default", name };
  lab.api.store.delete({ ...at, subresource: "", manager: "ttl" }, {});
  recorder.record(regarding("a"), text);
  recorder.record(regarding("a"), text);
  await lab.time.advance(60_000);
  assert.equal(events()[0]?.series.count, 3);
  await stop();
});

test("a server that is away is nobody's problem but the event's", async () => {
  const { lab, recorder, events, stop } = start();
  lab.network.isDown = true;
  recorder.record(regarding("a"), text);
  recorder.record(regarding("b"), text);
  await lab.time.advance(59_000);
  assert.equal(recorder.droppedCount, 2);
  lab.network.isDown = false;
  recorder.record(regarding("c"), text);
  await lab.time.advance(1_000);
  assert.ok(events().some((event) => event.regarding.name === "c"));
  await stop();
});

test("a program that ends sends what waits, in order, and waits for it", async () => {
  const lab = new KernelLab();
  const process = lab.time.process();
  const client = lab.client(process);
  const recorder = new EventRecorder({
    client,
    ports: process,
    controller: "etcd-ts.dev/maintenance",
    instance: "job-0",
  });
  lab.api.fail({ kind: "status", code: 503 });
  recorder.record(regarding("a"), text);
  recorder.record(regarding("b"), text);
  await lab.finish(recorder.flush());
  const events = lab.api.store.list({ ...eventResource, hasStatus: false });
  const names = (events as unknown as StoredEvent[]).map(({ regarding: { name } }) => name);
  assert.deepEqual(names.sort(), ["a", "b"]);
  await lab.finish(recorder.flush());
});
