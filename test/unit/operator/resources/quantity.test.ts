import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { quantityOf } from "../../../../operator/resources/quantity.ts";

describe("a quantity of Kubernetes", () => {
  for (const [text, value] of [
    ["8Gi", 8 * 2 ** 30],
    ["1.5Gi", 1.5 * 2 ** 30],
    ["500M", 5e8],
    ["10k", 10_000],
    ["1e9", 1e9],
    ["1E3", 1_000],
    ["2E", 2e18],
    ["1500m", 1.5],
    [".5Ki", 512],
    ["268435456", 268_435_456],
    ["", undefined],
    ["8 Gi", undefined],
    ["Gi", undefined],
    ["8GB", undefined],
    [undefined, undefined],
  ] as const) {
    test(`${text ?? "nothing"} is ${value ?? "none"}`, () => assert.equal(quantityOf(text), value));
  }

  test("keeps the order of sizes, whatever they are written in", () => {
    const suffix = fc.constantFrom("", "k", "M", "G", "Ki", "Mi", "Gi", "Ti");
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9_999 }), suffix, (digits, unit) => {
        const less = quantityOf(`${digits}${unit}`);
        const more = quantityOf(`${digits + 1}${unit}`);
        assert.ok(less !== undefined && more !== undefined && less < more);
      }),
    );
  });
});
