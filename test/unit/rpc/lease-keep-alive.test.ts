import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { int64Long, longToBigint, longToNumber } from "../../../node/proto/long.ts";
import { statusOf } from "../../../node/rpc/errors.ts";
import { LeaseKeepAliveStream } from "../../../node/rpc/lease-keep-alive.ts";
import type { Member } from "../../../node/server/member.ts";
import type { LeaseReply } from "../../../node/server/peer-transport.ts";
import { encodePut } from "../apply/apply-lab.ts";
import { RecordedStream } from "./recorded-call.ts";
import { RpcLab } from "./rpc-lab.ts";

const { LeaseKeepAliveRequest, LeaseKeepAliveResponse } = etcdserverpb;

/** A stream before a member whose leader answers when the test says so. */
class KeepAliveLab {
  readonly rpc: RpcLab;
  readonly call = new RecordedStream();
  readonly answers: ((reply: LeaseReply<number>) => void)[] = [];
  ends = 0;

  private constructor(rpc: RpcLab) {
    this.rpc = rpc;
    const leaseRequests = {
      renew: (): Promise<LeaseReply<number>> =>
        new Promise((resolve) => void this.answers.push(resolve)),
    };
    const member = Object.create(rpc.member, { leaseRequests: { value: leaseRequests } }) as Member;
    const stream = new LeaseKeepAliveStream(member, this.call);
    stream.onEnd = () => void (this.ends += 1);
  }

  static async open(): Promise<KeepAliveLab> {
    return new KeepAliveLab(await RpcLab.open());
  }

  renew(id: bigint): void {
    this.call.deliver(LeaseKeepAliveRequest.encode({ ID: int64Long(id) }).finish());
  }

  async answer(index: number, reply: LeaseReply<number>): Promise<void> {
    this.answers[index]?.(reply);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Id, time and revision of each answer. */
  get sent(): [bigint, number, number][] {
    return this.call.sent.map((bytes) => {
      const { ID, TTL, header } = LeaseKeepAliveResponse.decode(bytes);
      return [longToBigint(ID), longToNumber(TTL), longToNumber(header?.revision)];
    });
  }
}

test("answers leave in the order of the requests, whichever the leader gives first", async () => {
  const lab = await KeepAliveLab.open();
  for (const id of [1n, 2n, 3n]) lab.renew(id);
  await lab.answer(2, { kind: "found", value: 30 });
  await lab.answer(1, { kind: "notFound" });
  assert.deepEqual(lab.sent, []);
  await lab.answer(0, { kind: "found", value: 10 });
  assert.deepEqual(lab.sent, [
    [1n, 10, 1],
    [2n, 0, 1],
    [3n, 30, 1],
  ]);
});

test("the header's revision is from before the renewal: none that ended the lease", async () => {
  const lab = await KeepAliveLab.open();
  lab.renew(1n);
  await lab.rpc.reply("put", encodePut("a", "1"));
  await lab.answer(0, { kind: "found", value: 10 });
  assert.deepEqual(lab.sent, [[1n, 10, 1]]);
});

test("a refusal ends the stream, once, and what comes after it is not answered", async () => {
  const lab = await KeepAliveLab.open();
  for (const id of [1n, 2n]) lab.renew(id);
  await lab.answer(1, { kind: "refused", error: "Timeout" });
  await lab.answer(0, { kind: "found", value: 10 });
  assert.deepEqual(lab.call.end, statusOf["Timeout"]);
  assert.deepEqual(lab.sent, []);
  assert.equal(lab.ends, 1);
});

test("a client that goes away, or sends what is no request, ends it", async () => {
  const gone = await KeepAliveLab.open();
  gone.renew(1n);
  gone.call.cancel();
  await gone.answer(0, { kind: "found", value: 10 });
  assert.deepEqual([gone.sent, gone.ends], [[], 1]);
  const confused = await KeepAliveLab.open();
  confused.call.deliver(Uint8Array.of(0xff));
  assert.equal(confused.ends, 1);
  assert.notEqual(confused.call.end, "open");
});
