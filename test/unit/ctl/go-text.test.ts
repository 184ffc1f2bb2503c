import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";

import {
  durationText,
  parseDuration,
  parseHexId,
  parseInteger,
  quote,
  sizeText,
  unquotePrefix,
} from "../../../node/ctl/go-text.ts";
import { rawBytes, rawText } from "../../../node/ctl/raw-text.ts";

suite("Go's texts", () => {
  test("durations are printed as Go does", () => {
    for (const [nanoseconds, text] of [
      [0n, "0s"],
      [7n, "7ns"],
      [1100n, "1.1µs"],
      [2_000_000n, "2ms"],
      [2_280_515n, "2.280515ms"],
      [5_000_586_359n, "5.000586359s"],
      [10_000_000_000n, "10s"],
      [60_000_000_000n, "1m0s"],
      [60_500_000_000n, "1m0.5s"],
      [3_661_000_000_000n, "1h1m1s"],
      [36_000_000_000_000n, "10h0m0s"],
    ] as const) {
      assert.equal(durationText(nanoseconds), text);
    }
  });

  test("durations are read as Go does", () => {
    for (const [text, ms] of [
      ["0", 0],
      ["5s", 5000],
      ["1h2m3.5s", 3_723_500],
      [".5ms", 0.5],
      ["-2us", -0.002],
    ] as const) {
      assert.equal(parseDuration(text), ms);
    }
    for (const text of ["", "s", "5", "5x", "5s5", "1e3s"])
      assert.throws(() => parseDuration(text), RangeError, text);
  });

  test("numbers keep to 64 bits", () => {
    assert.equal(parseInteger("9223372036854775807", 10), 2n ** 63n - 1n);
    assert.equal(parseInteger("-8000000000000000", 16), -(2n ** 63n));
    assert.throws(() => parseInteger("9223372036854775808", 0), /value out of range/);
    assert.equal(parseHexId("ffffffffffffffff"), 2n ** 64n - 1n);
    assert.throws(() => parseHexId("10000000000000000"), /value out of range/);
    assert.throws(() => parseHexId("-1"), /invalid syntax/);
    for (const text of ["", "+", "0x", "08", "1__0", "1_", "_1"])
      assert.throws(() => parseInteger(text, 0), /invalid syntax/, text);
    assert.deepEqual(
      ["0x1F", "0b11", "0o17", "017", "1_000", "-0"].map((text) => parseInteger(text, 0)),
      [31n, 3n, 15n, 15n, 1000n, 0n],
    );
  });

  test("sizes have two digits", () => {
    assert.deepEqual(
      [0, 9, 10, 999, 1000, 9949, 9950, 20_480, 21_500, 2_147_483_648, 1e18].map(sizeText),
      [
        "0 B",
        "9 B",
        "10 B",
        "999 B",
        "1.0 kB",
        "9.9 kB",
        "10 kB",
        "20 kB",
        "22 kB",
        "2.1 GB",
        "1.0 EB",
      ],
    );
  });

  test("all bytes come back from their text, and from its quoted form", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const text = rawText(bytes);
        assert.deepEqual(rawBytes(text), bytes);
        const quoted = quote(text);
        const { value = "", length } = unquotePrefix(`${quoted}junk`) ?? {};
        assert.equal(length, quoted.length);
        assert.deepEqual(rawBytes(value), bytes);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        assert.equal(rawText(Buffer.from(text)), text);
      }),
    );
  });

  test("what is no literal is refused", () => {
    for (const text of [
      '"',
      '"a',
      "a",
      '"\\q"',
      '"\\x1"',
      "`a",
      '"\\ud800"',
      '"\\400"',
      "'a'",
      '"\\\'"',
    ])
      assert.equal(unquotePrefix(text), undefined, text);
    assert.deepEqual(unquotePrefix("`\\n`x"), { value: "\\n", length: 4 });
  });
});
