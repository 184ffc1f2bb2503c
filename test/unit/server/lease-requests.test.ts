import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdErrorKind } from "../../../node/lib/etcd-error.ts";
import { memberId } from "../../../node/lib/units.ts";
import type { LeaseCheckpoint } from "../../../node/proto/lease-codec.ts";
import { LeaseRequests } from "../../../node/server/lease-requests.ts";
import type { LeaseReply, LeaseTimes } from "../../../node/server/peer-transport.ts";
import { LabWorld } from "../../support/lab-world.ts";
import { Lab } from "../apply/apply-lab.ts";
import { LessorLab } from "../lease/lessor-lab.ts";

const me = memberId(1n);
const other = memberId(2n);
const nobody = memberId(0n);

/** One member's lease requests; who leads, and what the leader answers, is the test's. */
class RequestsLab {
  readonly world = new LabWorld(1);
  readonly leases = new LessorLab();
  readonly checkpoints: LeaseCheckpoint[] = [];
  lead = me;
  isRunning = true;
  /** How a linearizable read ends; undefined when it is not answered. */
  read: "readable" | EtcdErrorKind | undefined = "readable";
  forwarded = 0;
  applied = 0;
  remote: () => Promise<LeaseReply<number>> = () => Promise.reject(new Error("down"));
  readonly requests: LeaseRequests;

  private constructor(kv: Lab) {
    this.requests = new LeaseRequests({
      clock: this.world,
      timers: this.world,
      timeoutMs: 7000,
      id: me,
      lead: () => this.lead,
      isRunning: () => this.isRunning,
      linearizableRead: (waiter) => {
        if (this.read === "readable") waiter.readable();
        else if (this.read !== undefined) waiter.refused(this.read);
      },
      store: () => kv.store,
      lessor: () => this.leases.lessor,
      applied: () => this.applied,
      keeper: { checkpoint: (all) => this.checkpoints.push(...all) > 0 },
      transport: {
        renewLease: (leader) => {
          assert.equal(leader, other);
          this.forwarded += 1;
          return this.remote();
        },
        leaseTimes: async (leader) => {
          assert.equal(leader, other);
          this.forwarded += 1;
          const reply = await this.remote();
          if (reply.kind !== "found") return reply;
          return {
            ...reply,
            value: { remainingSeconds: reply.value, grantedSeconds: 9, keys: [] },
          };
        },
      },
    });
  }

  static async open(): Promise<RequestsLab> {
    const kv = await Lab.open();
    const lab = new RequestsLab(kv);
    lab.leases.lessor.promote(0);
    kv.lessor.grant(1n, 60);
    kv.put("a", "1", { lease: 1n });
    kv.put("b", "1", { lease: 1n });
    kv.put("c", "1");
    return lab;
  }

  /** The answer, and how long it took. */
  async answer<Value>(promise: Promise<Value>): Promise<{ answer: Value; tookMs: number }> {
    let isDone = false;
    const end = (): void => {
      isDone = true;
    };
    promise.then(end, end);
    const startedMs = this.world.monotonicMs();
    this.world.after(0, () => undefined);
    await new Promise<void>((resolve) => setImmediate(resolve));
    await this.world.run(() => isDone, startedMs + 60_000);
    return { answer: await promise, tookMs: this.world.monotonicMs() - startedMs };
  }

  async renewal(): Promise<LeaseReply<number>> {
    return (await this.answer(this.requests.renew(1n))).answer;
  }

  async times(withKeys: boolean): Promise<LeaseReply<LeaseTimes>> {
    return (await this.answer(this.requests.times(1n, withKeys))).answer;
  }
}

test("the leader renews a lease once it is confirmed, and tells of it", async () => {
  const lab = await RequestsLab.open();
  assert.deepEqual(await lab.renewal(), { kind: "notFound" });
  assert.deepEqual(await lab.times(true), { kind: "notFound" });
  lab.leases.grant(1n, 60);
  lab.leases.pass(20.5);
  const [a, b] = ["a", "b"].map((key) => Uint8Array.from(Buffer.from(key)));
  assert.deepEqual(await lab.times(false), {
    kind: "found",
    value: { remainingSeconds: 39, grantedSeconds: 60, keys: [] },
  });
  assert.deepEqual(await lab.renewal(), { kind: "found", value: 60 });
  assert.deepEqual(await lab.times(true), {
    kind: "found",
    value: { remainingSeconds: 60, grantedSeconds: 60, keys: [a, b] },
  });
});

test("a leader that is not confirmed renews nothing", async () => {
  const lab = await RequestsLab.open();
  lab.leases.grant(1n, 60);
  lab.leases.pass(20);
  lab.read = "Timeout";
  assert.deepEqual(await lab.renewal(), { kind: "refused", error: "Timeout" });
  assert.equal(lab.leases.left(1n), 40);
});

test("one that was confirmed and leads no more when it could answer asks its successor", async () => {
  const lab = await RequestsLab.open();
  lab.leases.grant(1n, 60);
  lab.leases.lessor.demote();
  lab.remote = () => Promise.resolve({ kind: "found", value: 60 });
  lab.world.after(200, () => {
    lab.lead = other;
  });
  assert.deepEqual(await lab.renewal(), { kind: "found", value: 60 });
  assert.equal(lab.forwarded, 1);
  assert.equal(lab.leases.left(1n), Infinity);
});

test("who does not lead passes the wish on, and gives the answer as it came", async () => {
  const lab = await RequestsLab.open();
  lab.lead = other;
  for (const reply of [{ kind: "found", value: 42 }, { kind: "notFound" }] as const) {
    lab.remote = () => Promise.resolve(reply);
    assert.deepEqual(await lab.renewal(), reply);
  }
  lab.remote = () => Promise.resolve({ kind: "found", value: 5 });
  assert.deepEqual(await lab.times(false), {
    kind: "found",
    value: { remainingSeconds: 5, grantedSeconds: 9, keys: [] },
  });
});

test("a leader that cannot be reached, or refuses, is asked again until there is another", async () => {
  const lab = await RequestsLab.open();
  lab.lead = other;
  const answers = [
    () => Promise.reject(new Error("down")),
    () => Promise.resolve({ kind: "refused", error: "NotPrimaryLessor" } as const),
    () => Promise.resolve({ kind: "found", value: 60 } as const),
  ];
  lab.remote = () => (answers.shift() as () => Promise<LeaseReply<number>>)();
  assert.deepEqual(await lab.renewal(), { kind: "found", value: 60 });
  assert.equal(lab.forwarded, 3);
});

test("what takes too long ends: without a leader with NoLeader, with one that does not answer with Timeout", async () => {
  const lab = await RequestsLab.open();
  lab.lead = nobody;
  const without = await lab.answer(lab.requests.renew(1n));
  assert.deepEqual(without.answer, { kind: "refused", error: "NoLeader" });
  assert(without.tookMs >= 7000 && without.tookMs < 7200, `${without.tookMs} ms`);
  lab.lead = other;
  assert.deepEqual(await lab.renewal(), { kind: "refused", error: "Timeout" });
  lab.isRunning = false;
  assert.deepEqual(await lab.renewal(), { kind: "refused", error: "Stopped" });
});

test("of a lease that has ended and waits for its entry nothing is said before the entry is there", async () => {
  const lab = await RequestsLab.open();
  lab.leases.grant(1n, 10);
  lab.leases.pass(11);
  lab.world.after(300, () => lab.leases.lessor.revoke(1n));
  const { answer, tookMs } = await lab.answer(lab.requests.renew(1n));
  assert.deepEqual(answer, { kind: "notFound" });
  assert(tookMs >= 300, `${tookMs} ms`);
  // Another leader, which has not seen it end, keeps it.
  lab.leases.grant(1n, 10);
  lab.leases.pass(11);
  lab.remote = () => Promise.resolve({ kind: "found", value: 10 });
  lab.world.after(300, () => {
    lab.leases.lessor.demote();
    lab.lead = other;
  });
  assert.deepEqual(await lab.renewal(), { kind: "found", value: 10 });
});

test("for another member the same: it asks again", async () => {
  const lab = await RequestsLab.open();
  lab.leases.grant(1n, 10);
  lab.leases.pass(11);
  const { answer } = await lab.answer(lab.requests.renewHere(1n));
  assert.deepEqual(answer, { kind: "refused", error: "NotPrimaryLessor" });
});

test("a renewal of a lease with a checkpoint counts when all know that the checkpoint does not", async () => {
  const lab = await RequestsLab.open();
  lab.leases.grant(1n, 60);
  lab.leases.lessor.checkpoint(1n, 20);
  lab.leases.pass(30);
  lab.world.after(300, () => lab.leases.lessor.checkpoint(1n, 0));
  const { answer, tookMs } = await lab.answer(lab.requests.renew(1n));
  assert.deepEqual(answer, { kind: "found", value: 60 });
  assert(tookMs >= 300, `${tookMs} ms`);
  assert.deepEqual(lab.checkpoints[0], { id: 1n, remainingSeconds: 0 });
});

test("a renewal while a checkpoint is on its way is told of when that is applied and undone", async () => {
  const lab = await RequestsLab.open();
  lab.leases.grant(1n, 60);
  lab.leases.lessor.checkpointed([{ id: 1n, remainingSeconds: 30 }], 5);
  lab.world.after(200, () => {
    lab.applied = 5;
    lab.leases.lessor.checkpoint(1n, 30);
  });
  lab.world.after(400, () => lab.leases.lessor.checkpoint(1n, 0));
  const { answer, tookMs } = await lab.answer(lab.requests.renew(1n));
  assert.deepEqual(answer, { kind: "found", value: 60 });
  assert.ok(tookMs >= 400, `told after ${tookMs} ms`);
  assert.deepEqual(lab.checkpoints[0], { id: 1n, remainingSeconds: 0 });
});
