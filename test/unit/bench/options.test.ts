import assert from "node:assert/strict";
import { test } from "node:test";
import { helpText, parseOptions, UsageError } from "../../bench/options.ts";
import { chooseWorkloads, workloads } from "../../bench/workloads.ts";

const names = (only: Parameters<typeof chooseWorkloads>[0]) =>
  chooseWorkloads(only).map(({ name }) => name);

test("without flags the long form runs: a million keys, windows of a minute, two rounds", () => {
  const options = parseOptions([]);
  assert.ok(options !== "help");
  assert.deepEqual(
    [options.preload, options.seconds, options.rounds, options.short],
    [1_000_000, 60, 2, false],
  );
});

test("the short form takes few keys and short windows, and single flags still win", () => {
  const options = parseOptions(["--short", "--seconds", "2"]);
  assert.ok(options !== "help");
  assert.deepEqual(
    [options.preload, options.seconds, options.rounds, options.short],
    [3000, 2, 1, true],
  );
});

test("every bad flag is named in one message", () => {
  assert.throws(
    () =>
      parseOptions([
        "--rounds",
        "0",
        "--only",
        "put-1x1,nonsense",
        "--ours",
        "redis",
        "--seconds",
        "x",
      ]),
    (error) =>
      error instanceof UsageError &&
      ["--rounds", "nonsense", "--ours", "--seconds"].every((text) => error.message.includes(text)),
  );
  assert.throws(() => parseOptions(["--fast"]), UsageError);
});

test("the help names every workload", () => {
  assert.equal(parseOptions(["--help"]), "help");
  for (const { name } of workloads) assert.ok(helpText().includes(name));
});

test("without --only all workloads run, reads before writes that add keys", () => {
  const all = names([]);
  assert.equal(all.length, workloads.length);
  assert.ok(all.indexOf("range-1000-keys") < all.indexOf("put-1x1"));
});

test("--only brings along the load, and the workload an open loop takes its rate from", () => {
  assert.deepEqual(names(["range-1x1"]), ["fill", "range-1x1"]);
  assert.deepEqual(names(["put-open-loop"]), ["fill", "put-10x100", "put-open-loop"]);
});

test("a workload that takes its rate from another comes after it", () => {
  for (const [position, { halfRateOf }] of workloads.entries()) {
    if (halfRateOf !== undefined)
      assert.ok(workloads.findIndex(({ name }) => name === halfRateOf) < position);
  }
});
