/**
 * node test/disk/main.ts: cuts of the log with real starts on it, any number of them. What the disk can do else (full, failing,
 * in use, unreadable) stands in the tests beside this file.
 */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ourServer } from "../support/server-process.ts";
import { cutHeader, cutSummary, runCuts } from "./cuts.ts";

const help = `node test/disk/main.ts [options]

  --cuts N     cut the log of a killed member N times and start on it (default 200)
  --seed N     where the cuts are (default: from the clock)
  --writers N  concurrent writers of the load (default 16)
  --keep       keep the working directory even when all went well
  --help       this text
`;

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      cuts: { type: "string", default: "200" },
      seed: { type: "string", default: String(Math.floor(Date.now() / 1000) % 1_000_000) },
      writers: { type: "string", default: "16" },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  if (values.help) {
    process.stdout.write(help);
    return true;
  }
  const server = ourServer();
  if (server === undefined) throw new Error("there is no server to test: run npm run build");
  const [cuts, seed, writers] = [values.cuts, values.seed, values.writers].map(Number);
  if (![cuts, seed, writers].every(Number.isSafeInteger)) throw new Error("numbers are whole");
  const workDirectory = mkdtempSync(join(tmpdir(), "etcd-ts-cuts-"));
  print(`seed ${seed}, server ${server.join(" ")}\n\n${cutHeader()}`);
  const rig = { server, seed: seed ?? 0, writers: writers ?? 0, workDirectory, imageMebibytes: 0 };
  const made = await runCuts({ ...rig, print }, cuts ?? 0);
  print(cutSummary(made));
  const isFine = made.every(({ outcome }) => outcome !== "FAILED");
  if (isFine && !values.keep) await rm(workDirectory, { recursive: true });
  else print(`everything is kept in ${workDirectory}`);
  return isFine;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
