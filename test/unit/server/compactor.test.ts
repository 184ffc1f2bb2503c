import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogFields } from "../../../node/lib/ports.ts";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { numberLong } from "../../../node/proto/long.ts";
import {
  type CompactingStore,
  Compactor,
  type CompactorOptions,
} from "../../../node/server/compactor.ts";
import type { Member } from "../../../node/server/member.ts";
import { LabWorld } from "../../support/lab-world.ts";
import { encodePut } from "../apply/apply-lab.ts";
import { MemberLab } from "./member-lab.ts";

/** A store of which `left` records are to be removed, and a backend that is only a state. */
class Lab implements CompactingStore {
  readonly compactRevision = 7;
  isCompactionWaiting = false;
  readonly logicalBytes = 100;
  readonly freedBytes = 20;
  readonly world = new LabWorld(1);
  readonly slices: { readonly records: number; readonly atMs: number }[] = [];
  readonly lines: [string, LogFields | undefined][] = [];
  readonly errors: Error[] = [];
  readonly told: string[] = [];
  readonly backend = { isCommitting: false, pendingOps: 0 };
  left = 0;
  failure: Error | undefined;
  progress = 0;
  readonly compactor: Compactor;

  constructor(changes: Partial<CompactorOptions> = {}) {
    const keep = (message: string, fields?: LogFields): void =>
      void this.lines.push([message, fields]);
    this.compactor = new Compactor({
      store: this,
      backend: this.backend,
      clock: this.world,
      timers: this.world,
      logger: { debug: keep, info: keep, warn: keep, error: keep },
      batchRecordsMax: 1000,
      sleepMs: 10,
      onProgress: () => void (this.progress += 1),
      commitNow: () => undefined,
      onError: (error) => void this.errors.push(error),
      ...changes,
    });
  }

  get isCompacting(): boolean {
    return this.left > 0;
  }

  compactSlice(records: number): boolean {
    if (this.failure !== undefined) throw this.failure;
    this.slices.push({ records, atMs: this.world.monotonicMs() });
    this.left = Math.max(0, this.left - records);
    this.backend.pendingOps += records;
    return this.left === 0;
  }

  wait(name: string): void {
    this.compactor.done((error) => void this.told.push(`${name} ${error ?? "done"}`));
  }

  async pass(ms: number): Promise<void> {
    const until = this.world.monotonicMs() + ms;
    this.world.at(until, () => undefined);
    await this.world.run(() => false, until);
  }

  commit(pendingOps = 0): void {
    this.backend.isCommitting = false;
    this.backend.pendingOps = pendingOps;
    this.compactor.committed();
  }
}

test("removal goes on batch by batch with a pause in between, and begins in a later turn", async () => {
  const lab = new Lab();
  lab.left = 2500;
  lab.compactor.schedule();
  lab.compactor.schedule();
  assert.deepEqual(lab.slices, []);
  await lab.pass(100);
  assert.deepEqual(
    lab.slices.map(({ records }) => records),
    [1000, 1000, 1000],
  );
  const [first = 0, second = 0, third = 0] = lab.slices.map(({ atMs }) => atMs);
  assert.ok(second - first >= 10 && third - second >= 10);
  assert.equal(lab.progress, 3);
  assert.deepEqual(
    lab.lines.map(([message]) => message),
    ["finished scheduled compaction"],
  );
  const fields = lab.lines[0]?.[1];
  assert.equal(fields?.["compact-revision"], 7);
  assert.equal(fields["current-db-size-bytes"], 120);
  assert.equal(fields["current-db-size-in-use-bytes"], 100);
});

test("a batch larger than a slice takes several turns without a pause", async () => {
  const lab = new Lab({ batchRecordsMax: 2500, sleepMs: 50 });
  lab.left = 3000;
  lab.compactor.schedule();
  await lab.pass(200);
  assert.deepEqual(
    lab.slices.map(({ records }) => records),
    [1000, 1000, 500, 1000],
  );
  const [first = 0, , third = 0, fourth = 0] = lab.slices.map(({ atMs }) => atMs);
  assert.ok(third - first < 50 && fourth - third >= 50);
});

test("who waits is told when the removal is finished and the batch that says so is on disk", async () => {
  const lab = new Lab();
  lab.left = 1500;
  lab.compactor.schedule();
  lab.wait("a");
  await lab.pass(5);
  lab.commit();
  assert.deepEqual(lab.told, []);
  lab.backend.isCommitting = true;
  await lab.pass(50);
  assert.equal(lab.left, 0);
  lab.wait("b");
  // The batch in flight was sealed before the end of the removal.
  lab.commit(500);
  assert.deepEqual(lab.told, []);
  lab.commit();
  assert.deepEqual(lab.told, ["a done", "b done"]);
  lab.wait("c");
  assert.deepEqual(lab.told.at(-1), "c done");
});

test("a commit that left nothing open is enough", async () => {
  const lab = new Lab();
  lab.left = 10;
  lab.backend.isCommitting = true;
  lab.compactor.schedule();
  lab.wait("a");
  await lab.pass(50);
  lab.commit(0);
  assert.deepEqual(lab.told, ["a done"]);
});

test("a second compaction during the first keeps all waiting until both are done", async () => {
  const lab = new Lab();
  lab.left = 1500;
  lab.compactor.schedule();
  lab.wait("a");
  await lab.pass(5);
  lab.left += 1500;
  lab.compactor.schedule();
  lab.wait("b");
  await lab.pass(12);
  lab.commit();
  assert.deepEqual(lab.told, []);
  await lab.pass(100);
  lab.commit();
  assert.deepEqual(lab.told, ["a done", "b done"]);
});

test("a stop ends the work and tells who waits", async () => {
  const lab = new Lab();
  lab.left = 5000;
  lab.compactor.schedule();
  lab.wait("a");
  await lab.pass(5);
  lab.compactor.stop();
  const before = lab.slices.length;
  lab.compactor.schedule();
  await lab.pass(100);
  assert.equal(lab.slices.length, before);
  lab.wait("b");
  assert.deepEqual(lab.told, ["a Stopped", "b Stopped"]);
});

test("what a stop has cut off goes on at the next start; without it nothing happens", async () => {
  const lab = new Lab();
  lab.compactor.resume();
  await lab.pass(50);
  assert.deepEqual(lab.slices, []);
  lab.left = 10;
  lab.compactor.resume();
  await lab.pass(50);
  assert.deepEqual(
    lab.lines.map(([message]) => message),
    ["resume scheduled compaction", "finished scheduled compaction"],
  );
});

test("corruption that a slice meets is told once, and no slice follows", async () => {
  const lab = new Lab();
  lab.left = 10;
  lab.failure = new Error("bad sum");
  lab.compactor.schedule();
  await lab.pass(100);
  assert.deepEqual(lab.errors, [lab.failure]);
});

const compaction = (revision: number): Uint8Array =>
  etcdserverpb.CompactionRequest.encode({ revision: numberLong(revision) }).finish();

async function fill(lab: MemberLab, member: Member, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++)
    for (let at = 0; at < 20; at++)
      await lab.propose(member, internalRequest.put, encodePut(`k${at}`, `${round}`));
}

const isDone = (lab: MemberLab, member: Member): Promise<string> =>
  lab.settled(
    new Promise((resolve) => {
      member.compactionDone((error) => resolve(error ?? "done"));
    }),
  );

test("a member compacts what its log says, and is refused what etcd refuses", async () => {
  const lab = new MemberLab();
  const member = await lab.start();
  await fill(lab, member, 10);
  const before = member.store.logicalBytes;
  const propose = (revision: number): Promise<unknown> =>
    lab.propose(member, internalRequest.compaction, compaction(revision));
  assert.deepEqual(await propose(190), { kind: "compaction" });
  assert.equal(await propose(190), "Compacted");
  assert.equal(await propose(5), "Compacted");
  assert.equal(await propose(202), "FutureRev");
  assert.equal(await propose(Number.MAX_SAFE_INTEGER), "FutureRev");
  assert.equal(await isDone(lab, member), "done");
  assert.equal(member.store.isCompacting, false);
  assert.ok(member.store.logicalBytes < before);
  assert.equal(member.store.compactRevision, 190);
});

test("a compaction that a crash has cut off is finished by the next life, and only then answered", async () => {
  const lab = new MemberLab();
  const slow = { compactionBatchRecords: 10, compactionSleepMs: 50 };
  const member = await lab.start(slow);
  await fill(lab, member, 10);
  await lab.propose(member, internalRequest.compaction, compaction(200));
  await lab.pass(120);
  assert.equal(member.store.isCompacting, true);
  lab.crash("everything");
  const next = await lab.start(slow);
  assert.equal(next.store.compactRevision, 200);
  assert.equal(next.store.isCompacting, true);
  assert.equal(await isDone(lab, next), "done");
  assert.equal(next.store.isCompacting, false);
  // What was answered stays done.
  lab.crash("nothing");
  const last = await lab.start(slow);
  assert.equal(last.store.isCompacting, false);
  assert.equal(last.store.logicalBytes, next.store.logicalBytes);
});
