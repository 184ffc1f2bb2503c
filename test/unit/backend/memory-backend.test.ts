/** What only the memory backend does: crashes, failing writes and rot, by the hand of the simulator. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "../../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import { fromText } from "../../../node/lib/bytes.ts";
import type { Timers } from "../../../node/lib/ports.ts";
import { revision } from "../../../node/lib/units.ts";
import { append, at, scanAll } from "../../contract/backend.ts";

/** Timers that run only when the test says so. */
class HandTimers implements Timers {
  readonly due: { readonly delayMs: number; readonly run: () => void }[] = [];
  after(delayMs: number, run: () => void): { cancel: () => void } {
    this.due.push({ delayMs, run });
    return { cancel: () => {} };
  }
  every(): { cancel: () => void } {
    throw new Error("not used");
  }
  endOfTurn(run: () => void): void {
    this.due.push({ delayMs: 0, run });
  }
  runAll(): void {
    for (const { run } of this.due.splice(0)) run();
  }
}

function started(commitDelayMs = 0): {
  disk: MemoryDisk;
  timers: HandTimers;
  backend: MemoryBackend;
  outcomes: unknown[];
} {
  const disk = new MemoryDisk("disk of m1");
  const timers = new HandTimers();
  const backend = new MemoryBackend(disk, { timers, commitDelayMs: () => commitDelayMs });
  const outcomes: unknown[] = [];
  append(backend, 2, 0, "a");
  backend.put("meta", fromText("k"), fromText("v"));
  backend.commit(at(1, 2), (error) => outcomes.push(error));
  return { disk, timers, backend, outcomes };
}

test("a commit takes the time that was drawn for it", () => {
  const { timers, outcomes, backend } = started(25);
  assert.deepEqual(
    timers.due.map((timer) => timer.delayMs),
    [25],
  );
  assert.deepEqual(outcomes, []);
  timers.runAll();
  assert.deepEqual(outcomes, [null]);
  assert.deepEqual(backend.committed, at(1, 2));
});

test("a crash loses the batch in flight, and its done never runs", async () => {
  const { disk, timers, outcomes } = started();
  disk.crash("lost");
  timers.runAll();
  const again = new MemoryBackend(disk, { timers });
  assert.deepEqual(outcomes, []);
  assert.deepEqual(again.committed, at(0, 0, 0));
  assert.deepEqual(await scanAll(again), []);
  assert.equal(again.get("meta", fromText("k")), undefined);
});

test("a crash may come just after the batch became durable", async () => {
  const { disk, timers, outcomes } = started();
  disk.crash("durable");
  timers.runAll();
  const again = new MemoryBackend(disk, { timers });
  assert.deepEqual(outcomes, []);
  assert.deepEqual(again.committed, at(1, 2));
  assert.equal((await scanAll(again)).length, 1);
});

test("a backend whose disk was taken over writes nothing more", async () => {
  const { disk, timers, backend, outcomes } = started();
  timers.runAll();
  const again = new MemoryBackend(disk, { timers });
  append(backend, 3, 0, "from the dead");
  backend.commit(at(2, 3), (error) => outcomes.push(error));
  timers.runAll();
  assert.deepEqual(outcomes, [null]);
  assert.deepEqual(again.committed, at(1, 2));
  assert.equal((await scanAll(again)).length, 1);
});

test("after a failed write the backend is unusable and the disk unchanged", () => {
  const { disk, timers, backend, outcomes } = started();
  const full = new Error("no space");
  disk.failWrites(full);
  timers.runAll();
  assert.deepEqual(outcomes, [full]);
  assert.deepEqual(backend.committed, at(0, 0, 0));
  assert.throws(() => append(backend, 3, 0, "b"), { name: "AssertionError" });
  assert.throws(() => backend.commit(at(2, 2), () => {}), { name: "AssertionError" });
});

test("a rotten bit is reported by read and scan, with the disk and the revision", async () => {
  const { disk, timers, backend } = started();
  timers.runAll();
  disk.rot(0, 9);
  const expected = { name: "CorruptionError", message: /disk of m1.*revision 2\/0.*checksum/ };
  assert.throws(() => backend.read(revision(2), 0), expected);
  await assert.rejects(scanAll(new MemoryBackend(disk, { timers })), expected);
});
