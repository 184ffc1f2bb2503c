import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteQueue } from "../../../node/grpc/byte-queue.ts";

type Step =
  | { do: "append"; length: number }
  | { do: "take"; share: number }
  | { do: "skip"; share: number }
  | { do: "clear" };

const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant("append" as const),
      length: fc.oneof(fc.nat(20), fc.nat(3_000), fc.constant(40_000)),
    }),
    fc.record({ do: fc.constant("take" as const), share: fc.nat(100) }),
    fc.record({ do: fc.constant("skip" as const), share: fc.nat(100) }),
    fc.record({ do: fc.constant("clear" as const) }),
  ),
  { maxLength: 40 },
);

test("gives back the bytes that were appended, in order, however they are taken", () => {
  fc.assert(
    fc.property(steps, (list: readonly Step[]) => {
      const queue = new ByteQueue();
      let model: Buffer = Buffer.alloc(0);
      let next = 0;
      for (const step of list) {
        if (step.do === "append") {
          const bytes = Buffer.alloc(step.length + 2).map(() => next++ & 255);
          queue.append(bytes, 1, step.length + 1);
          model = Buffer.concat([model, bytes.subarray(1, step.length + 1)]);
          bytes.fill(0);
        } else if (step.do === "take") {
          const count = Math.floor((queue.length * step.share) / 100);
          const taken = Buffer.alloc(count + 4);
          queue.take(taken, 3, count);
          assert.deepEqual(taken.subarray(3, 3 + count), model.subarray(0, count));
          model = model.subarray(count);
        } else if (step.do === "skip") {
          const front = queue.front.subarray(queue.frontStart, queue.frontEnd);
          assert.deepEqual(Buffer.from(front), Buffer.from(model.subarray(0, front.length)));
          assert.equal(front.length > 0, model.length > 0);
          const count = Math.floor((front.length * step.share) / 100);
          queue.skip(count);
          model = model.subarray(count);
        } else {
          queue.clear();
          model = Buffer.alloc(0);
        }
        assert.equal(queue.length, model.length);
      }
    }),
  );
});

test("keeps single bytes in few blocks of memory", () => {
  const queue = new ByteQueue();
  const blocks = new Set<Uint8Array>();
  for (let count = 0; count < 100_000; count++) queue.append(Uint8Array.of(count & 255), 0, 1);
  while (queue.length > 0) {
    blocks.add(queue.front);
    queue.skip(1);
  }
  assert.ok(blocks.size < 30, `${blocks.size} blocks`);
});
