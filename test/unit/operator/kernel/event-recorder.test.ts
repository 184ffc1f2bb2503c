import assert from "node:assert/strict";
import { test } from "node:test";

import type { EventText } from "../../../../operator/kernel/event.ts";
import {
  EventRecorder,
  eventResource,
  type RecorderOptions,
} from "../../../../operator/kernel/event-recorder.ts";
import type { ObjectReference } from "../../../../operator/kernel/object-reference.ts";
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

/** One of several parts of an object. */
function part(name: string): ObjectReference {
  const uid = `uid-of-${name}`;
  return { apiVersion: "test.dev/v1", kind: "Part", name, namespace: "default", uid };
}

/** Those of one millisecond are in no order. */
function inOrder<Row extends readonly unknown[]>(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));
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
  readonly related?: ObjectReference;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
}

interface Recording {
  readonly lab: KernelLab;
  readonly recorder: EventRecorder;
  events(): StoredEvent[];
  /** So far, by whatever request. */
  writes(): number;
  stop(): Promise<void>;
}

const smallRates = {
  rate: { burst: 10, perSecond: 1 },
  objectRate: { burst: 4, perSecond: 1 / 30 },
} as const;

function start(rates: Pick<RecorderOptions, "rate" | "objectRate"> = smallRates): Recording {
  const lab = new KernelLab();
  const process = lab.time.process();
  const recorder = new EventRecorder({
    client: lab.client(process),
    ports: process,
    controller: "etcd-ts.dev/operator",
    instance: "operator-0",
    ...rates,
  });
  const controller = new AbortController();
  const running = recorder.run(controller.signal);
  return {
    lab,
    recorder,
    events: () =>
      lab.api.store.list({ ...eventResource, hasStatus: false }) as unknown as StoredEvent[],
    writes: () => lab.api.store.mutations.length,
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

test("a note is cut at 1024 bytes, as the API server counts them, and never within a character", async () => {
  const { lab, recorder, events, stop } = start();
  recorder.record(regarding("a"), { ...text, note: `${"x".repeat(1023)}é` });
  recorder.record(regarding("b"), { ...text, note: "€".repeat(341) });
  await lab.time.advance(100);
  const notes = new Map(events().map((event) => [event.regarding.name, event.note]));
  assert.equal(notes.get("a"), "x".repeat(1023));
  assert.equal(notes.get("b"), "€".repeat(341));
  await stop();
});

test("what is done to two parts of one object is told of both, each in a series of its own", async () => {
  const { lab, recorder, events, stop } = start();
  for (const name of ["m1", "m2", "m1"]) {
    recorder.record(regarding("a"), { ...text, note: `${name} is added` }, part(name));
  }
  recorder.record(regarding("a"), { ...text, note: "all are added" });
  await lab.time.advance(61_000);
  assert.deepEqual(
    inOrder(events().map((event) => [event.note, event.related, event.series?.count])),
    [
      ["all are added", undefined, undefined],
      ["m1 is added", part("m1"), 2],
      ["m2 is added", part("m2"), undefined],
    ],
  );
  assert.deepEqual(new Set(events().map((event) => event.regarding.uid)), new Set(["uid-of-a"]));
  await stop();
});

test("a part that is made anew under its name has a series of its own, and no new burst", async () => {
  const { lab, recorder, events, stop } = start();
  for (let at = 0; at < 8; at += 1) {
    recorder.record(regarding("a"), text, { ...part("m1"), uid: `uid-${at}` });
  }
  await lab.time.advance(1_000);
  assert.equal(events().length, 4);
  assert.equal(recorder.droppedCount, 4);
  await stop();
});

test("each part has a burst of its own: much news of one hides nothing of another", async () => {
  const { lab, recorder, events, stop } = start();
  for (let at = 0; at < 20; at += 1) {
    recorder.record(regarding("a"), { ...text, reason: `R${at}` }, part("m1"));
  }
  recorder.record(regarding("a"), { ...text, reason: "Lost" }, part("m2"));
  recorder.record(regarding("b"), { ...text, reason: "Lost" }, part("m1"));
  await lab.time.advance(1_000);
  assert.deepEqual(
    inOrder(events().map((event) => [event.regarding.name, event.related?.name, event.reason])),
    [
      ...["R0", "R1", "R2", "R3"].map((reason) => ["a", "m1", reason]),
      ["a", "m2", "Lost"],
      ["b", "m1", "Lost"],
    ],
  );
  await stop();
});

test("what the rate of all refuses costs a part nothing of its own", async () => {
  const { lab, recorder, events, stop } = start();
  for (let at = 0; at < 10; at += 1) recorder.record(regarding(`w${at}`), text);
  for (let at = 0; at < 10; at += 1) {
    recorder.record(regarding("a"), { ...text, reason: `Early${at}` }, part("m1"));
  }
  await lab.time.advance(10_000);
  for (let at = 0; at < 4; at += 1) {
    recorder.record(regarding("a"), { ...text, reason: `Late${at}` }, part("m1"));
  }
  await lab.time.advance(1_000);
  assert.equal(events().filter(({ reason }) => reason.startsWith("Late")).length, 4);
  await stop();
});

test("a part that flaps for ever makes few writes, and its count is right", async () => {
  const { lab, recorder, events, writes, stop } = start({});
  const reasons = ["DeletedPod", "CreatedPod", "Lost"];
  const minutes = 60;
  for (let second = 0; second < minutes * 60; second += 5) {
    for (const reason of reasons) {
      const note = `at second ${second}`;
      recorder.record(regarding("a"), { ...text, reason, note }, part("m1"));
    }
    await lab.time.advance(5_000);
  }
  await lab.time.advance(61_000);
  assert.ok(writes() <= reasons.length * (minutes + 2), `${writes()} writes`);
  assert.deepEqual(
    events().map(({ series }) => series?.count),
    reasons.map(() => minutes * 12),
  );
  assert.equal(recorder.droppedCount, 0);
  await stop();
});

test("a part that does ever other things has its burst, and then one event in 30 s", async () => {
  const { lab, recorder, events, stop } = start({});
  for (let second = 0; second < 3_600; second += 1) {
    recorder.record(regarding("a"), { ...text, reason: `R${second}` }, part("m1"));
    await lab.time.advance(1_000);
  }
  assert.ok(events().length <= 25 + 3_600 / 30 + 1, `${events().length} events`);
  assert.ok(events().length >= 25 + 3_600 / 30 - 1, `${events().length} events`);
  await stop();
});

test("the rate of all bounds the counts too: they wait, and leave room for what is new", async () => {
  const { lab, recorder, events, writes, stop } = start({
    rate: { burst: 60, perSecond: 0.5 },
  });
  const names = Array.from({ length: 50 }, (_, at) => `w${at}`);
  for (const name of names) recorder.record(regarding(name), text);
  await lab.time.advance(1_000);
  const before = writes();
  for (let minute = 0; minute < 20; minute += 1) {
    for (const name of names) recorder.record(regarding(name), text);
    await lab.time.advance(60_000);
  }
  const counts = writes() - before;
  assert.ok(counts <= 60 + 20 * 30 + 1, `${counts} writes`);
  assert.ok(counts >= 20 * 30 - 60, `${counts} writes`);
  for (let at = 0; at < 20; at += 1) recorder.record(regarding(`new${at}`), text);
  await lab.time.advance(1_000);
  assert.equal(events().filter(({ regarding: { name } }) => name.startsWith("new")).length, 20);
  assert.equal(recorder.droppedCount, 0);
  await lab.time.advance(5 * 60_000);
  const told = events().filter(({ regarding: { name } }) => names.includes(name));
  assert.deepEqual(new Set(told.map(({ series }) => series?.count)), new Set([21]));
  await stop();
});

test("memory is bounded, whatever happens", async () => {
  const { recorder, stop } = start({ rate: { burst: 100_000, perSecond: 1 } });
  for (let at = 0; at < 10_000; at += 1) recorder.record(regarding("a"), text, part(`m${at}`));
  assert.deepEqual(recorder.kept, { series: 4096, buckets: 4096 });
  await stop();
});

test("a server that takes no events at all is not asked for ever, and nothing is kept of them", async () => {
  const { lab, recorder, events, stop } = start({});
  lab.api.fail({ kind: "status", code: 403, reason: "Forbidden" }, undefined, 1_000);
  recorder.record(regarding("a"), text, part("m1"));
  await lab.time.advance(10 * 60_000);
  const requests = lab.api.requests.length;
  assert.ok(requests <= 8, `${requests} requests`);
  assert.equal(recorder.kept.series, 0);
  await lab.time.advance(10 * 60_000);
  assert.equal(lab.api.requests.length, requests);
  assert.deepEqual(events(), []);
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
  assert.equal(events()[0]?.series?.count, 100);
  assert.match(events()[0]?.series?.lastObservedTime ?? "", /\.\d{6}Z$/);
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
  assert.equal(events()[0]?.series?.count, 3);
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
