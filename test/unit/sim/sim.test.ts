import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { suite, test } from "node:test";
import { faultKinds } from "../../sim/plan.ts";
import { type RunOptions, type RunReport, simulate } from "../../sim/run.ts";

const ticks = 300;

async function good(options: RunOptions): Promise<RunReport> {
  const report = await simulate({ ticks, ...options });
  const { seed, members } = options;
  const flags = members === undefined ? "" : ` --members ${members}`;
  const hint = `npm run sim -- --seed ${seed}${flags} --ticks ${options.ticks ?? ticks} --trace`;
  assert.deepEqual(report.violations, [], hint);
  assert.ok(report.answered > 20, `only ${report.answered} operations were answered: ${hint}`);
  return report;
}

suite("a simulated cluster under faults", () => {
  for (let members = 1; members <= 7; members++) {
    test(`${members} members keep every promise`, async () => {
      await good({ seed: 40 + members, members });
    });
  }

  test("whole seeds keep every promise, and change leaders and install snapshots", async () => {
    const names = [
      ...(["leader", "snapshotInstalled", "crash", "hashCompared"] as const),
      ...(["watchEvent", "watchMoved", "leaseRenewed", "leaseExpired"] as const),
    ];
    const seen = new Map(names.map((name) => [name, 0]));
    for (let seed = 300; seed < 306; seed++) {
      const { counters } = await good({ seed, ticks: 1000 });
      for (const name of names) seen.set(name, (seen.get(name) ?? 0) + (counters[name] ?? 0));
    }
    assert.ok(
      [...seen.values()].every((count) => count > 0),
      JSON.stringify([...seen]),
    );
  });

  test("clients that talk gRPC see the same", async () => {
    await good({ seed: 77, members: 3, usesGrpc: true });
  });
});

suite("each fault alone", () => {
  for (const kind of faultKinds) {
    test(`${kind}: the cluster stands it`, async () => {
      await good({ seed: 500 + faultKinds.indexOf(kind), members: 3, ticks: 500, faults: [kind] });
    });
  }
});

suite("a seed", () => {
  const options: RunOptions = { seed: 7, members: 3, ticks };

  test("replays to the same trace, watched or not", async () => {
    const first = await simulate(options);
    const lines: string[] = [];
    const second = await simulate({ ...options, onTrace: (line) => void lines.push(line) });
    assert.equal(second.trace, first.trace);
    assert.deepEqual(second.counters, first.counters);
    assert.ok(lines.length > 100);
  });

  test("replays in another process", async () => {
    const { trace } = await simulate(options);
    const main = join(import.meta.dirname, "../../sim/main.ts");
    const flags = ["--seed", "7", "--members", "3", "--ticks", String(ticks)];
    const { stdout } = spawnSync(process.execPath, [main, ...flags], { encoding: "utf8" });
    assert.ok(stdout.includes(trace), `${trace} is not in\n${stdout}`);
  });

  test("differs from another one", async () => {
    const first = await simulate(options);
    const other = await simulate({ ...options, seed: 8 });
    assert.notEqual(other.trace, first.trace);
  });
});
