import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTimeoutMs } from "../../../node/grpc/deadline.ts";

function parse(text: string): number {
  const bytes = Buffer.from(`x${text}y`);
  return parseTimeoutMs(bytes, 1, bytes.length - 1);
}

test("all units of grpc-timeout become milliseconds", () => {
  assert.equal(parse("2H"), 7_200_000);
  assert.equal(parse("3M"), 180_000);
  assert.equal(parse("5S"), 5_000);
  assert.equal(parse("4999m"), 4_999);
  assert.equal(parse("2500000u"), 2_500);
  assert.equal(Math.round(parse("99999999n")), 100);
  assert.equal(parse("0m"), 0);
});

test("a malformed grpc-timeout is told apart", () => {
  for (const text of ["", "5", "S", "5s", "-1S", "1.5S", "123456789S", " 1S"])
    assert.equal(parse(text), -1, text);
});
