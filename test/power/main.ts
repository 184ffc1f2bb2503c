/**
 * npm run test:power: crashes of a running member and what must be left of it. Reads the arguments, runs what they ask
 * for, prints the tables; the work is in power-cuts.ts and kills.ts.
 */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { missingForDisks } from "../support/loop-image.ts";
import { peer } from "../support/peers.ts";
import { ourServer, type ServerCommand } from "../support/server-process.ts";
import { runKills } from "./kills.ts";
import { runPowerCuts } from "./power-cuts.ts";
import { explain, isFailed, type RigOptions, type Round, roundHeader, summary } from "./rig.ts";

const help = `npm run test:power -- [options]

  --cuts N       cut the power N times (default 50 when nothing else is asked for); needs root, /dev/fuse, loop devices
  --kills N      kill -9 the member N times
  --prove        break one mechanism of the server after the other and demand that power cuts find each
  --seed N       the moments of the crashes and what the disk keeps are drawn from it (default: from the clock)
  --server S     "ours" (default), "etcd" (the real one), or the path of a program
  --writers N    concurrent writers (default 16)
  --image-mib N  size of the disk (default 512)
  --keep         keep the working directory even when all went well
  --help         this text

The working directory (images, data directories, logs) is made below TMPDIR and kept when a check fails.
`;

/** Values of ETCD_TS_TEST_FAULT, each a promise of the server that is broken on purpose. */
const faults = ["no-wal-sync", "no-backend-sync", "early-wal-release"];

function readArguments() {
  const { values } = parseArgs({
    options: {
      cuts: { type: "string" },
      kills: { type: "string" },
      prove: { type: "boolean", default: false },
      seed: { type: "string" },
      server: { type: "string", default: "ours" },
      writers: { type: "string", default: "16" },
      "image-mib": { type: "string", default: "512" },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  return values;
}

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`--${name} must be a whole number, not ${text}`);
  return value;
}

function chooseServer(name: string): ServerCommand {
  if (name === "etcd") return [peer("etcd")];
  if (name !== "ours") return [name];
  const command = ourServer();
  if (command === undefined) throw new Error("there is no server to test: run npm run build");
  return command;
}

type Rig = (options: RigOptions) => Promise<Round[]>;

const print = (line: string): void => console.log(line);

/** Runs one rig in a directory of its own; true when every round went well. */
async function runInDirectory(
  rig: Rig,
  options: Omit<RigOptions, "workDirectory">,
  keep: boolean,
): Promise<Round[]> {
  const workDirectory = mkdtempSync(join(tmpdir(), "etcd-ts-power-"));
  print(roundHeader());
  const rounds = await rig({ ...options, workDirectory });
  const failed = rounds.find(isFailed);
  if (failed !== undefined && options.fault === undefined) print(explain(failed, workDirectory));
  else if (!keep) await rm(workDirectory, { recursive: true });
  print(`${summary(rounds)}\n`);
  return rounds;
}

/** Cuts of the unbroken server that must pass first: otherwise any failure would count as proof. */
const controlCuts = 5;

async function prove(cuts: number, options: Omit<RigOptions, "workDirectory">): Promise<boolean> {
  print("with nothing broken, no cut may fail:");
  const control = await runInDirectory((rig) => runPowerCuts(rig, controlCuts), options, false);
  if (control.some(isFailed)) return false;
  const undetected: string[] = [];
  for (const fault of faults) {
    print(`with ${fault}, a cut must fail:`);
    const rounds = await runInDirectory(
      (rig) => runPowerCuts(rig, cuts),
      { ...options, fault },
      false,
    );
    const failed = rounds.find(isFailed);
    if (failed === undefined) undetected.push(fault);
    else print(`${fault}: found at cut ${failed.number}: ${reason(failed)}\n`);
  }
  if (undetected.length > 0) print(`NOT FOUND: ${undetected.join(", ")}`);
  return undetected.length === 0;
}

/** In one line: the first violation, or the last error that the member logged. */
function reason(round: Round): string {
  const [violation] = round.violations;
  if (violation !== undefined) return `${violation.what}: ${violation.keys.join(" ")}`;
  const lines = (round.error ?? "").split("\n");
  return lines.findLast((line) => line.includes('"level":"error"')) ?? lines[0] ?? "";
}

async function main(): Promise<boolean> {
  const values = readArguments();
  if (values.help) {
    process.stdout.write(help);
    return true;
  }
  const kills = wholeNumber("kills", values.kills, 0);
  const cuts = wholeNumber("cuts", values.cuts, kills > 0 ? 0 : 50);
  const seed = wholeNumber("seed", values.seed, Math.floor(Date.now() / 1000) % 1_000_000);
  const options = {
    server: chooseServer(values.server),
    seed,
    writers: wholeNumber("writers", values.writers, 16),
    imageMebibytes: wholeNumber("image-mib", values["image-mib"], 512),
    print,
  };
  const missing = cuts > 0 ? missingForDisks() : undefined;
  if (missing !== undefined) throw new Error(missing);
  print(`seed ${seed}, ${options.writers} writers, server ${options.server.join(" ")}\n`);
  if (values.prove) return prove(cuts, options);
  const rigs: Rig[] = [];
  if (kills > 0) rigs.push((rig) => runKills(rig, kills));
  if (cuts > 0) rigs.push((rig) => runPowerCuts(rig, cuts));
  let isFine = true;
  for (const rig of rigs)
    isFine = !(await runInDirectory(rig, options, values.keep)).some(isFailed) && isFine;
  return isFine;
}

// The exit handlers of test/support end the members and unmount the disks.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
