import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { openEnd, type Watcher } from "../../../../node/mvcc/watch/watcher.ts";
import { TestSink, WatchModel } from "./watch-model.ts";

const key = fc.constantFrom("a", "b", "ba", "bb", "c");
const op = fc.tuple(key, fc.option(fc.string({ maxLength: 3 }), { nil: undefined }));
const view = fc.record({ prevKv: fc.boolean(), noPut: fc.boolean(), noDelete: fc.boolean() });

const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      ops: fc.array(op, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("watch" as const),
      sink: fc.nat(2),
      key,
      end: fc.constantFrom(undefined, "bb", "c", openEnd),
      start: fc.integer({ min: -3, max: 60 }),
      view,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const), which: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("step" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("room" as const), sink: fc.nat(2), room: fc.nat(3) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("compact" as const), back: fc.nat(10) }) },
);

interface Watched {
  readonly watcher: Watcher;
  readonly sink: TestSink;
  readonly start: number;
}

/** Everything that a watcher got is what the history says, from its start on, without a gap. */
function check(model: WatchModel, { watcher, sink, start }: Watched, isWhole: boolean): void {
  const got = sink.got.get(watcher) ?? [];
  const expected = model.expected(watcher, start);
  const wanted = isWhole ? expected : expected.slice(0, got.length);
  // What was before a compaction may be missing from an event, but never be wrong.
  const known = wanted.map((event, index) =>
    got[index]?.previous === undefined ? { ...event, previous: undefined } : event,
  );
  assert.deepEqual(got, known);
}

test("whatever happens, each watcher sees each event once, in order, none missing", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 120 }), async (commands) => {
      const model = await WatchModel.open();
      const sinks = [new TestSink(), new TestSink(), new TestSink()];
      const all: Watched[] = [];
      for (const step of commands) {
        if (step.do === "write") {
          // A transaction names each key once.
          model.write(...new Map(step.ops));
        } else if (step.do === "watch") {
          const sink = sinks[step.sink] as TestSink;
          const start = step.start > 0 ? step.start : model.store.currentRevision + 1;
          const { view: wanted } = step;
          const watcher = model.watch(sink, step.key, step.end, { start, view: wanted });
          all.push({ watcher, sink, start });
        } else if (step.do === "remove") {
          const victim = all[step.which];
          if (victim !== undefined) {
            model.hub.remove(victim.watcher);
            check(model, victim, false);
            all.splice(step.which, 1);
          }
        } else if (step.do === "flush") model.hub.flush();
        else if (step.do === "step") model.hub.step();
        else if (step.do === "room") {
          const sink = sinks[step.sink] as TestSink;
          sink.room = step.room;
          if (step.room > 0) model.hub.resume(sink);
        } else model.compact(Math.max(1, model.store.currentRevision - step.back));
        for (const watched of all) check(model, watched, false);
      }
      for (const sink of sinks) {
        sink.room = Infinity;
        model.hub.resume(sink);
      }
      model.settle();
      for (const watched of all) {
        const compactedAt = watched.sink.compactedAt.get(watched.watcher);
        check(model, watched, compactedAt === undefined && watched.watcher.state !== "future");
        if (compactedAt === undefined) continue;
        assert.ok(watched.watcher.next < compactedAt);
      }
    }),
    { numRuns: 400 },
  );
});
