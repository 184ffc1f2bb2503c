import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { longToNumber } from "../../../node/proto/long.ts";
import { RecordedStream } from "./recorded-call.ts";
import { progressIntervalMs, take, WatchLab } from "./watch-lab.ts";

const { NOPUT, NODELETE } = etcdserverpb.WatchCreateRequest.FilterType;
const all = { end: "\0" };

test("a watch is told of before its first event, and gets what is written from then on", async () => {
  const lab = await WatchLab.open();
  await lab.put("a", "before");
  const stream = lab.stream();
  await lab.create(stream, "a");
  await lab.put("a", "1");
  await lab.put("b", "1");
  await lab.delete("a");
  assert.deepEqual(take(stream), ["0@2 created", "0@3 PUT a@3=1", "0@5 DELETE a@5"]);
});

test("what is past comes with the creation, also when it starts at the next revision or in the future", async () => {
  const lab = await WatchLab.open();
  for (const value of ["1", "2", "3"]) await lab.put("a", value);
  const stream = lab.stream();
  await lab.create(stream, "a", { start: 3 });
  await lab.create(stream, "a", { start: 5 });
  await lab.create(stream, "a", { start: 6 });
  assert.deepEqual(take(stream), [
    "0@4 created",
    "0@4 PUT a@3=2 PUT a@4=3",
    "1@4 created",
    "2@4 created",
  ]);
  await lab.put("a", "4");
  await lab.put("a", "5");
  assert.deepEqual(take(stream).sort(), [
    "0@5 PUT a@5=4",
    "0@6 PUT a@6=5",
    "1@5 PUT a@5=4",
    "1@6 PUT a@6=5",
    "2@6 PUT a@6=5",
  ]);
});

test("ranges, filters and previous values are as asked for", async () => {
  const lab = await WatchLab.open();
  await lab.put("b", "0");
  const stream = lab.stream();
  await lab.create(stream, "b", { end: "d" });
  await lab.create(stream, "b", { end: "\0", fields: { filters: [NOPUT], prevKv: true } });
  await lab.create(stream, "", { fields: { filters: [NODELETE] } });
  await lab.create(stream, "", { end: "\0", fields: { filters: [NODELETE] } });
  await lab.create(stream, "a", { end: "\0", fields: { filters: [NOPUT, NODELETE] } });
  take(stream);
  await lab.put("a", "1");
  await lab.put("b", "1");
  await lab.put("d", "1");
  await lab.delete("a", "z");
  const got = take(stream);
  const of = (id: number): string[] => got.filter((text) => text.startsWith(`${id}@`));
  assert.deepEqual(of(0), ["0@4 PUT b@4=1", "0@6 DELETE b@6"]);
  assert.deepEqual(of(1), ["1@6 DELETE b@6 was 1 DELETE d@6 was 1"]);
  assert.deepEqual(of(2), []);
  assert.deepEqual(of(3), ["3@3 PUT a@3=1", "3@4 PUT b@4=1", "3@5 PUT d@5=1"]);
  assert.deepEqual(of(4), []);
});

test("ids: the server's own pass over those that are taken, a taken one is refused, and one is free again when its watch is cancelled", async () => {
  const lab = await WatchLab.open();
  const stream = lab.stream();
  await lab.create(stream, "a", { id: 1n });
  await lab.create(stream, "a");
  await lab.create(stream, "a");
  await lab.create(stream, "a", { id: 1n });
  await lab.create(stream, "a", { id: -9n });
  await lab.cancel(stream, 1n);
  await lab.cancel(stream, 1n);
  await lab.cancel(stream, 77n);
  await lab.create(stream, "b", { id: 1n });
  assert.deepEqual(take(stream), [
    "1@1 created",
    "0@1 created",
    "2@1 created",
    "-1@1 created canceled mvcc: duplicate watch ID provided on the WatchStream",
    "-9@1 created",
    "1@1 canceled",
    "1@1 created",
  ]);
});

test("what cannot be watched is refused, and the stream goes on", async () => {
  const lab = await WatchLab.open();
  const stream = lab.stream();
  await lab.create(stream, "b", { end: "a" });
  await lab.create(stream, "b", { end: "b" });
  await lab.create(stream, "", { end: "\0\0" });
  await lab.create(stream, "b", { start: -1 });
  await lab.create(stream, "b", { start: -(2n ** 63n) });
  await lab.create(stream, "b", { start: 2n ** 63n - 1n });
  await lab.send(stream, {});
  const empty = "-1@1 created canceled mvcc: watcher range is empty";
  const compacted = "-1@1 created canceled etcdserver: mvcc: required revision has been compacted";
  assert.deepEqual(take(stream), [
    empty,
    empty,
    "0@1 created",
    compacted,
    compacted,
    "1@1 created",
  ]);
});

test("a start that is compacted ends the watch, under a header without a revision, and its id is taken until it is cancelled", async () => {
  const lab = await WatchLab.open();
  for (const value of ["1", "2", "3", "4"]) await lab.put("a", value);
  await lab.compact(4);
  const stream = lab.stream();
  await lab.create(stream, "a", { start: 3, id: 5n });
  await lab.create(stream, "a", { start: 4 });
  assert.deepEqual(take(stream), [
    "5@5 created",
    "5@0 canceled compacted 4",
    "0@5 created",
    "0@5 PUT a@4=3 PUT a@5=4",
  ]);
  await lab.create(stream, "a", { id: 5n });
  await lab.progress(stream);
  await lab.cancel(stream, 5n);
  await lab.progress(stream);
  assert.deepEqual(take(stream), [
    "-1@5 created canceled mvcc: duplicate watch ID provided on the WatchStream",
    "5@5 canceled",
    "-1@5",
  ]);
});

test("the progress of a stream is told when all of its watches have got everything, and have begun", async () => {
  const lab = await WatchLab.open();
  await lab.put("a", "1");
  const stream = lab.stream();
  await lab.progress(stream);
  assert.deepEqual(take(stream), []);
  await lab.create(stream, "a");
  await lab.progress(stream);
  assert.deepEqual(take(stream), ["0@2 created", "-1@2"]);
  for (const start of [3, 4]) {
    await lab.create(stream, "a", { start, id: BigInt(start) });
    take(stream);
    await lab.progress(stream);
    assert.deepEqual(take(stream), [], `with a watch from ${start} on`);
    await lab.cancel(stream, BigInt(start));
    take(stream);
  }
  await lab.create(stream, "a", { start: 3 });
  await lab.put("b", "1");
  await lab.progress(stream);
  assert.deepEqual(take(stream), ["1@2 created", "-1@3"]);
});

test("who asked for it is told now and then how far it is, unless it has just had events", async () => {
  const lab = await WatchLab.open();
  const stream = lab.stream();
  await lab.create(stream, "a", { fields: { progressNotify: true } });
  await lab.create(stream, "a");
  await lab.create(stream, "a", { start: 9, fields: { progressNotify: true } });
  take(stream);
  await lab.pass(progressIntervalMs);
  assert.deepEqual(take(stream), ["0@1"]);
  await lab.put("b", "1");
  await lab.pass(progressIntervalMs);
  assert.deepEqual(take(stream), ["0@2"]);
  await lab.put("a", "1");
  assert.equal(take(stream).length, 2);
  await lab.pass(progressIntervalMs);
  assert.deepEqual(take(stream), []);
  await lab.pass(progressIntervalMs);
  assert.deepEqual(take(stream), ["0@3"]);
});

test("a response too large for one message comes in parts where the client takes parts, and whole where it does not", async () => {
  const lab = await WatchLab.open();
  const stream = lab.stream();
  await lab.create(stream, "a", { ...all, fields: { fragment: true, prevKv: true } });
  await lab.create(stream, "a", { ...all, fields: { prevKv: true } });
  for (const key of ["a1", "a2", "a3"]) await lab.put(key, "v".repeat(300_000));
  stream.sent.length = 0;
  await lab.delete("a", "b");
  const responses = stream.sent.map((message) => etcdserverpb.WatchResponse.decode(message));
  const parts = responses.filter(({ watchId }) => longToNumber(watchId) === 0);
  assert.deepEqual(
    parts.map(({ events, fragment }) => [events.length, fragment]),
    [
      [1, true],
      [1, true],
      [1, false],
    ],
  );
  const whole = responses.filter(({ watchId }) => longToNumber(watchId) === 1);
  assert.deepEqual(
    whole.map(({ events, fragment }) => [events.length, fragment]),
    [[3, false]],
  );
});

test("a client that does not read costs nothing but what it was sent, its requests wait, and it gets all it missed", async () => {
  const lab = await WatchLab.open();
  const stream = new RecordedStream();
  let isPaused = false;
  stream.pause = () => {
    isPaused = true;
  };
  stream.resume = () => {
    isPaused = false;
  };
  stream.capacity = 2;
  lab.service.open(stream);
  await lab.create(stream, "a");
  const other = lab.stream();
  await lab.create(other, "a");
  for (let count = 0; count < 100; count++) await lab.put("a", `${count}`);
  assert.equal(stream.sent.length, 2);
  assert.equal(isPaused, true);
  // It costs the other nothing.
  assert.equal(other.sent.length, 101);
  stream.drain();
  await lab.pass();
  assert.equal(isPaused, false);
  const events = stream.sent.flatMap(
    (message) => etcdserverpb.WatchResponse.decode(message).events,
  );
  assert.deepEqual(
    events.map(({ kv }) => longToNumber(kv?.modRevision)),
    Array.from({ length: 100 }, (_, index) => index + 2),
  );
});

test("a stream that ends leaves no watch behind", async () => {
  const lab = await WatchLab.open();
  const { watches } = lab.rpc.member;
  const streams = [lab.stream(), lab.stream()];
  for (const stream of streams) {
    await lab.create(stream, "a");
    await lab.create(stream, "b", all);
    await lab.create(stream, "b", { start: 100 });
  }
  assert.equal(watches.watcherCount, 6);
  assert.equal(lab.service.streamCount, 2);
  streams[0]?.cancel();
  assert.equal(watches.watcherCount, 3);
  streams[1]?.deliver(Uint8Array.of(0xff));
  assert.equal(watches.watcherCount, 0);
  assert.equal(lab.service.streamCount, 0);
  await lab.put("a", "1");
});
