/** Any list of saves, any moment of a power cut: the log opens, with everything acknowledged and nothing invented. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Entry, HardState } from "../../../node/raft/types.ts";
import { Wal } from "../../../node/wal/wal.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import {
  bytesOf,
  dir,
  entry,
  freshDisk,
  hardState,
  metadata,
  optionsFor,
  origin,
  plain,
  seeded,
  snapshotAt,
  voter,
} from "./wal-lab.ts";

type Step =
  | {
      readonly kind: "save";
      readonly sizes: readonly number[];
      readonly back: number;
      readonly isStateMoved: boolean;
    }
  | { readonly kind: "commit" | "vote" | "snapshot" | "flush" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("save" as const),
      sizes: fc.array(fc.oneof(fc.nat(40), fc.nat(3000)), { minLength: 1, maxLength: 6 }),
      back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
      isStateMoved: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("commit", "vote", "snapshot", "flush" as const) }),
  },
);

/** A log as it should be: what each save added, so that any prefix can be told. */
class Model {
  entries: Entry[] = [];
  state: HardState = hardState(0, 0n, 0);

  apply(state: HardState, entries: readonly Entry[]): void {
    const first = entries[0];
    if (first !== undefined) this.entries = [...this.entries.slice(0, first.index - 1), ...entries];
    this.state = state;
  }

  copy(): Model {
    const copy = new Model();
    copy.entries = [...this.entries];
    copy.state = this.state;
    return copy;
  }
}

/** Completions in a queue, so that the test decides how many happen before the power goes. */
class StepClock {
  private readonly queue: (() => void)[] = [];
  left: number;

  constructor(steps: number) {
    this.left = steps;
  }

  readonly complete = (run: () => void): void => {
    this.queue.push(run);
  };

  /** Lets one completion happen; false when none is due or no step is left. */
  async tick(): Promise<boolean> {
    await new Promise(setImmediate);
    const run = this.left > 0 ? this.queue.shift() : undefined;
    if (run === undefined) return false;
    this.left -= 1;
    run();
    await new Promise(setImmediate);
    return true;
  }
}

/** Runs the steps until they are done or the clock stops; what was acknowledged, and what was on its way. */
async function run(
  wal: Wal,
  steps: readonly Step[],
  clock: StepClock,
  acked: Model,
): Promise<Model> {
  let issued = acked.copy();
  for (const [at, one] of steps.entries()) {
    const { vote, commit } = issued.state;
    // A crash may keep the entries of a write and lose the hard state behind them, whose term they have.
    const term = Math.max(issued.state.term, issued.entries.at(-1)?.term ?? 0);
    const next = issued.copy();
    const call = { isDone: false };
    const done = (error: Error | null): void => {
      assert.equal(error, null);
      call.isDone = true;
    };
    if (one.kind === "save") {
      const back = Math.min(one.back, next.entries.length - commit);
      const newTerm = back > 0 || term === 0 ? term + 1 : term;
      const first = next.entries.length - back + 1;
      const entries = one.sizes.map((size, n) =>
        entry(first + n, newTerm, bytesOf(size, at * 100 + n), n === 3 ? 1 : 0),
      );
      const isNewState = one.isStateMoved || newTerm !== issued.state.term;
      next.apply(isNewState ? hardState(newTerm, vote, commit) : issued.state, entries);
      issued = next;
      wal.save(isNewState ? next.state : undefined, entries, done);
    } else if (one.kind === "commit") {
      next.state = hardState(term, vote, next.entries.length);
      issued = next;
      wal.save(next.state, [], done);
    } else if (one.kind === "vote") {
      next.state = hardState(term + 1, vote ^ voter, commit);
      issued = next;
      wal.save(next.state, [], done);
    } else if (one.kind === "snapshot" && commit > 0)
      wal.saveSnapshot(snapshotAt(commit, term), done);
    else wal.flush(done);
    while (!call.isDone) if (!(await clock.tick())) return issued;
    // A commit alone is acknowledged at once and durable later: what opens may lag behind in it.
    acked.entries = issued.entries;
    acked.state = issued.state;
  }
  return issued;
}

function check(
  found: { entries: Entry[]; hardState: HardState },
  acked: Model,
  issued: Model,
): void {
  // Either everything acknowledged and a first part of the save under way, or that save overwrote the end.
  const isPrefix = (candidate: Model, least: number): boolean =>
    found.entries.length >= least &&
    found.entries.length <= candidate.entries.length &&
    JSON.stringify(plain(found.entries)) ===
      JSON.stringify(plain(candidate.entries.slice(0, found.entries.length)));
  const overwritten = issued.entries.findIndex((one, at) => acked.entries[at] !== one);
  const isKept = isPrefix(acked, acked.entries.length);
  const isMoved = overwritten >= 0 && isPrefix(issued, overwritten + 1);
  assert.ok(
    isKept || isMoved,
    `found ${found.entries.length}, acked ${acked.entries.length}, issued ${issued.entries.length}`,
  );
  const { term, vote, commit } = found.hardState;
  const isOf = (model: Model): boolean => term === model.state.term && vote === model.state.vote;
  assert.ok(isOf(acked) || isOf(issued), `state ${term} ${vote}`);
  assert.ok(commit <= issued.state.commit && commit <= found.entries.length, `commit ${commit}`);
}

const segmentBytes = fc.constantFrom(512, 4096, 20_000, 100_000);

interface Life {
  readonly steps: readonly Step[];
  /** Completions until the power goes: while the log is opened, and, another time, while it is used. */
  readonly openTicks: number;
  readonly ticks: number;
}

async function liveAndCrash(seed: number, size: number, lives: readonly Life[]): Promise<void> {
  const random = seeded(seed);
  let disk = await freshDisk();
  await (await Wal.create(dir, metadata, optionsFor(disk, { segmentBytes: size }))).close();
  const acked = new Model();
  let issued = acked;
  const openAndCheck = async (): Promise<Wal> => {
    const { wal, content } = await Wal.open(dir, origin, optionsFor(disk, { segmentBytes: size }));
    check(content, acked, issued);
    acked.entries = content.entries;
    acked.state = content.hardState;
    return wal;
  };
  for (const life of lives) {
    const opening = new StepClock(life.openTicks);
    disk.setComplete(opening.complete);
    void Wal.open(dir, origin, optionsFor(disk, { segmentBytes: size }));
    while (await opening.tick());
    disk = disk.crash(random, "random", {});
    const wal = await openAndCheck();
    const clock = new StepClock(life.ticks);
    disk.setComplete(clock.complete);
    issued = await run(wal, life.steps, clock, acked);
    disk = disk.crash(random, "random", {});
  }
  await (await openAndCheck()).close();
}

test("after a power cut at any point the log opens with everything acknowledged, life after life", async () => {
  const life = fc.record({
    steps: fc.array(step, { maxLength: 12 }),
    openTicks: fc.nat(20),
    ticks: fc.nat(90),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      segmentBytes,
      fc.array(life, { minLength: 1, maxLength: 4 }),
      liveAndCrash,
    ),
    { numRuns: 150 },
  );
});

test("an interrupted creation leaves either no log or a whole one", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.nat(40), async (seed, ticks) => {
      const clock = new StepClock(ticks);
      const fs = new MemoryFs({ complete: clock.complete });
      void Wal.create(dir, metadata, optionsFor(fs)).catch(() => undefined);
      while (await clock.tick());
      const disk = fs.crash(seeded(seed), "random", { complete: queueMicrotask });
      const options = optionsFor(disk);
      if (await Wal.exists(disk, dir)) {
        const { wal, content } = await Wal.open(dir, origin, options);
        assert.deepEqual(content.metadata, metadata);
        await wal.close();
      } else {
        await disk.makeDir("/data/member");
        await (await Wal.create(dir, metadata, options)).close();
      }
    }),
    { numRuns: 100 },
  );
});

test("what a killed process had written is durable before open returns", async () => {
  const clock = new StepClock(1000);
  const setUp = await freshDisk();
  const first = await Wal.create(dir, metadata, optionsFor(setUp));
  await first.close();
  const fs = setUp.kill({});
  const { wal } = await Wal.open(dir, origin, optionsFor(fs));
  fs.setComplete(clock.complete);
  wal.save(hardState(1, voter, 0), [entry(1, 1, bytesOf(3000))], () =>
    assert.fail("never completes"),
  );
  const restarted = fs.kill({});
  const { content } = await Wal.open(dir, origin, optionsFor(restarted));
  assert.equal(content.entries.length, 1);
  const afterPowerCut = restarted.crash(seeded(1), "nothing", {});
  const again = await Wal.open(dir, origin, optionsFor(afterPowerCut));
  assert.equal(again.content.entries.length, 1);
  await again.wal.close();
});
