/**
 * `npm run sim:plant`: plants each bug of planted-bugs.ts in a copy of the tree and lets the sweep look for it, to show that every
 * checker can fail. Prints a row for each, as test/README.md has it. Exits with 1 when a bug was not found.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { PlantedBug } from "./planted-bug.ts";
import { plantedBugs } from "./planted-bugs.ts";

const help = `Usage: npm run sim:plant -- [flags]

Plants known bugs one by one in a copy of the source and counts the seeds until the simulator's sweep finds each.

  --only TEXT     bugs whose name contains TEXT (default all)
  --runs N        seeds to try for each at most (default 2000)
  --from N        first seed (default 1)
  --jobs N        worker processes (default 2)
  --control       makes only the changes that ease the finding of a bug and break nothing: nothing must be found
`;

const root = join(import.meta.dirname, "../..");

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    runs: { type: "string", default: "2000" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: "2" },
    control: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** A copy of what the simulator needs, in which the bug is. */
function plant(bug: PlantedBug): string {
  const dir = mkdtempSync(join(tmpdir(), "etcd-ts-plant-"));
  for (const part of ["node", "test", "package.json", "tsconfig.json"]) {
    cpSync(join(root, part), join(dir, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
  for (const { file, find, put } of [...(bug.eases ?? []), ...(values.control ? [] : bug.edits)]) {
    const path = join(dir, file);
    const source = readFileSync(path, "utf8");
    if (source.split(find).length !== 2)
      throw new Error(`${bug.name}: not once in ${file}: ${find}`);
    writeFileSync(
      path,
      source.replace(find, () => put),
    );
  }
  return dir;
}

interface Found {
  /** Seeds tried, the failing one included; undefined when none failed. */
  readonly seeds: number | undefined;
  readonly violation: string;
}

function sweep(dir: string, bug: PlantedBug): Promise<Found> {
  const { runs, from, jobs } = values;
  const args = ["--runs", runs, "--from", from, "--jobs", jobs, "--stop-at-first"];
  const child = spawn(
    process.execPath,
    [join(dir, "test/sim/sweep-main.ts"), ...args, ...(bug.flags ?? [])],
    { cwd: dir, stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((resolve) => {
    child.on("close", () => {
      const seeds = /first failure after (\d+) seeds/.exec(output)?.[1];
      const violation =
        /VIOLATION (.*)/.exec(output)?.[1] ?? output.trim().split("\n").at(-1) ?? "";
      resolve({ seeds: seeds === undefined ? undefined : Number(seeds), violation });
    });
  });
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  let missed = 0;
  const chosen = plantedBugs
    .filter(({ name }) => name.includes(values.only))
    .filter(({ eases }) => !values.control || eases !== undefined);
  for (const bug of chosen) {
    const dir = plant(bug);
    try {
      const { seeds, violation } = await sweep(dir, bug);
      if ((seeds === undefined) !== values.control) missed += 1;
      const count = seeds === undefined ? "not found" : String(seeds);
      process.stdout.write(`| ${bug.name} | ${count} | ${violation.slice(0, 120)} |\n`);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
  if (missed > 0) {
    const what = values.control ? "found without a bug" : "bugs not found";
    process.stdout.write(`${missed} ${what}\n`);
  }
  process.exitCode = missed === 0 ? 0 : 1;
}

await main();
