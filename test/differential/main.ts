/**
 * `npm run differential`: seeded random operations against a real etcd and our server, every answer compared.
 *
 *     npm run differential -- --operations 20000 --seed 1 --restarts 3
 *     npm run differential -- --of watch --operations 5000
 *     npm run differential -- --of lease --operations 5000
 */
import { parseArgs } from "node:util";
import { ServerPair } from "../conformance/pair.ts";
import { leaseServerFlags, runLeases } from "./lease-run.ts";
import { Difference, run } from "./run.ts";
import { runWatches, watchServerFlags } from "./watch-run.ts";

const { values } = parseArgs({
  options: {
    of: { type: "string", default: "kv" },
    operations: { type: "string" },
    seed: { type: "string", default: "1" },
    restarts: { type: "string", default: "3" },
  },
});

interface Options {
  readonly seed: number;
  readonly operations: number;
  readonly restarts: number;
  readonly onProgress: (done: number) => void;
}

interface Outcome {
  readonly tally: ReadonlyMap<string, number>;
  /** What was found equal. */
  readonly text: string;
}

interface Kind {
  readonly flags: readonly string[];
  /** Without --operations. */
  readonly operations: number;
  readonly run: (pair: ServerPair, options: Options) => Promise<Outcome>;
}

const kinds: Readonly<Record<string, Kind>> = {
  kv: {
    flags: [],
    operations: 20_000,
    run: async (pair, options) => {
      const { tally, hashes } = await run(pair, { ...options, finalRevisions: 20 });
      return { tally, text: `every answer equal; hashes equal at ${hashes} revisions` };
    },
  },
  watch: {
    flags: watchServerFlags,
    operations: 5000,
    run: async (pair, options) => {
      const { tally, events } = await runWatches(pair, options);
      return { tally, text: `every message and all ${events} events equal` };
    },
  },
  lease: {
    flags: leaseServerFlags,
    operations: 5000,
    run: async (pair, options) => ({
      tally: await runLeases(pair, options),
      text: "every answer and the whole history equal",
    }),
  },
};

const kind = kinds[values.of];
if (kind === undefined) throw new Error(`--of is one of ${Object.keys(kinds).join(", ")}`);
const operations = Number(values.operations ?? kind.operations);
const pair = await ServerPair.start(kind.flags);
const startedMs = Date.now();
try {
  const { tally, text } = await kind.run(pair, {
    seed: Number(values.seed),
    operations,
    restarts: Number(values.restarts),
    onProgress: (done) => {
      if (done % 1000 === 0) process.stderr.write(`\r${done} of ${operations} operations`);
    },
  });
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  process.stderr.write("\n");
  process.stdout.write(`seed ${values.seed}: ${operations} operations, ${text}; ${seconds} s\n`);
  for (const [outcome, count] of [...tally].sort(([a], [b]) => (a < b ? -1 : 1)))
    process.stdout.write(`  ${outcome.padEnd(26)}${String(count).padStart(8)}\n`);
} catch (error) {
  if (!(error instanceof Difference)) throw error;
  process.stdout.write(`\n${error.message}\n`);
  process.exitCode = 1;
} finally {
  await pair.stop();
}
