import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { int64Long, longToBigint, longToNumber } from "../../../node/proto/long.ts";
import { statusOf } from "../../../node/rpc/errors.ts";
import { LeaderWatch } from "../../../node/rpc/leader-watch.ts";
import { LeaseService } from "../../../node/rpc/lease.ts";
import { encodePut } from "../apply/apply-lab.ts";
import { RecordedCall, RecordedStream } from "./recorded-call.ts";
import { RpcLab } from "./rpc-lab.ts";

const {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
  LeaseLeasesResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
} = etcdserverpb;

const long = (value: number | bigint): ReturnType<typeof int64Long> => int64Long(BigInt(value));

class LeaseLab {
  readonly rpc: RpcLab;
  readonly service: LeaseService;
  nextId = 0n;

  private constructor(rpc: RpcLab) {
    const { member, admission } = rpc;
    const { timers } = member;
    const leaderWatch = new LeaderWatch({
      timers,
      electionTimeoutMs: 1000,
      hasLeader: () => member.hasLeader,
    });
    this.rpc = rpc;
    this.service = new LeaseService({
      member,
      admission,
      leaderWatch,
      newId: () => this.nextId,
    });
  }

  static async open(): Promise<LeaseLab> {
    return new LeaseLab(await RpcLab.open());
  }

  async call(
    method: "grant" | "revoke" | "timeToLive" | "leases",
    message: Uint8Array,
  ): Promise<RecordedCall> {
    const call = new RecordedCall();
    const bytes = Uint8Array.from(message);
    this.service[method](call, bytes);
    bytes.fill(0xff);
    await this.rpc.world.pass(200);
    return call;
  }

  async reply(...[method, message]: Parameters<LeaseLab["call"]>): Promise<Uint8Array> {
    const { replies, failures } = await this.call(method, message);
    assert.deepEqual(failures, []);
    return replies[0] as Uint8Array;
  }

  async grant(id: bigint, ttl: bigint | number): Promise<{ id: bigint; ttl: number }> {
    const message = LeaseGrantRequest.encode({ ID: long(id), TTL: long(ttl) }).finish();
    const response = LeaseGrantResponse.decode(await this.reply("grant", message));
    return { id: longToBigint(response.ID), ttl: longToNumber(response.TTL) };
  }

  async times(id: bigint): Promise<{ ttl: number; granted: number; keys: string[] }> {
    const message = LeaseTimeToLiveRequest.encode({ ID: long(id), keys: true }).finish();
    const response = LeaseTimeToLiveResponse.decode(await this.reply("timeToLive", message));
    const keys = response.keys.map((key) => Buffer.from(key).toString()).sort();
    return { ttl: longToNumber(response.TTL), granted: longToNumber(response.grantedTTL), keys };
  }

  async all(): Promise<bigint[]> {
    const response = LeaseLeasesResponse.decode(await this.reply("leases", new Uint8Array(0)));
    return response.leases.map(({ ID }) => longToBigint(ID));
  }

  renew(stream: RecordedStream, id: bigint): void {
    stream.deliver(LeaseKeepAliveRequest.encode({ ID: long(id) }).finish());
  }
}

const renewals = ({ sent }: RecordedStream): [bigint, number][] =>
  sent.map((bytes) => {
    const response = LeaseKeepAliveResponse.decode(bytes);
    return [longToBigint(response.ID), longToNumber(response.TTL)];
  });

test("a grant is answered with the id and the time that it got", async () => {
  const lab = await LeaseLab.open();
  assert.deepEqual(await lab.grant(5n, 60), { id: 5n, ttl: 60 });
  assert.deepEqual(await lab.grant(-5n, 1), { id: -5n, ttl: 2 });
  assert.deepEqual(await lab.grant(6n, -(2n ** 63n)), { id: 6n, ttl: 2 });
  lab.nextId = 2n ** 63n + 9n;
  // The servers' own numbers are positive.
  assert.deepEqual(await lab.grant(0n, 60), { id: 9n, ttl: 60 });
});

test("refusals have etcd's codes and texts", async () => {
  const lab = await LeaseLab.open();
  await lab.grant(5n, 60);
  const grant = (id: bigint, ttl: bigint): Uint8Array =>
    LeaseGrantRequest.encode({ ID: long(id), TTL: long(ttl) }).finish();
  const revoke = LeaseRevokeRequest.encode({ ID: long(9n) }).finish();
  for (const [method, message, error] of [
    ["grant", grant(5n, 60n), "LeaseExist"],
    ["grant", grant(6n, 9_000_000_001n), "LeaseTTLTooLarge"],
    ["grant", grant(6n, 2n ** 63n - 1n), "LeaseTTLTooLarge"],
    ["revoke", revoke, "LeaseNotFound"],
  ] as const)
    assert.deepEqual((await lab.call(method, message)).failures, [statusOf[error]]);
  assert.deepEqual(await lab.all(), [5n]);
});

test("what is left of a lease, its keys, and that there is none", async () => {
  const lab = await LeaseLab.open();
  await lab.grant(5n, 60);
  await lab.rpc.reply("put", encodePut("b", "1", { lease: 5n }));
  await lab.rpc.reply("put", encodePut("a", "1", { lease: 5n }));
  await lab.rpc.world.pass(10_000);
  assert.deepEqual(await lab.times(5n), { ttl: 49, granted: 60, keys: ["a", "b"] });
  assert.deepEqual(await lab.times(6n), { ttl: -1, granted: 0, keys: [] });
});

test("a lease that is not renewed ends with its keys, between its time and a second later", async () => {
  const lab = await LeaseLab.open();
  await lab.grant(5n, 10);
  await lab.rpc.reply("put", encodePut("a", "1", { lease: 5n }));
  const { store } = lab.rpc.member;
  await lab.rpc.world.pass(9_500);
  assert.equal(store.keyCount, 1);
  await lab.rpc.world.pass(1_500);
  assert.equal(store.keyCount, 0);
  assert.deepEqual(await lab.all(), []);
});

test("renewals keep it alive, and are answered in the order in which they came", async () => {
  const lab = await LeaseLab.open();
  await lab.grant(5n, 10);
  await lab.grant(6n, 20);
  const stream = new RecordedStream();
  lab.service.keepAlive(stream);
  for (const id of [5n, 99n, 6n, 5n]) lab.renew(stream, id);
  await lab.rpc.world.pass(100);
  assert.deepEqual(renewals(stream), [
    [5n, 10],
    [99n, 0],
    [6n, 20],
    [5n, 10],
  ]);
  for (let count = 0; count < 10; count++) {
    await lab.rpc.world.pass(5000);
    lab.renew(stream, 5n);
  }
  await lab.rpc.world.pass(100);
  assert.deepEqual(await lab.all(), [5n]);
});

test("a client that does not take its answers is not read on, until it does", async () => {
  const lab = await LeaseLab.open();
  await lab.grant(5n, 10);
  const stream = new RecordedStream();
  let isPaused = false;
  stream.pause = () => {
    isPaused = true;
  };
  stream.resume = () => {
    isPaused = false;
  };
  stream.capacity = 2;
  lab.service.keepAlive(stream);
  for (let count = 0; count < 5; count++) lab.renew(stream, 5n);
  await lab.rpc.world.pass(100);
  assert.equal(isPaused, true);
  stream.drain();
  assert.equal(isPaused, false);
  assert.equal(stream.sent.length, 5);
});

test("so many renewals are under way at once, and no more are read before half of them is answered", async () => {
  const lab = await LeaseLab.open();
  await lab.grant(5n, 10);
  const stream = new RecordedStream();
  const read: string[] = [];
  stream.pause = () => void read.push("pause");
  stream.resume = () => void read.push("resume");
  lab.service.keepAlive(stream);
  for (let count = 0; count < 255; count++) lab.renew(stream, 5n);
  assert.deepEqual(read, []);
  lab.renew(stream, 5n);
  assert.deepEqual(read, ["pause"]);
  await lab.rpc.world.pass(100);
  assert.deepEqual(read, ["pause", "resume"]);
  assert.equal(stream.sent.length, 256);
});

test("a revocation takes the keys at once, and its answer tells the revision", async () => {
  const lab = await LeaseLab.open();
  await lab.grant(5n, 10);
  await lab.rpc.reply("put", encodePut("a", "1", { lease: 5n }));
  const message = LeaseRevokeRequest.encode({ ID: long(5n) }).finish();
  const response = LeaseRevokeResponse.decode(await lab.reply("revoke", message));
  assert.equal(longToNumber(response.header?.revision), 3);
  assert.equal(lab.rpc.member.store.keyCount, 0);
});
