import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import { revision } from "../../../node/lib/units.ts";
import { indexCheckpointVersion } from "../../../node/mvcc/index-checkpoint-file.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { everything, Home, path } from "./checkpoint-home.ts";
import { seededRandom, unkindKey } from "./key-parts.ts";
import { hexOf, KvModel, keyValueHex } from "./kv-model.ts";

type Step =
  | { readonly do: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly do: "delete"; readonly key: Uint8Array; readonly rangeEnd: Uint8Array | undefined }
  | { readonly do: "compact"; readonly back: number; readonly slices: number }
  | { readonly do: "end" | "commit" | "restart" | "crash" };

const stepsOver = (keys: readonly Uint8Array[]): fc.Arbitrary<Step[]> => {
  const key = fc.constantFrom(...keys);
  const rangeEnd = fc.oneof(fc.constant(undefined), fc.constant(Uint8Array.of(0)), key);
  const value = fc.uint8Array({ maxLength: 20 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant("put" as const), key, value }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), key, rangeEnd }) },
    {
      weight: 8,
      arbitrary: fc.constantFrom<Step>({ do: "end" }, { do: "end" }, { do: "commit" }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("compact" as const),
        back: fc.nat(8),
        slices: fc.nat(5),
      }),
    },
    { weight: 1, arbitrary: fc.constantFrom<Step>({ do: "restart" }, { do: "crash" }) },
  );
  return fc.array(step, { maxLength: 90, size: "max" });
};

/** A home and the model of what it should hold. */
class Pair {
  private readonly model = new KvModel();
  private readonly home: Home;
  private isOpen = false;
  private isSaved = false;
  checkpoints = 0;

  constructor(cacheBytes: number) {
    this.home = new Home(cacheBytes);
  }

  async run(step: Step): Promise<void> {
    const { home, model } = this;
    switch (step.do) {
      case "put":
        this.begin();
        home.put(step.key, step.value);
        model.put(step.key, step.value, 0n);
        return;
      case "delete":
        this.begin();
        home.store.deleteRange(step.key, step.rangeEnd);
        model.deleteRange(step.key, step.rangeEnd);
        return;
      case "compact":
        this.end();
        home.store.compact(revision(Math.max(0, model.current - step.back)));
        for (let slice = 0; slice < step.slices; slice++) home.store.compactSlice(2);
        return;
      case "end":
        this.end();
        return;
      case "commit":
        this.end();
        this.isSaved = false;
        return home.commit();
      case "restart":
      case "crash":
        return this.restart(step.do);
    }
  }

  async open(): Promise<void> {
    await this.home.open();
  }

  async check(): Promise<void> {
    this.end();
    const { home, model } = this;
    for (let at = Math.max(1, home.store.compactRevision); at <= model.current; at++) {
      const seen: string[] = [];
      const query = { ...everything, revision: at, limit: 0, countOnly: false };
      const outcome = home.store.range(query, (bytes, start, end) =>
        seen.push(hexOf(bytes.subarray(start, end))),
      );
      const expected = model.range(everything.key, everything.rangeEnd, at);
      assert.deepEqual(outcome, { kind: "ok", count: expected.length });
      assert.deepEqual(
        seen,
        expected.map((record) => keyValueHex(record)),
      );
    }
    return Promise.resolve();
  }

  private begin(): void {
    if (!this.isOpen) this.home.store.begin();
    this.isOpen = true;
  }

  private end(): void {
    if (this.isOpen) assert.equal(this.home.store.end(), this.model.end());
    this.isOpen = false;
  }

  /** After a crash behind a commit, an older checkpoint must not be taken for the present one. */
  private async restart(how: "restart" | "crash"): Promise<void> {
    const { home } = this;
    this.end();
    if (how === "restart") {
      await home.stop();
      this.isSaved = true;
    } else {
      await home.commit();
      this.isSaved = false;
    }
    await home.open();
    await home.checkAgainstRecords();
    await home.open();
    assert.equal(home.cameFrom, this.isSaved ? "checkpoint" : "records", home.reason);
    if (this.isSaved) this.checkpoints += 1;
    await this.check();
  }
}

test("a store from its checkpoint is the one that all records make, and behaves like it ever after", async () => {
  const keyPool = fc.uniqueArray(unkindKey, { minLength: 1, maxLength: 60, selector: hexOf });
  const story = keyPool.chain((keys) =>
    fc.record({ cacheBytes: fc.constantFrom(0, 2000, 1e6), steps: stepsOver(keys) }),
  );
  let checkpoints = 0;
  await fc.assert(
    fc.asyncProperty(story, async ({ cacheBytes, steps }) => {
      const pair = new Pair(cacheBytes);
      await pair.open();
      for (const step of steps) await pair.run(step);
      await pair.run({ do: "restart" });
      await pair.check();
      checkpoints += pair.checkpoints;
    }),
    { numRuns: 30 },
  );
  assert.ok(checkpoints >= 30);
});

test("where a record lay in the memory of the process before is not where another lies now", async () => {
  const home = new Home();
  const store = await home.open();
  const keys = ["a", "b", "c"].map((key) => Buffer.from(key));
  store.begin();
  for (const key of keys) home.put(key, key);
  store.end();
  await home.stop();
  await home.open();
  assert.equal(home.cameFrom, "checkpoint");
  for (const key of keys.toReversed()) {
    const found = home.store.get(key, 0, 1);
    assert.ok(found !== undefined);
    assert.equal(found.bytes[found.start + 2], key[0]);
  }
});

const keyOf = (n: number): Uint8Array => Buffer.from(`/registry/${(n * 7919) % 100_003}`);

/** History enough for many chunks of everything: settled and packed parts of the log, freed pages and rooms, keys longer than a slab. */
async function live(home: Home, from: number, to: number): Promise<void> {
  const { store } = home;
  for (let n = from; n < to; n++) {
    store.begin();
    const key = n % 20_011 === 7 ? new Uint8Array(1_100_000).fill(n) : keyOf(n % 12_000);
    home.put(key, Uint8Array.of(n, n >> 8, n >> 16));
    if (n % 3 === 0) store.deleteRange(keyOf((n * 31) % 12_000), undefined);
    store.end();
    if (n % 10_000 !== 0) continue;
    await home.commit();
    store.compact(revision(store.currentRevision - 2000));
    while (!store.compactSlice(1000));
  }
  store.begin();
  store.deleteRange(Buffer.from("/registry/2"), Buffer.from("/registry/4"));
  store.end();
  await home.commit();
  store.compact(revision(store.currentRevision - 3));
  for (let slice = 0; slice < 40; slice++) store.compactSlice(1000);
}

test("a long history with compactions goes on alike from the checkpoint and from the records", async () => {
  const homes = [new Home(), new Home()] as const;
  for (const [which, home] of homes.entries()) {
    await home.open();
    await live(home, 1, 60_000);
    await home.stop();
    if (which === 1) await home.fs.remove(path);
    await home.open();
    assert.equal(home.cameFrom, which === 0 ? "checkpoint" : "records");
    const { memory } = home.store;
    await live(home, 60_000, 80_000);
    assert.ok(home.store.memory.indexBytes < memory.indexBytes * 3);
    while (!home.store.compactSlice(1000)) await home.commit();
  }
  assert.deepEqual(homes[0].answers(97), homes[1].answers(97));
});

async function smallHome(): Promise<Home> {
  const home = new Home();
  await home.open();
  for (let n = 0; n < 300; n++) {
    home.store.begin();
    home.put(keyOf(n % 120), Uint8Array.of(n));
    home.store.end();
  }
  home.store.compact(revision(100));
  await home.stop();
  return home;
}

test("with a bit of the checkpoint flipped, or the file cut, all records are read", async () => {
  const home = await smallHome();
  const whole = Uint8Array.from(home.fs.content(path));
  const random = seededRandom(4);
  const places = Array.from({ length: 60 }, () => random.uint32() % (whole.length * 8));
  for (const bit of [0, 70, 100, 200, whole.length * 8 - 1, ...places]) {
    home.fs.place(path, whole);
    home.fs.flip(path, bit >>> 3, 1 << (bit & 7));
    await home.open();
    assert.equal(home.cameFrom, "records", `bit ${bit}`);
  }
  for (const length of [0, 15, 16, 500, whole.length >>> 1, whole.length - 1]) {
    home.fs.place(path, whole.slice(0, length));
    await home.open();
    assert.equal(home.cameFrom, "records", `${length} bytes`);
  }
  await home.checkAgainstRecords();
  home.fs.place(path, whole);
  await home.open();
  assert.equal(home.cameFrom, "checkpoint");
  await home.checkAgainstRecords();
});

test("the checkpoint of another directory is not used", async () => {
  const home = await smallHome();
  const other = new Home();
  await other.open();
  other.store.begin();
  other.put(Buffer.from("a"), Buffer.from("b"));
  other.store.end();
  await other.stop();
  home.fs.place(path, Uint8Array.from(other.fs.content(path)));
  await home.open();
  assert.equal(home.cameFrom, "records");
  assert.match(home.reason, /belongs to the state/);
});

test("a disk that fails while the checkpoint is written stops nothing and leaves no file", async () => {
  const home = new Home(1e5, new MemoryDisk(), new MemoryFs({ capacityBytes: 1e6 }));
  await home.open();
  home.store.begin();
  home.put(Buffer.from("a"), Buffer.from("b"));
  home.store.end();
  await home.stop();
  assert.deepEqual(await home.fs.readDir("data/member/snap"), []);
  await home.open();
  assert.equal(home.cameFrom, "records");
});

test("no checkpoint is written over uncommitted changes", async () => {
  const home = new Home();
  await home.open();
  home.store.begin();
  home.put(Buffer.from("a"), Buffer.from("b"));
  home.store.end();
  await home.store.saveCheckpoint();
  assert.equal(await home.fs.exists(path), false);
});

test("the layout of the index's memory is that of this format version", async () => {
  const home = await smallHome();
  const sum = createHash("sha256").update(home.fs.content(path)).digest("hex").slice(0, 16);
  assert.deepEqual(
    { indexCheckpointVersion, sum },
    { indexCheckpointVersion: 2, sum: "103aa4c83eb24991" },
    "what the index keeps in memory has changed: raise indexCheckpointVersion, then put the new sum here",
  );
});
