import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { totalmem } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const mebibyte = 1024 * 1024;
const source = join(import.meta.dirname, "../../node/heap-limit.ts");
/** Runs `limitHeap` in a process, which perhaps replaces itself; then tells what it has become. */
const script = `
  import { limitHeap } from ${JSON.stringify(source)};
  import { getHeapStatistics } from "node:v8";
  limitHeap();
  console.log(JSON.stringify({
    pid: process.pid,
    limitBytes: getHeapStatistics().heap_size_limit,
    args: process.execArgv.filter((one) => one.startsWith("--max-")),
  }));
`;

interface Outcome {
  readonly pid: number;
  readonly limitBytes: number;
  readonly args: readonly string[];
}

function run(memoryBytes: number, environment: Record<string, string> = {}): Outcome {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ETCD_TS_TEST_MEMORY_BYTES: String(memoryBytes),
    ...environment,
  };
  const args = ["--no-warnings", "--input-type=module", "--eval", script];
  const output = execFileSync(process.execPath, args, { env, encoding: "utf8" });
  return JSON.parse(output) as Outcome;
}

test("in a small container the process takes a heap that fits into it, once", () => {
  const { limitBytes, args } = run(512 * mebibyte);
  assert.deepEqual(args, ["--max-semi-space-size=16", "--max-old-space-size=128"]);
  // The young generation comes on top.
  assert.ok(limitBytes < 450 * mebibyte, String(limitBytes));
});

test("without a container's limit the process takes a small young generation only", () => {
  assert.deepEqual(run(totalmem()).args, ["--max-semi-space-size=16"]);
});

test("a limit that the user set stands", () => {
  const { limitBytes, args } = run(512 * mebibyte, { NODE_OPTIONS: "--max-old-space-size=700" });
  assert.deepEqual(args, ["--max-semi-space-size=16"]);
  assert.ok(limitBytes >= 700 * mebibyte, String(limitBytes));
});
