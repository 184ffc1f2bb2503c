import assert from "node:assert/strict";
import { test } from "node:test";
import { helpText, parseOptions, UsageError } from "../../bench/options.ts";
import type { WorkloadName } from "../../bench/workload.ts";
import { type Choice, chooseWorkloads, isThree, workloads } from "../../bench/workloads.ts";

const names = (only: readonly WorkloadName[], choice: Partial<Choice> = {}) =>
  chooseWorkloads({ members: undefined, short: false, ...choice, only }).map(({ name }) => name);

test("without flags the long form runs: a million keys, windows of a minute, two rounds", () => {
  const options = parseOptions([]);
  assert.ok(options !== "help");
  assert.deepEqual(
    [options.preload, options.seconds, options.rounds, options.short, options.failovers],
    [1_000_000, 60, 2, false, 5],
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
        "--members",
        "2",
        "--failovers",
        "0",
      ]),
    (error) =>
      error instanceof UsageError &&
      ["--rounds", "nonsense", "--ours", "--seconds", "--members", "--failovers"].every((text) =>
        error.message.includes(text),
      ),
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

test("--members chooses the workloads on one member or those on three", () => {
  const [one, three] = [names([], { members: 1 }), names([], { members: 3 })];
  assert.deepEqual([...one, ...three], names([]));
  assert.ok(three.every((name) => name.startsWith("three-")));
  assert.ok(one.every((name) => !name.startsWith("three-")));
  const options = parseOptions(["--members", "3"]);
  assert.ok(options !== "help" && options.members === 3);
});

test("the short form has few of the workloads on three members, and those that --only names", () => {
  const short = names([], { short: true });
  assert.deepEqual(
    short.filter((name) => !name.startsWith("three-")),
    names([], { members: 1 }),
  );
  const three = short.filter((name) => name.startsWith("three-"));
  assert.ok(three.includes("three-fill") && three.includes("three-put-all-10x100"));
  assert.equal(three.filter((name) => name.includes("-kill-")).length, 1);
  assert.ok(names(["three-stop-leader-100ms"], { short: true }).length === 1);
});

test("a workload over mutual TLS comes alone: its turn loads keys of its own", () => {
  for (const name of ["put-10x100-mtls", "put-100x10-mtls", "three-reconnect-1000-mtls"] as const)
    assert.deepEqual(names([name]), [name]);
});

test("a workload on three members comes with their load, a fail-over with none", () => {
  assert.deepEqual(names(["three-put-leader-1x1"]), ["three-fill", "three-put-leader-1x1"]);
  assert.deepEqual(names(["three-kill-leader-100ms"]), ["three-kill-leader-100ms"]);
  assert.deepEqual(names(["three-put-all-open-loop"]), [
    "three-fill",
    "three-put-all-10x100",
    "three-put-all-open-loop",
  ]);
});

test("the name of a workload tells whether it has three members", () => {
  for (const workload of workloads)
    assert.equal(isThree(workload), workload.name.startsWith("three-"), workload.name);
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
