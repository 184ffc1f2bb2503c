import assert from "node:assert/strict";
import { test } from "node:test";
import { goDurationText, goSizeText, parseGoDuration } from "../../../node/lib/go-units.ts";

test("durations are read as Go reads them", () => {
  for (const [text, ns] of [
    ["0", 0],
    ["10m", 600e9],
    ["1h30m0.5s", 5400.5e9],
    ["-1.5s", -1.5e9],
    ["+5ms", 5e6],
    [".5us", 500],
    ["3µs2ns", 3002],
  ] as const) {
    assert.equal(parseGoDuration(text), ns, text);
  }
});

test("what is no duration is refused in Go's words", () => {
  for (const [text, message] of [
    ["", 'time: invalid duration ""'],
    ["h", 'time: invalid duration "h"'],
    [".s", 'time: invalid duration ".s"'],
    ["1.2.3s", 'time: missing unit in duration "1.2.3s"'],
    ["5", 'time: missing unit in duration "5"'],
    ["-5", 'time: missing unit in duration "-5"'],
    ["5d", 'time: unknown unit "d" in duration "5d"'],
    ["10m x", 'time: unknown unit "m x" in duration "10m x"'],
    ["9999999h", 'time: invalid duration "9999999h"'],
  ] as const) {
    assert.throws(() => parseGoDuration(text), { name: "RangeError", message }, text);
  }
});

test("durations are printed as Go prints them", () => {
  for (const [ms, text] of [
    [0, "0s"],
    [0.0156, "16µs"],
    [1.5, "1.5ms"],
    [5000, "5s"],
    [61_250, "1m1.25s"],
    [600_000, "10m0s"],
    [3_600_000, "1h0m0s"],
  ] as const) {
    assert.equal(goDurationText(ms), text);
  }
});

test("sizes are printed as go-humanize prints them", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [9, "9 B"],
    [10, "10 B"],
    [999, "999 B"],
    [20_480, "20 kB"],
    [9_990_000, "10 MB"],
    [2_147_483_648, "2.1 GB"],
    [16_777_216, "17 MB"],
  ] as const) {
    assert.equal(goSizeText(bytes), text);
  }
});
