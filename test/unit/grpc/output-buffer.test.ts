import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { flushBytes } from "../../../node/grpc/limits.ts";
import { BufferPool, OutputBuffer } from "../../../node/grpc/output-buffer.ts";

/** Says `sizes.length` pieces, the first all ones, the second all twos and so on. */
function say(out: OutputBuffer, sizes: readonly number[]): Buffer {
  const pieces = sizes.map((size, index) => Buffer.alloc(size, index + 1));
  for (const piece of pieces) {
    const at = out.reserve(piece.length);
    piece.copy(out.bytes, at);
  }
  return Buffer.concat(pieces);
}

test("what was written stays where it is while the buffer grows, turn after turn", () => {
  const sizes = fc.array(fc.oneof(fc.nat(100), fc.nat(300_000)), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(fc.tuple(sizes, fc.boolean()), { maxLength: 8 }), (turns) => {
      const pool = new BufferPool();
      const outs = [new OutputBuffer(pool), new OutputBuffer(pool)];
      for (const [pieces, isKept] of turns) {
        const said = outs.map((out) => say(out, pieces));
        for (const [index, out] of outs.entries()) {
          assert.deepEqual(out.bytes.subarray(0, out.length), said[index]);
        }
        for (const out of outs) {
          if (isKept) out.abandon();
          else out.reset();
        }
      }
    }),
    { numRuns: 50 },
  );
});

test("a turn up to the early flush takes its memory from the turn before", () => {
  const out = new OutputBuffer(new BufferPool());
  for (const bytes of [1_000, 100_000, flushBytes + 60_000]) {
    say(out, [bytes]);
    const { buffer } = out.bytes;
    out.reset();
    say(out, [bytes]);
    assert.equal(out.bytes.buffer, buffer, `${bytes} bytes`);
    out.reset();
  }
});

test("what the socket keeps, and what is larger than a turn's output, is not used again", () => {
  const out = new OutputBuffer(new BufferPool());
  say(out, [100_000]);
  const kept = out.bytes.buffer;
  out.abandon();
  say(out, [100_000]);
  assert.notEqual(out.bytes.buffer, kept);
  out.reset();
  say(out, [4 * flushBytes]);
  const large = out.bytes.buffer;
  out.reset();
  say(out, [4 * flushBytes]);
  assert.notEqual(out.bytes.buffer, large);
});
