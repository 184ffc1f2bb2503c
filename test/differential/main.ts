/**
 * `npm run differential`: seeded random operations against a real etcd and our server, every answer compared.
 *
 *     npm run differential -- --operations 20000 --seed 1 --restarts 3
 */
import { parseArgs } from "node:util";
import { ServerPair } from "../conformance/pair.ts";
import { Difference, run } from "./run.ts";

const { values } = parseArgs({
  options: {
    operations: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    restarts: { type: "string", default: "3" },
  },
});

const operations = Number(values.operations);
const pair = await ServerPair.start();
const startedMs = Date.now();
try {
  const result = await run(pair, {
    seed: Number(values.seed),
    operations,
    restarts: Number(values.restarts),
    finalRevisions: 20,
    onProgress: (done) => {
      if (done % 1000 === 0) process.stderr.write(`\r${done} of ${operations} operations`);
    },
  });
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  const outcomes = [...result.tally].sort(([a], [b]) => (a < b ? -1 : 1));
  process.stderr.write("\n");
  process.stdout.write(
    `seed ${values.seed}: ${result.operations} operations, every answer equal; hashes equal at ${result.hashes} revisions; ${seconds} s\n`,
  );
  for (const [outcome, count] of outcomes)
    process.stdout.write(`  ${outcome.padEnd(16)}${String(count).padStart(8)}\n`);
} catch (error) {
  if (!(error instanceof Difference)) throw error;
  process.stdout.write(`\n${error.message}\n`);
  process.exitCode = 1;
} finally {
  await pair.stop();
}
