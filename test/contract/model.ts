/**
 * A backend against a naive model: random appends, removals, bucket changes, commits, scans, closes and crashes. After each reopen
 * the state is exactly that of the last completed commit, or of the one that was in flight. Run by backend.test.ts.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type AppliedPosition,
  type Backend,
  type BackendDisk,
  recordKind,
} from "../../node/backend/backend.ts";
import { fromText, toText } from "../../node/lib/bytes.ts";
import { revision } from "../../node/lib/units.ts";
import { append, at, type BackendHome, commit, type SeenRecord, scanAll } from "./backend.ts";
import { scanTo } from "./removal.ts";

type Step =
  | { readonly do: "append"; readonly count: number; readonly subs: number; readonly bytes: number }
  | { readonly do: "remove"; readonly picks: readonly number[] }
  | { readonly do: "removeUpTo"; readonly pick: number }
  | { readonly do: "bucket"; readonly key: number; readonly value: number | null }
  | { readonly do: "commit" | "begin" | "scan" | "reopen" | "reopenUnscanned" }
  | { readonly do: "crash"; readonly luck: number };

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("append" as const),
        count: fc.integer({ min: 1, max: 40 }),
        subs: fc.integer({ min: 1, max: 3 }),
        bytes: fc.integer({ min: 0, max: 900 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("remove" as const),
        picks: fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("removeUpTo" as const), pick: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("bucket" as const),
        key: fc.nat({ max: 5 }),
        value: fc.option(fc.nat()),
      }),
    },
    {
      weight: 7,
      arbitrary: fc.record({
        do: fc.constantFrom("commit", "commit", "begin", "scan", "reopen", "reopenUnscanned"),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("crash" as const),
        luck: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
  ),
  { minLength: 5, maxLength: 40 },
);

interface State {
  readonly position: AppliedPosition;
  readonly records: readonly SeenRecord[];
  readonly bucket: ReadonlyMap<string, string>;
}

const nothing: State = { position: at(0, 0, 0), records: [], bucket: new Map() };

/** Three states: on disk, in flight, and with what the open batch adds. */
class Model {
  committed: State = nothing;
  inFlight: State | undefined;
  records: SeenRecord[] = [];
  bucket = new Map<string, string>();
  main = 1;
  index = 0;
  /** Records that the open batch, or the one in flight, removes. */
  readonly going = new Set<SeenRecord>();

  seal(): State {
    this.index++;
    return {
      position: at(this.index, this.main),
      records: [...this.records],
      bucket: new Map(this.bucket),
    };
  }

  landed(state: State): void {
    this.committed = state;
    this.inFlight = undefined;
  }

  startFrom(state: State): void {
    this.committed = state;
    this.inFlight = undefined;
    this.records = [...state.records];
    this.bucket = new Map(state.bucket);
    this.main = Math.max(1, state.position.revision);
    this.index = state.position.consistentIndex;
    this.going.clear();
  }
}

class Run {
  private readonly home: BackendHome;
  private readonly model = new Model();
  private backend: Backend & BackendDisk;
  private flight: Promise<void> | undefined;
  private life = 0;
  private readonly scans: Promise<void>[] = [];

  constructor(home: BackendHome, backend: Backend & BackendDisk) {
    this.home = home;
    this.backend = backend;
  }

  async step(step: Step): Promise<void> {
    const { model, backend } = this;
    switch (step.do) {
      case "append":
        for (let n = 0; n < step.count; n++) {
          model.main++;
          for (let sub = 0; sub < step.subs; sub++) this.append(sub, step.bytes);
        }
        return;
      case "remove":
        for (const pick of step.picks)
          this.remove(this.removable()[pick % this.removable().length]);
        return;
      case "removeUpTo": {
        const removable = this.removable();
        const end = removable.length === 0 ? 0 : step.pick % removable.length;
        for (const record of removable.slice(0, end))
          if (record.main % 5 !== 0) this.remove(record);
        return;
      }
      case "bucket":
        this.change(`key ${step.key}`, step.value === null ? undefined : `${step.value}`);
        return;
      case "begin":
      case "commit":
        await this.landed();
        this.begin();
        if (step.do === "commit") await this.landed();
        return;
      case "scan":
        this.scan();
        return;
      case "crash":
        await Promise.allSettled(this.scans.splice(0));
        // What completes from now on was not on the disk that the crash leaves.
        this.life++;
        await this.home.crash(backend, step.luck);
        await this.reopen(true);
        return;
      default:
        await this.end();
        await this.reopen(step.do === "reopen");
    }
  }

  /** Closes, with the batch in flight on disk and the open one dropped. */
  async end(): Promise<void> {
    await Promise.all(this.scans.splice(0));
    await this.backend.close();
    await this.flight;
  }

  private async reopen(isScanned: boolean): Promise<void> {
    const { model } = this;
    this.flight = undefined;
    this.backend = await this.home.open();
    const { consistentIndex } = this.backend.committed;
    const isOfFlight = model.inFlight?.position.consistentIndex === consistentIndex;
    const expected = isOfFlight && model.inFlight !== undefined ? model.inFlight : model.committed;
    assert.deepEqual(this.backend.committed, expected.position);
    if (isScanned) assert.deepEqual(await scanAll(this.backend), expected.records);
    const bucket = this.backend
      .entries("lease")
      .map(({ key, value }) => [toText(key), toText(value)] as const);
    assert.deepEqual(new Map(bucket), expected.bucket);
    model.startFrom(expected);
  }

  private append(sub: number, bytes: number): void {
    const { model, backend } = this;
    const text = `${model.main}/${sub}`.padEnd(bytes, "~");
    const kind = model.main % 7 === 0 ? recordKind.tombstone : recordKind.put;
    append(backend, model.main, sub, text, kind);
    model.records.push({ main: model.main, sub, kind, text });
  }

  private removable(): readonly SeenRecord[] {
    return this.model.committed.records.filter((record) => !this.model.going.has(record));
  }

  private remove(record: SeenRecord | undefined): void {
    if (record === undefined) return;
    const { model, backend } = this;
    backend.remove(revision(record.main), record.sub);
    model.going.add(record);
    model.records = model.records.filter((other) => other !== record);
  }

  private change(key: string, value: string | undefined): void {
    const { model, backend } = this;
    if (value === undefined) {
      backend.delete("lease", fromText(key));
      model.bucket.delete(key);
    } else {
      backend.put("lease", fromText(key), fromText(value));
      model.bucket.set(key, value);
    }
  }

  private begin(): void {
    const { model, backend } = this;
    const state = model.seal();
    const { life } = this;
    model.inFlight = state;
    this.flight = commit(backend, state.position).then(() => {
      if (this.life === life) model.landed(state);
    });
  }

  private async landed(): Promise<void> {
    await this.flight;
    this.flight = undefined;
  }

  /** Held against what is committed now, when it ends some steps later. */
  private scan(): void {
    const { model, backend } = this;
    const upTo = Math.max(1, model.main - 20);
    const expected = model.committed.records.filter(({ main }) => main <= upTo);
    const scan = scanTo(backend, upTo).then((seen) => assert.deepEqual(seen, expected));
    scan.catch(() => {});
    this.scans.push(scan);
  }
}

export function modelContract(name: string, makeHome: () => Promise<BackendHome>): void {
  describe(`backend contract, model: ${name}`, () => {
    void test("after any history, crashes included, the state is that of a completed commit", async () => {
      const home = await makeHome();
      try {
        await fc.assert(
          fc.asyncProperty(steps, async (list) => {
            await home.wipe();
            const run = new Run(home, await home.open());
            for (const step of list) await run.step(step);
            await run.step({ do: "reopen" });
            await run.end();
          }),
          { numRuns: 60 },
        );
      } finally {
        await home.dispose();
      }
    });
  });
}
