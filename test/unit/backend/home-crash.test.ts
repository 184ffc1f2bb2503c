/** Crashes of homes: at every step of an install, of a reception and of a removal, and what the next process finds. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Backend } from "../../../node/backend/backend.ts";
import type { BackendHome } from "../../../node/backend/backend-snapshot.ts";
import { LevelHome } from "../../../node/backend/level-home.ts";
import { MemoryDisks, MemoryHome } from "../../../node/backend/memory-home.ts";
import { SystemTimers } from "../../../node/lib/platform/clock.ts";
import { SystemFs } from "../../../node/lib/platform/fs.ts";
import type { Timers } from "../../../node/lib/ports.ts";
import { logIndex } from "../../../node/lib/units.ts";
import { append, at, commit, scanAll } from "../../contract/backend.ts";
import { chunksOf } from "../../contract/snapshot.ts";
import { quietLogger } from "./level-home.ts";

const timers = new SystemTimers();

/** The process ends before its `steps`-th change of the file system: that and all later ones never happen. */
class EndingFs extends SystemFs {
  private left: number;
  readonly ended: Promise<void>;
  private end: () => void = () => undefined;

  constructor(steps: number) {
    super();
    this.left = steps;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  override rename(from: string, to: string): Promise<void> {
    return this.step(() => super.rename(from, to));
  }

  override remove(path: string): Promise<void> {
    return this.step(() => super.remove(path));
  }

  private step(act: () => Promise<void>): Promise<void> {
    if (this.left > 0) {
      this.left--;
      return act();
    }
    this.end();
    return new Promise(() => undefined);
  }
}

async function stateStream(index: number, text: string): Promise<Uint8Array[]> {
  const backend = await new MemoryHome(new MemoryDisks(), { timers }).open();
  append(backend, 2, 0, text);
  await commit(backend, at(index, 2));
  return chunksOf(backend.openSnapshot());
}

async function receive(home: BackendHome, index: number, text: string): Promise<void> {
  const receiver = await home.receive();
  for (const chunk of await stateStream(index, text)) await receiver.write(chunk);
  await receiver.finish();
}

async function textIn(backend: Backend): Promise<string> {
  const [record] = await scanAll(backend);
  await backend.close();
  return record?.text ?? "";
}

/** A directory with a live backend that says "old" and received states of index 20 and 30 that say "new 20" and "new 30". */
async function prepare(parent: string): Promise<void> {
  const home = new LevelHome({
    dir: join(parent, "backend"),
    fs: new SystemFs(),
    timers,
    logger: quietLogger,
  });
  const live = await home.open();
  append(live, 2, 0, "old");
  await commit(live, at(5, 2));
  await live.close();
  for (const index of [20, 30]) await receive(home, index, `new ${index}`);
}

const sorted = async (parent: string): Promise<string[]> => (await readdir(parent)).sort();

/** Runs `act` in copies of a prepared directory, ended before each of its steps in turn, until it runs to its end. */
async function endedAtEachStep(
  act: (home: LevelHome) => Promise<void>,
  check: (home: LevelHome, parent: string, step: number) => Promise<void>,
): Promise<number> {
  const base = await mkdtemp(join(tmpdir(), "etcd-ts-home-"));
  try {
    await prepare(join(base, "first"));
    for (let step = 0; ; step++) {
      const parent = join(base, `copy-${step}`);
      await cp(join(base, "first"), parent, { recursive: true });
      const options = { dir: join(parent, "backend"), timers, logger: quietLogger };
      const fs = new EndingFs(step);
      const isDone = await Promise.race([
        act(new LevelHome({ ...options, fs })).then(() => true),
        fs.ended.then(() => false),
      ]);
      await check(new LevelHome({ ...options, fs: new SystemFs() }), parent, step);
      if (isDone) return step;
    }
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

test("LevelDB: an install that is cut off at any step leaves the old state or the new one, and can be done again", async () => {
  const seen = new Set<string>();
  const steps = await endedAtEachStep(
    async (home) => {
      const backend = await home.install(logIndex(20));
      await backend.close();
    },
    async (home, parent, step) => {
      const text = await textIn(await home.open());
      seen.add(text);
      assert.ok(text === "old" || text === "new 20", `step ${step}: ${text}`);
      const received = await home.received();
      assert.deepEqual(received, text === "old" ? [20, 30] : [30], `step ${step}`);
      const left = text === "old" ? ["backend.received-20"] : [];
      assert.deepEqual(await sorted(parent), ["backend", ...left, "backend.received-30"]);
      if (text === "old") assert.equal(await textIn(await home.install(logIndex(20))), "new 20");
    },
  );
  assert.ok(steps > 5, `${steps} steps`);
  assert.deepEqual([...seen].sort(), ["new 20", "old"]);
});

test("LevelDB: between the two renames of an install the next start finishes it, also when the live directory was made anew", async () => {
  await endedAtEachStep(
    async (home) => {
      const backend = await home.install(logIndex(20));
      await backend.close();
    },
    async (home, parent, step) => {
      if (step !== 1) return;
      assert.ok(!(await sorted(parent)).includes("backend"));
      await new SystemFs().makeDir(join(parent, "backend"));
      assert.equal(await textIn(await home.open()), "new 20");
    },
  );
});

test("LevelDB: where the received state is gone between the two renames, the old one is taken back", async () => {
  await endedAtEachStep(
    async (home) => {
      const backend = await home.install(logIndex(20));
      await backend.close();
    },
    async (home, parent, step) => {
      if (step !== 1) return;
      await rm(join(parent, "backend.received-20"), { recursive: true });
      assert.equal(await textIn(await home.open()), "old");
      assert.deepEqual(await sorted(parent), ["backend", "backend.received-30"]);
    },
  );
});

test("LevelDB: a reception that is cut off at any step leaves the whole state or nothing", async () => {
  const seen = new Set<boolean>();
  await endedAtEachStep(
    (home) => receive(home, 40, "new 40"),
    async (home, parent, step) => {
      const backend = await home.open();
      const isThere = home.hasReceived(logIndex(40));
      seen.add(isThere);
      await backend.close();
      const names = ["backend", "backend.received-20", "backend.received-30"];
      assert.deepEqual(
        await sorted(parent),
        isThere ? [...names, "backend.received-40"] : names,
        `step ${step}`,
      );
      if (isThere) assert.equal(await textIn(await home.install(logIndex(40))), "new 40");
    },
  );
  assert.equal(seen.size, 2);
});

test("LevelDB: a state whose removal is cut off is there whole or not at all", async () => {
  await endedAtEachStep(
    (home) => home.received().then(() => home.discardReceived()),
    async (home, _, step) => {
      for (const index of await home.received())
        assert.equal(await textIn(await home.install(index)), `new ${index}`, `step ${step}`);
    },
  );
});

test("LevelDB: a full disk while receiving is told as such, and nothing stays", async () => {
  const parent = await mkdtemp(join(tmpdir(), "etcd-ts-home-"));
  class FullFs extends SystemFs {
    override syncDir(): Promise<void> {
      return Promise.reject(Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }));
    }
  }
  try {
    const dir = join(parent, "backend");
    const home = new LevelHome({ dir, fs: new FullFs(), timers, logger: quietLogger });
    await assert.rejects(receive(home, 20, "x"), { name: "DiskError", code: "ENOSPC" });
    assert.deepEqual(await home.received(), []);
    assert.deepEqual(await sorted(parent), []);
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
});

/** Timers that hold everything back until they are let go, or for ever. */
class HeldTimers implements Timers {
  private readonly held: (() => void)[] = [];
  after(_delayMs: number, run: () => void) {
    this.held.push(run);
    return { cancel: () => undefined };
  }
  every = () => ({ cancel: () => undefined });
  endOfTurn(run: () => void): void {
    queueMicrotask(run);
  }
  async letGo(): Promise<void> {
    for (const run of this.held.splice(0)) run();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("memory: a crash during an install leaves the old state or the new one, whole", async () => {
  for (const outcome of ["lost", "durable"] as const) {
    const disks = new MemoryDisks();
    const held = new HeldTimers();
    const before = new MemoryHome(disks, { timers });
    const live = await before.open();
    append(live, 2, 0, "old");
    await commit(live, at(5, 2));
    await live.close();
    await receive(before, 20, "new");
    let isInstalled = false;
    const home = new MemoryHome(disks, { timers: held });
    void home.install(logIndex(20)).then(() => {
      isInstalled = true;
    });
    await settled();
    disks.crash(outcome);
    await held.letGo();
    assert.equal(isInstalled, false, "the process is gone");
    const after = new MemoryHome(disks, { timers });
    assert.deepEqual(await after.received(), outcome === "lost" ? [20] : []);
    assert.equal(await textIn(await after.open()), outcome === "lost" ? "old" : "new");
  }
});

test("memory: a partly received state is gone behind a crash, one that is about to be whole is there or not, a whole one stays", async () => {
  for (const outcome of ["lost", "durable"] as const) {
    const disks = new MemoryDisks();
    await receive(new MemoryHome(disks, { timers }), 20, "whole");
    const held = new HeldTimers();
    const home = new MemoryHome(disks, { timers: held });
    const [part, almost] = [await home.receive(), await home.receive()];
    const chunks = await stateStream(30, "x");
    await part.write(chunks[0] as Uint8Array);
    for (const chunk of chunks) await almost.write(chunk);
    let isFinished = false;
    void almost.finish().then(() => {
      isFinished = true;
    });
    await settled();
    disks.crash(outcome);
    await held.letGo();
    for (const chunk of chunks.slice(1)) void part.write(chunk).catch(() => undefined);
    await held.letGo();
    assert.equal(isFinished, false);
    const after = new MemoryHome(disks, { timers });
    assert.deepEqual(await after.received(), outcome === "lost" ? [20] : [20, 30]);
  }
});

test("memory: a process that a crash has ended changes nothing any more", async () => {
  const disks = new MemoryDisks();
  const home = new MemoryHome(disks, { timers });
  disks.crash("lost");
  void receive(home, 20, "late");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(await new MemoryHome(disks, { timers }).received(), []);
});
