import assert from "node:assert/strict";
import { test } from "node:test";
import { done } from "../../../node/apply/result.ts";
import type { Clock } from "../../../node/lib/ports.ts";
import { memberId } from "../../../node/lib/units.ts";
import { InternalRaftView, internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import type { Proposal } from "../../../node/raft/ready.ts";
import {
  batchBytesMax,
  batchEntriesMax,
  proposalSlabBytes,
  queuedBytesMax,
} from "../../../node/server/limits.ts";
import { Proposals, type Proposer } from "../../../node/server/propose.ts";

const id = memberId(0x8e9e05c52164694dn);

class HandClock implements Clock {
  nowMs = 0;
  startUnixMs = 1_700_000_000_000;
  monotonicMs(): number {
    return this.nowMs;
  }
  unixMs(): number {
    return this.startUnixMs;
  }
}

function make(clock = new HandClock(), member = id) {
  return {
    clock,
    proposals: new Proposals({ clock, timeoutMs: 1000, id: member, requestBytesMax: 64 << 20 }),
  };
}

/** Writes down what it is told. */
function listener(name: string, heard: string[]): Proposer {
  return {
    applied: (result) => void heard.push(`${name} ${result.kind}`),
    refused: (error) => void heard.push(`${name} ${error}`),
  };
}

const nobody: Proposer = { applied: () => undefined, refused: () => undefined };

function add(proposals: Proposals, text: string, proposer = nobody): void {
  const bytes = Buffer.from(`[${text}]`);
  proposals.add(internalRequest.put, bytes, 1, bytes.length - 1, proposer);
}

function decode({ data }: Proposal): InternalRaftView {
  const view = new InternalRaftView();
  view.decode(data, 0, data.length);
  return view;
}

const textOf = (proposal: Proposal): string => {
  const { buffer, start, end } = decode(proposal);
  return Buffer.from(buffer.subarray(start, end)).toString();
};
const idOf = (proposal: Proposal): bigint => {
  const { idHigh, idLow } = decode(proposal);
  return (BigInt(idHigh) << 32n) | BigInt(idLow);
};

test("a proposal carries the request's bytes in its field, copied at once", () => {
  const { proposals } = make();
  const bytes = Buffer.from("..request..");
  proposals.add(internalRequest.txn, bytes, 2, 9, nobody);
  bytes.fill(0);
  const [proposal] = proposals.take();
  assert.ok(proposal !== undefined);
  assert.equal(textOf(proposal), "request");
  assert.equal(decode(proposal).field, internalRequest.txn);
  assert.equal(proposal.type, 0);
});

test("ids are etcd's: the member's low 16 bits, 40 bits of the clock in ms, a counter from 1", () => {
  const { clock, proposals } = make();
  add(proposals, "a");
  add(proposals, "b");
  const first = (0x694dn << 48n) | ((BigInt(clock.startUnixMs) % 2n ** 40n) << 8n);
  assert.deepEqual(proposals.take().map(idOf), [first + 1n, first + 2n]);
});

test("ids of members whose low bits are large keep all of them", () => {
  const { proposals } = make(new HandClock(), memberId(0xffffn));
  add(proposals, "a");
  const [proposal] = proposals.take();
  assert.ok(proposal !== undefined);
  assert.equal(idOf(proposal) >> 48n, 0xffffn);
  const { idHigh, idLow } = decode(proposal);
  assert.equal(proposals.resolve(idHigh, idLow), nobody);
});

test("ids are unique and grow, also across the counter's first byte", () => {
  const { proposals } = make();
  for (let at = 0; at < 700; at++) add(proposals, "x");
  const ids = proposals.take().map(idOf);
  for (const [at, one] of ids.entries()) {
    if (at > 0) assert.equal(one, (ids[at - 1] as bigint) + 1n);
  }
});

test("the 48 bits of the sequence wrap around and stay resolvable", () => {
  const clock = new HandClock();
  // The last millisecond that 40 bits hold: 255 ids are left before it begins anew.
  clock.startUnixMs = 2 ** 40 - 1;
  const { proposals } = make(clock);
  const heard: string[] = [];
  for (let at = 0; at < 300; at++) add(proposals, `${at}`, listener(`${at}`, heard));
  const taken = proposals.take();
  const ids = taken.map(idOf);
  assert.equal(new Set(ids).size, 300);
  assert.equal(ids[255], 0x694dn << 48n);
  for (const one of ids) assert.equal(one >> 48n, 0x694dn);
  for (const proposal of taken) {
    const { idHigh, idLow } = decode(proposal);
    proposals.resolve(idHigh, idLow)?.applied(done);
  }
  assert.deepEqual(
    heard,
    Array.from({ length: 300 }, (_, at) => `${at} done`),
  );
});

test("an entry is resolved once, and only if it is this member's", () => {
  const { proposals } = make();
  add(proposals, "a");
  const [proposal] = proposals.take();
  assert.ok(proposal !== undefined);
  const { idHigh, idLow } = decode(proposal);
  assert.equal(proposals.resolve(idHigh ^ 0x10000, idLow), undefined);
  assert.equal(proposals.resolve(idHigh, idLow + 1), undefined);
  assert.equal(proposals.pendingCount, 1);
  assert.equal(proposals.resolve(idHigh, idLow), nobody);
  assert.equal(proposals.resolve(idHigh, idLow), undefined);
  assert.equal(proposals.pendingCount, 0);
});

test("proposals expire in the order they came, each told once", () => {
  const { clock, proposals } = make();
  const heard: string[] = [];
  for (const name of ["a", "b", "c"]) {
    add(proposals, name, listener(name, heard));
    clock.nowMs += 100;
  }
  clock.nowMs = 999;
  proposals.expire();
  assert.deepEqual(heard, []);
  clock.nowMs = 1000;
  proposals.expire();
  assert.deepEqual(heard, ["a Timeout"]);
  clock.nowMs = 5000;
  proposals.expire();
  proposals.expire();
  proposals.refuseAll("Stopped");
  assert.deepEqual(heard, ["a Timeout", "b Timeout", "c Timeout"]);
});

test("an entry that is applied after its proposal expired has nobody to tell", () => {
  const { clock, proposals } = make();
  const heard: string[] = [];
  add(proposals, "a", listener("a", heard));
  const [proposal] = proposals.take();
  assert.ok(proposal !== undefined);
  clock.nowMs = 1000;
  proposals.expire();
  const { idHigh, idLow } = decode(proposal);
  assert.equal(proposals.resolve(idHigh, idLow), undefined);
  assert.deepEqual(heard, ["a Timeout"]);
});

test("refusing all tells everybody in order and drops what was not taken", () => {
  const { proposals } = make();
  const heard: string[] = [];
  add(proposals, "a", listener("a", heard));
  proposals.take();
  add(proposals, "b", listener("b", heard));
  proposals.refuseAll("Stopped");
  assert.deepEqual(heard, ["a Stopped", "b Stopped"]);
  assert.equal(proposals.isEmpty, true);
  assert.equal(proposals.pendingCount, 0);
});

test("a proposer may propose again while it is refused", () => {
  const { clock, proposals } = make();
  const retry: Proposer = { ...nobody, refused: () => add(proposals, "again") };
  add(proposals, "a", retry);
  proposals.take();
  clock.nowMs = 1000;
  proposals.expire();
  assert.deepEqual(proposals.take().map(textOf), ["again"]);
  assert.equal(proposals.pendingCount, 1);
});

test("a batch is bounded in entries, and the rest stays in order", () => {
  const { proposals } = make();
  for (let at = 0; at < batchEntriesMax + 5; at++) add(proposals, `${at}`);
  const first = proposals.take();
  assert.equal(first.length, batchEntriesMax);
  assert.equal(proposals.isEmpty, false);
  assert.deepEqual(
    proposals.take().map(textOf),
    [0, 1, 2, 3, 4].map((at) => `${batchEntriesMax + at}`),
  );
  assert.equal(proposals.isEmpty, true);
  assert.deepEqual(proposals.take(), []);
});

test("a batch is bounded in bytes, but holds one entry at least", () => {
  const { proposals } = make();
  for (let at = 0; at < 3; at++) add(proposals, "x".repeat(batchBytesMax));
  assert.deepEqual(
    [1, 2, 3].map(() => proposals.take().length),
    [1, 1, 1],
  );
});

test("requests around the size of the shared memory come out whole", () => {
  const { proposals } = make();
  const sizes = [1, proposalSlabBytes - 40, proposalSlabBytes - 1, proposalSlabBytes, 3, 3_000_000];
  for (const [at, size] of sizes.entries()) add(proposals, String(at).repeat(size));
  assert.deepEqual(
    [...proposals.take(), ...proposals.take()].map(textOf),
    sizes.map((size, at) => String(at).repeat(size)),
  );
});

test("a request whose entry would be larger than the limit is refused, and leaves no trace", () => {
  const heard: string[] = [];
  const clock = new HandClock();
  const proposals = new Proposals({ clock, timeoutMs: 1000, id, requestBytesMax: 40 });
  proposals.add(4, new Uint8Array(40), 0, 40, listener("large", heard));
  proposals.add(4, new Uint8Array(10), 0, 10, listener("small", heard));
  assert.deepEqual(heard, ["large RequestTooLarge"]);
  assert.equal(proposals.pendingCount, 1);
  assert.equal(proposals.take().length, 1);
});

test("without a leader proposals gather up to a bound, and what expired is never proposed", () => {
  const { clock, proposals } = make();
  const heard: string[] = [];
  const half = new Uint8Array(queuedBytesMax / 2 - 100);
  proposals.add(4, half, 0, half.length, listener("a", heard));
  clock.nowMs = 500;
  proposals.add(4, half, 0, half.length, listener("b", heard));
  proposals.add(4, half, 0, half.length, listener("c", heard));
  assert.deepEqual(heard, ["c TooManyRequests"]);
  clock.nowMs = 1000;
  proposals.expire();
  assert.deepEqual(heard, ["c TooManyRequests", "a Timeout"]);
  proposals.add(4, half, 0, 10, listener("d", heard));
  const taken = [...proposals.take(), ...proposals.take()];
  assert.deepEqual(
    taken.map(({ data }) => data.length > 1000),
    [true, false],
  );
  assert.equal(proposals.isEmpty, true);
  clock.nowMs = 5000;
  proposals.expire();
  assert.deepEqual(heard.slice(2), ["b Timeout", "d Timeout"]);
});

test("a single proposal beyond the bound is taken: --max-request-bytes decides about those", () => {
  const { proposals } = make();
  const heard: string[] = [];
  const large = new Uint8Array(60 << 20);
  for (const name of ["a", "b"]) proposals.add(4, large, 0, large.length, listener(name, heard));
  assert.deepEqual(heard, ["b TooManyRequests"]);
  assert.equal(proposals.take().length, 1);
  proposals.add(4, large, 0, large.length, listener("c", heard));
  assert.equal(heard.length, 1);
});

test("what is told at a timeout depends on when the proposal came", () => {
  const clock = new HandClock();
  const heard: string[] = [];
  const proposals = new Proposals({
    clock,
    timeoutMs: 1000,
    id,
    requestBytesMax: 100,
    timeoutError: (sinceMs) => (sinceMs < 50 ? "TimeoutDueToLeaderFail" : "Timeout"),
  });
  add(proposals, "a", listener("a", heard));
  clock.nowMs = 60;
  add(proposals, "b", listener("b", heard));
  clock.nowMs = 2000;
  proposals.expire();
  assert.deepEqual(heard, ["a TimeoutDueToLeaderFail", "b Timeout"]);
});
