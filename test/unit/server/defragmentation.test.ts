import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { LogFields } from "../../../node/lib/ports.ts";
import type { CompactionWaiter } from "../../../node/server/compactor.ts";
import { Defragmentation } from "../../../node/server/defragmentation.ts";
import { LabWorld } from "../../support/lab-world.ts";

class DefragLab {
  readonly world = new LabWorld(1);
  readonly lines: [string, LogFields | undefined][] = [];
  readonly events: string[] = [];
  readonly waiting: CompactionWaiter[] = [];
  isCompacting = false;
  diskBytes = 5 << 20;
  private readonly ends: ((error?: Error) => void)[] = [];
  readonly store = {
    logicalBytes: 20_480,
    freedBytes: 1_000_000,
    defragmented: () => {
      this.store.freedBytes = 0;
    },
  };
  readonly defragmentation = new Defragmentation({
    state: () => ({
      store: this.store,
      compactor: {
        done: (waiter: CompactionWaiter) =>
          this.isCompacting ? void this.waiting.push(waiter) : waiter(),
      },
      backend: {
        sizeOnDisk: () => Promise.resolve(this.diskBytes),
        compactDisk: () => {
          this.events.push("begins");
          return new Promise<void>((resolve, reject) => {
            this.ends.push((error) => (error === undefined ? resolve() : reject(error)));
          });
        },
      },
    }),
    clock: this.world,
    timers: this.world,
    logger: {
      debug: () => undefined,
      info: (message, fields) => void this.lines.push([message, fields]),
      warn: () => undefined,
      error: () => undefined,
    },
    path: "/data/backend",
  });

  run(name: string): void {
    this.defragmentation.run().then(
      () => this.events.push(name),
      (error: unknown) => this.events.push(`${name}: ${String(error)}`),
    );
  }

  async pass(ms: number): Promise<void> {
    const until = this.world.monotonicMs() + ms;
    this.world.at(until, () => undefined);
    await this.world.run(() => false, until);
    await setImmediate();
  }

  async end(error?: Error): Promise<void> {
    this.ends.shift()?.(error);
    await setImmediate();
  }
}

test("one at a time; those that come meanwhile share the next one", async () => {
  const lab = new DefragLab();
  assert.equal(lab.defragmentation.isRunning, false);
  lab.run("a");
  await lab.pass(300);
  lab.run("b");
  lab.run("c");
  await lab.pass(300);
  assert.equal(lab.defragmentation.isRunning, true);
  assert.deepEqual(lab.events, ["begins"]);
  await lab.end();
  await lab.pass(10);
  assert.deepEqual(lab.events, ["begins", "a", "begins"]);
  await lab.end();
  assert.deepEqual(lab.events, ["begins", "a", "begins", "b", "c"]);
  assert.equal(lab.defragmentation.isRunning, false);
  assert.deepEqual([lab.defragmentation.seconds.count, lab.store.freedBytes], [2, 0]);
});

test("the log has etcd's lines", async () => {
  const lab = new DefragLab();
  lab.run("a");
  await lab.pass(300);
  await lab.end();
  assert.deepEqual(lab.lines, [
    [
      "defragmenting",
      {
        path: "/data/backend",
        "current-db-size-bytes": 1_020_480,
        "current-db-size": "1.0 MB",
        "current-db-size-in-use-bytes": 20_480,
        "current-db-size-in-use": "20 kB",
      },
    ],
    [
      "finished defragmenting directory",
      {
        path: "/data/backend",
        "current-db-size-bytes-diff": -1_000_000,
        "current-db-size-bytes": 20_480,
        "current-db-size": "20 kB",
        "current-db-size-in-use-bytes-diff": 0,
        "current-db-size-in-use-bytes": 20_480,
        "current-db-size-in-use": "20 kB",
        took: "300ms",
      },
    ],
  ]);
});

test("the removals of a compaction are waited for, and not for ever", async () => {
  const lab = new DefragLab();
  lab.isCompacting = true;
  lab.run("a");
  await lab.pass(4000);
  assert.deepEqual(lab.events, []);
  lab.waiting.shift()?.();
  await setImmediate();
  assert.deepEqual(lab.events, ["begins"]);
  await lab.end();
  lab.run("b");
  await lab.pass(4999);
  assert.deepEqual(lab.events, ["begins", "a"]);
  await lab.pass(1);
  assert.deepEqual(lab.events, ["begins", "a", "begins"]);
  await lab.end();
});

test("one that failed is told to who asked for it, and the next one runs", async () => {
  const lab = new DefragLab();
  lab.run("a");
  await lab.pass(1);
  lab.run("b");
  await lab.end(new Error("disk"));
  await lab.pass(1);
  assert.deepEqual(lab.events, ["begins", "a: Error: disk", "begins"]);
  assert.equal(lab.store.freedBytes, 1_000_000);
  await lab.end();
  assert.deepEqual(lab.events.at(-1), "b");
  assert.equal(lab.defragmentation.seconds.count, 1);
});

test("a start defragments only when the disk has as much to give back as the flag says", async () => {
  const lab = new DefragLab();
  const garbage = lab.diskBytes - lab.store.logicalBytes;
  await lab.defragmentation.runAbove(0);
  await lab.defragmentation.runAbove(garbage + 1);
  assert.deepEqual(
    lab.lines.map(([message]) => message),
    ["Skipping defragmentation"],
  );
  const running = lab.defragmentation.runAbove(garbage);
  await setImmediate();
  await lab.end();
  await running;
  assert.deepEqual(lab.events, ["begins"]);
});
