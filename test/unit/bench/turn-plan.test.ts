import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOptions } from "../../bench/options.ts";
import { notes } from "../../bench/report.ts";
import { type Aim, loadArguments, owed, regionKeys } from "../../bench/turn-plan.ts";
import { chooseWorkloads, workloads } from "../../bench/workloads.ts";

const parsed = parseOptions(["--preload", "5000", "--failovers", "7"]);
assert.ok(parsed !== "help");
const options = parsed;

const aim: Aim = {
  targets: ["127.0.0.1:1", "127.0.0.1:2"],
  pids: [10, 20, 30],
  preload: 5000,
  memory: () => ({ resident: 0, peak: 0 }),
  obituary: () => undefined,
};

test("the load generator gets all targets and the processes of all members", () => {
  const workload = workloads.find(({ name }) => name === "three-put-leader-open-loop");
  assert.ok(workload !== undefined);
  const args = loadArguments(options, aim, { workload, position: 2, soFar: [] }, 1234);
  assert.equal(args[0], "put");
  for (const flag of ["--target=127.0.0.1:1,127.0.0.1:2", "--server-pid=10,20,30", "--rate=1234"])
    assert.ok(args.includes(flag), flag);
});

test("no two workloads of a turn write to the same keys, and none to the loaded ones", () => {
  const writing = workloads.filter(({ load }) => load !== undefined && load.mode !== "range");
  const offsets = writing.map((workload, position) => {
    const args = loadArguments(options, aim, { workload, position, soFar: [] }, 0);
    return Number(args.find((arg) => arg.startsWith("--key-offset="))?.split("=")[1]);
  });
  for (const [at, offset] of offsets.entries()) {
    assert.ok(offset >= aim.preload);
    if (at > 0) assert.ok(offset - (offsets[at - 1] ?? 0) >= regionKeys);
  }
});

test("what a turn that ended early owed is invalid, for the first line of the reason", () => {
  const rest = chooseWorkloads({ only: [], members: 3, short: false });
  const measurements = owed(rest, "the server exited with code 1\nits log");
  assert.deepEqual(
    measurements.map(({ workload }) => workload),
    rest.map(({ name }) => name),
  );
  for (const { problems } of measurements)
    assert.deepEqual(problems, ["the server exited with code 1"]);
});

test("the notes tell of keys and fail-overs only where the run had them", () => {
  const of = (members: 1 | 3) =>
    notes(options, chooseWorkloads({ only: [], members, short: false })).join("\n");
  assert.match(of(1), /^5,000 keys/m);
  assert.doesNotMatch(of(1), /three/);
  assert.match(of(3), /^5,000 \(three members\) keys/m);
  assert.match(of(3), /7 in each round/);
  const only = ["three-kill-leader-100ms"] as const;
  const failover = notes(options, chooseWorkloads({ only, members: undefined, short: false }));
  assert.doesNotMatch(failover.join("\n"), /keys of 44 bytes/);
});
