import assert from "node:assert/strict";
import { test } from "node:test";
import { cloneBytes, compareBytes, fromText, toText } from "../../../node/lib/bytes.ts";

test("bytes are compared as unsigned numbers, a prefix before what it begins", () => {
  assert.ok(compareBytes(Uint8Array.of(0x7f), Uint8Array.of(0x80)) < 0);
  assert.ok(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)) < 0);
  assert.ok(compareBytes(Uint8Array.of(2), Uint8Array.of(1, 255)) > 0);
  assert.equal(compareBytes(Buffer.from("a"), Uint8Array.of(97)), 0);
  assert.equal(compareBytes(new Uint8Array(0), Buffer.alloc(0)), 0);
});

test("a clone of a Buffer does not change with it", () => {
  const original = Buffer.from("abcdef");
  const all = cloneBytes(original);
  const part = cloneBytes(original, 2, 4);
  original.fill(0);
  assert.equal(toText(all), "abcdef");
  assert.equal(toText(part), "cd");
});

test("a clone owns no more memory than its bytes", () => {
  const clone = cloneBytes(Buffer.alloc(10_000), 5, 9);
  assert.equal(clone.buffer.byteLength, 4);
});

test("text goes to UTF-8 and back", () => {
  assert.equal(toText(fromText("grüße ☃ 𝔘")), "grüße ☃ 𝔘");
  assert.deepEqual([...fromText("é")], [0xc3, 0xa9]);
});
