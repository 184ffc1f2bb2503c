import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AssertionError } from "../../../../node/lib/assert.ts";
import { logIndex } from "../../../../node/lib/units.ts";
import { Inflights } from "../../../../node/raft/tracker/inflights.ts";

type Operation =
  | { readonly kind: "add"; readonly step: number; readonly bytes: number }
  | { readonly kind: "free"; readonly behind: number }
  | { readonly kind: "reset" }
  | { readonly kind: "clone" };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      step: fc.integer({ min: 1, max: 4 }),
      bytes: fc.nat(5),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("free" as const), behind: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clone" as const) }) },
);

/** The same as a plain list of messages. */
class ListOfMessages {
  list: { index: number; bytes: number }[] = [];
  private readonly countMax: number;
  private readonly bytesMax: number;

  constructor(countMax: number, bytesMax: number) {
    this.countMax = countMax;
    this.bytesMax = bytesMax;
  }

  get isFull(): boolean {
    const bytes = this.list.reduce((sum, message) => sum + message.bytes, 0);
    return this.list.length === this.countMax || bytes >= this.bytesMax;
  }
}

test("the window does what a plain list of messages does", () => {
  const limits = fc.tuple(
    fc.integer({ min: 1, max: 5 }),
    fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 12 })),
  );
  fc.assert(
    fc.property(limits, fc.array(operation, { maxLength: 60 }), (limit, operations) => {
      let window = new Inflights(...limit);
      const model = new ListOfMessages(...limit);
      let newest = 0;
      for (const step of operations) {
        if (step.kind === "add") {
          newest += step.step;
          const index = newest;
          if (model.isFull) {
            assert.throws(() => window.add(logIndex(index), step.bytes), AssertionError);
          } else {
            window.add(logIndex(index), step.bytes);
            model.list.push({ index, bytes: step.bytes });
          }
        } else if (step.kind === "free") {
          const to = Math.max(0, newest - step.behind);
          window.freeTo(logIndex(to));
          model.list = model.list.filter((message) => message.index > to);
        } else if (step.kind === "reset") {
          window.reset();
          model.list = [];
        } else {
          window = window.clone();
        }
        assert.equal(window.count, model.list.length);
        assert.equal(window.isFull, model.isFull);
      }
    }),
    { numRuns: 1000 },
  );
});

test("the message that reaches the limit of bytes still fits, the next one does not", () => {
  const window = new Inflights(10, 100);
  window.add(logIndex(1), 99);
  assert.equal(window.isFull, false);
  window.add(logIndex(2), 1000);
  assert.equal(window.isFull, true);
  window.freeTo(logIndex(1));
  assert.equal(window.isFull, true);
  window.freeTo(logIndex(2));
  assert.equal(window.isFull, false);
});

test("a copy has a life of its own", () => {
  const window = new Inflights(2, Infinity);
  window.add(logIndex(5), 1);
  const copy = window.clone();
  copy.add(logIndex(6), 1);
  assert.deepEqual([window.count, copy.count], [1, 2]);
  window.freeTo(logIndex(9));
  assert.deepEqual([window.count, copy.count], [0, 2]);
});

test("a window without room for a message is a bug", () => {
  assert.throws(() => new Inflights(0, Infinity), AssertionError);
});
