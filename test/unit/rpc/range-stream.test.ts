import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { longToNumber } from "../../../node/proto/long.ts";
import { statusOf } from "../../../node/rpc/errors.ts";
import { LeaderWatch } from "../../../node/rpc/leader-watch.ts";
import { RangeStreamService } from "../../../node/rpc/range-stream.ts";
import { encodePut, encodeRange, type RangeOptions, rangeAnswer } from "../apply/apply-lab.ts";
import { RecordedStream } from "./recorded-call.ts";
import { RpcLab } from "./rpc-lab.ts";

const requestBytesMax = 1000;

class StreamLab {
  readonly rpc: RpcLab;
  readonly service: RangeStreamService;

  constructor(rpc: RpcLab) {
    const { member, admission, slices } = rpc;
    const { timers } = member;
    const leaderWatch = new LeaderWatch({
      timers,
      electionTimeoutMs: 1000,
      hasLeader: () => member.hasLeader,
    });
    this.rpc = rpc;
    this.service = new RangeStreamService({
      member,
      admission,
      slices,
      leaderWatch,
      requestBytesMax,
    });
  }

  static async open(keys: number, valueBytes = 5): Promise<StreamLab> {
    const lab = new StreamLab(await RpcLab.open({ config: { requestBytesMax: 100_000 } }));
    for (let at = 0; at < keys; at++) await lab.put(at, valueBytes);
    return lab;
  }

  async put(at: number, valueBytes = 5): Promise<void> {
    const key = `k${String(at).padStart(4, "0")}`;
    await this.rpc.reply("put", encodePut(key, "v".repeat(valueBytes)));
  }

  begin(stream: RecordedStream, message: Uint8Array): RecordedStream {
    this.service.open(stream);
    stream.deliver(message);
    return stream;
  }

  async stream(key: string, options: RangeOptions = {}): Promise<RecordedStream> {
    const stream = this.begin(new RecordedStream(), encodeRange(key, options));
    await this.rpc.world.pass(200);
    return stream;
  }
}

const responses = ({ sent }: RecordedStream): etcdserverpb.RangeResponse.$Properties[] =>
  sent.map((bytes) => etcdserverpb.RangeStreamResponse.decode(bytes).rangeResponse ?? {});

const keyCounts = (stream: RecordedStream): number[] =>
  responses(stream).map(({ kvs }) => kvs?.length ?? 0);

/** The chunks merged, as protobuf merges them: byte after byte. */
const merged = (stream: RecordedStream): Uint8Array =>
  Buffer.concat(
    stream.sent.map((bytes) => {
      const { rangeResponse } = etcdserverpb.RangeStreamResponse.decode(bytes);
      return etcdserverpb.RangeResponse.encode(rangeResponse ?? {}).finish();
    }),
  );

test("the merged chunks are the answer of Range; header, more and count stand in the last alone", async () => {
  const lab = await StreamLab.open(95);
  const cases: RangeOptions[] = [
    { end: "z" },
    { end: "z", limit: 3 },
    { end: "z", limit: 10 },
    { end: "z", limit: 11 },
    { end: "z", limit: 30 },
    { end: "z", limit: 95 },
    { end: "z", limit: 96 },
    { end: "z", keysOnly: true },
    { end: "z", countOnly: true },
    { end: "z", countOnly: true, limit: 5 },
    { end: "z", revision: 40 },
    { end: "z", revision: 40, limit: 12 },
    { end: "z", order: 1 },
    { end: "z", serializable: true },
    { end: "\0" },
    { end: "k0010" },
    { end: "a" },
    { end: "" },
  ];
  for (const options of cases) {
    const stream = await lab.stream("k0000", options);
    assert.equal(stream.end, "finished");
    const answer = await lab.rpc.reply("range", encodeRange("k0000", options));
    assert.deepEqual(
      rangeAnswer(etcdserverpb.RangeResponse.decode(merged(stream))),
      rangeAnswer(etcdserverpb.RangeResponse.decode(answer)),
      JSON.stringify(options),
    );
    const all = responses(stream);
    for (const { header, more, count } of all.slice(0, -1)) {
      assert.equal(header ?? null, null);
      assert.equal(more, false);
      assert.equal(longToNumber(count), 0);
    }
    const { header } = all.at(-1) ?? {};
    assert.equal(longToNumber(header?.revision), 96);
    assert.equal(longToNumber(header?.raftTerm), 2);
  }
});

test("ten keys come first, then twice as many while a chunk is small, and half as many when one is large", async () => {
  // A KeyValue of about 24 bytes, and a target of 1,000.
  const small = await StreamLab.open(200);
  assert.deepEqual(keyCounts(await small.stream("k", { end: "z" })), [10, 20, 40, 40, 40, 40, 10]);
  const large = await StreamLab.open(20, 1000);
  assert.deepEqual(keyCounts(await large.stream("k", { end: "z" })), [10, 5, 2, 1, 1, 1]);
});

test("what is written after the stream began is not seen", async () => {
  const lab = await StreamLab.open(40);
  const stream = new RecordedStream();
  stream.capacity = 1;
  lab.begin(stream, encodeRange("k", { end: "z" }));
  await lab.rpc.world.pass(50);
  assert.deepEqual(keyCounts(stream), [10]);
  await lab.put(39, 9);
  await lab.put(40, 9);
  await lab.rpc.world.pass(50);
  assert.deepEqual(keyCounts(stream), [10]);
  stream.drain();
  await lab.rpc.world.pass(50);
  assert.equal(stream.end, "finished");
  const answer = rangeAnswer(etcdserverpb.RangeResponse.decode(merged(stream)));
  assert.equal(answer.count, 40);
  assert.equal(answer.revision, 41);
  assert.equal(answer.kvs.at(-1)?.value, "v".repeat(5));
});

test("a slow client is waited for: one message at a time", async () => {
  const lab = await StreamLab.open(100);
  const stream = new RecordedStream();
  stream.capacity = 1;
  lab.begin(stream, encodeRange("k", { end: "z" }));
  for (let expected = 1; stream.end === "open"; expected++) {
    await lab.rpc.world.pass(50);
    assert.equal(stream.sent.length, expected);
    stream.drain(1);
  }
  assert.equal(merged(stream).length > 0, true);
});

test("a compaction in the middle ends the stream, also one that waits for its client, and frees what it held", async () => {
  const lab = await StreamLab.open(40);
  const stream = new RecordedStream();
  stream.capacity = 1;
  lab.begin(stream, encodeRange("k", { end: "z" }));
  await lab.rpc.world.pass(50);
  await lab.put(0);
  const compaction = etcdserverpb.CompactionRequest.encode({
    revision: { low: 42, high: 0, unsigned: false },
    physical: true,
  }).finish();
  const call = await lab.rpc.call("compact", compaction);
  await lab.rpc.world.pass(500);
  assert.deepEqual(stream.end, statusOf.Compacted);
  assert.equal(call.replies.length, 1);
  assert.equal(lab.rpc.member.store.isCompacting, false);
});

test("a compaction up to the stream's own revision does not end it", async () => {
  const lab = await StreamLab.open(40);
  const stream = new RecordedStream();
  stream.capacity = 1;
  lab.begin(stream, encodeRange("k", { end: "z" }));
  await lab.rpc.world.pass(50);
  const revision = { low: 41, high: 0, unsigned: false };
  await lab.rpc.reply("compact", etcdserverpb.CompactionRequest.encode({ revision }).finish());
  stream.drain();
  await lab.rpc.world.pass(50);
  assert.equal(stream.end, "finished");
});

test("what Range refuses is refused, and what streams cannot do is unimplemented, in etcd's words", async () => {
  const lab = await StreamLab.open(3);
  const sorts = {
    code: 12,
    text: "RangeStream does not support custom sort orders",
  };
  const filters = { code: 12, text: "RangeStream does not support revision filters" };
  const cases: [string, RangeOptions, unknown][] = [
    ["", {}, statusOf.EmptyKey],
    ["k", { order: 3 }, statusOf.InvalidSortOption],
    ["k", { target: 5 }, statusOf.InvalidSortOption],
    ["k", { revision: 99 }, statusOf.FutureRev],
    ["k", { order: 2 }, sorts],
    ["k", { order: 1, target: 1 }, sorts],
    ["k", { order: 2, minMod: 1 }, sorts],
    ["k", { minMod: 1 }, filters],
    ["k", { maxCreate: -1 }, filters],
  ];
  for (const [key, options, expected] of cases) {
    assert.deepEqual((await lab.stream(key, options)).end, expected, JSON.stringify(options));
  }
  assert.equal((await lab.stream("k", { target: 3 })).end, "finished");
  const torn = lab.begin(new RecordedStream(), Uint8Array.of(0x0a));
  assert.equal((torn.end as { code: number }).code, 13);
});

test("a client that goes away ends the work and frees what it held", async () => {
  const lab = await StreamLab.open(40);
  const stream = new RecordedStream();
  stream.capacity = 1;
  lab.begin(stream, encodeRange("k", { end: "z" }));
  await lab.rpc.world.pass(50);
  stream.cancel();
  await lab.put(0);
  const revision = { low: 42, high: 0, unsigned: false };
  const message = etcdserverpb.CompactionRequest.encode({ revision, physical: true }).finish();
  const call = await lab.rpc.call("compact", message);
  await lab.rpc.world.pass(500);
  assert.equal(call.replies.length, 1);
  assert.equal(stream.sent.length, 1);
});
