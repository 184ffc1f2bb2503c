import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdErrorKind } from "../../../node/lib/etcd-error.ts";
import type { Timers } from "../../../node/lib/ports.ts";
import { decodeClusterMemberAttrSet } from "../../../node/proto/membership-codec.ts";
import type { Proposer } from "../../../node/server/propose.ts";
import { type Publisher, publish } from "../../../node/server/publish.ts";
import type { ReadWaiter } from "../../../node/server/read-index.ts";
import { id } from "../membership/membership-lab.ts";
import { hastyTimers } from "../wal/wal-lab.ts";

const attributes = { name: "m1", clientUrls: ["http://localhost:2379"] };

class Member implements Publisher {
  readonly id = id(7);
  /** What the cluster has of it, where it is a member already. */
  known: { readonly name: string; readonly clientUrls: readonly string[] } | undefined;
  readonly cluster = {
    version: undefined as string | undefined,
    member: () => this.known,
  };
  readonly published: unknown[] = [];
  /** What proposals and reads are told before they come through. */
  readonly refusals: EtcdErrorKind[];
  checks = 0;

  constructor(...refusals: EtcdErrorKind[]) {
    this.refusals = refusals;
  }

  propose(_: number, message: Uint8Array, _start: number, _end: number, proposer: Proposer): void {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) {
      proposer.refused(refusal);
      return;
    }
    this.published.push(decodeClusterMemberAttrSet(message));
    proposer.applied({ kind: "done" } as never);
  }

  linearizableRead(waiter: ReadWaiter): void {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) waiter.refused(refusal);
    else waiter.readable();
  }

  check(): void {
    this.checks += 1;
    if (this.checks === 3) this.cluster.version = "3.7.0";
  }
}

test("a member publishes its name and URLs once, whatever refuses it before, and waits for the version", async () => {
  const member = new Member("NoLeader", "TooManyRequests");
  await publish(member, attributes, hastyTimers, member);
  assert.deepEqual(member.published, [{ memberId: 7n, ...attributes }]);
  assert.equal(member.checks, 3);
});

/** Periodic timers run too. */
const busyTimers: Timers = {
  ...hastyTimers,
  every: (_, run) => {
    const timer = setInterval(run, 1);
    return { cancel: () => clearInterval(timer) };
  },
};

test("an entry that came within a whole state is published too, though nobody tells that it is applied", async () => {
  const member = new Member();
  member.cluster.version = "3.7.0";
  member.propose = (_, message) => {
    const { name, clientUrls } = decodeClusterMemberAttrSet(message);
    member.known = { name, clientUrls };
  };
  await publish(member, attributes, busyTimers, member);
});

test("what an earlier start has published does not stand for this one", async () => {
  const member = new Member();
  member.cluster.version = "3.7.0";
  member.known = attributes;
  let proposer: Proposer | undefined;
  member.propose = (_field, _message, _start, _end, asked) => {
    proposer = asked;
  };
  let isDone = false;
  let looks = 0;
  const every: Timers["every"] = (periodMs, run) =>
    busyTimers.every(periodMs, () => {
      looks += 1;
      run();
    });
  const publishing = publish(member, attributes, { ...busyTimers, every }, member).then(() => {
    isDone = true;
  });
  while (looks < 5) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isDone, false);
  proposer?.applied({ kind: "done" } as never);
  await publishing;
});

test("a cluster that has a version makes nobody wait", async () => {
  const member = new Member();
  member.cluster.version = "3.6.0";
  await publish(member, attributes, hastyTimers, member);
  assert.equal(member.checks, 0);
});

test("a member that stops does not go on trying", async () => {
  const stopped = /the member stopped before it had published itself/;
  const early = new Member("NoLeader", "Stopped");
  await assert.rejects(publish(early, attributes, hastyTimers, early), stopped);
  const late = new Member();
  late.refusals.push();
  const publishing = publish(late, attributes, hastyTimers, {
    check: () => void late.refusals.push("Timeout", "Stopped"),
  });
  await assert.rejects(publishing, stopped);
});
