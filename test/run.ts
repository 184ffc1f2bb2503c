/**
 * `npm test`: brings the programs that the tests need, runs node's test runner over test/, and says at the end what
 * was missing and how to bring it.
 *
 *     npm test                              everything
 *     npm test -- raft mvcc/key-index       files whose path contains one of these
 *     npm test -- test/unit/wal             a file or a folder
 *     npm test -- --name "pre-vote"         only tests whose name matches this regular expression
 *     npm test -- --verbose                 every test by name (node's "spec" reporter)
 *
 * What is not run here: the simulator's sweeps, benchmarks and power cuts, which have commands of their own.
 */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { parseArgs } from "node:util";

import { commandFor, isBuilt } from "./support/peers.ts";
import { Report } from "./support/report.ts";

const projectDir = resolve(import.meta.dirname, "..");
/** A file that takes longer than this hangs: the slowest build real members and stop them. */
const fileTimeoutMs = 10 * 60_000;

/** Clusters of processes count their elections: they do not share the machine with other tests. */
const aloneDir = "test/cluster/";

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: "string", multiple: true },
    verbose: { type: "boolean", default: false },
    concurrency: { type: "string" },
  },
});

function selectFiles(): string[] {
  const all = globSync("test/**/*.test.ts", { cwd: projectDir }).sort();
  if (filters.length === 0) return all;
  return all.filter((file) => filters.some((filter) => file.includes(filter.replace(/^\.\//, ""))));
}

/** Names in `needs(...)`, `peer(...)` and `goPeer(...)` of these files and of what they import under test/. */
function peersNamedIn(files: readonly string[]): string[] {
  const names = new Set<string>();
  const queue = files.map((file) => join(projectDir, file));
  const seen = new Set([...queue, join(projectDir, "test/support/peers.ts")]);
  for (const file of queue) {
    const text = readFileSync(file, "utf8");
    for (const [, list = ""] of text.matchAll(/\b(?:needs|peer|goPeer)\(([^()]*)\)/g)) {
      for (const [, name = ""] of list.matchAll(/"([^"]+)"/g)) names.add(name);
    }
    for (const [, target = ""] of text.matchAll(/from "(\.[^"]+\.ts)"/g)) {
      const imported = resolve(dirname(file), target);
      const isOurs = imported.startsWith(join(projectDir, "test/"));
      // Sources also stand inside of sources, as text.
      if (!isOurs || seen.has(imported) || !existsSync(imported)) continue;
      seen.add(imported);
      queue.push(imported);
    }
  }
  return [...names].sort();
}

/** Builds what can be built. A failure is no end of the run: the tests concerned say so themselves. */
function bringPeers(names: readonly string[]): void {
  for (const name of names.filter(isBuilt)) {
    try {
      execFileSync("sh", ["test/peers/install.sh", name], { cwd: projectDir, stdio: "inherit" });
    } catch {
      // install.sh has said why.
    }
  }
}

/** Runs the files; the record of missing programs is shared with the test processes through a file. */
async function runTests(files: readonly string[]): Promise<Report> {
  const report = new Report(projectDir, { quiet: options.verbose });
  const isAlone = (file: string): boolean => file.startsWith(aloneDir);
  const crowded = Number(options.concurrency ?? Math.min(availableParallelism(), 8));
  await runFiles(report, { files: files.filter((file) => !isAlone(file)), concurrency: crowded });
  await runFiles(report, { files: files.filter(isAlone), concurrency: 1 });
  return report;
}

async function runFiles(
  report: Report,
  { files, concurrency }: { readonly files: readonly string[]; readonly concurrency: number },
): Promise<void> {
  if (files.length === 0) return;
  const events = run({
    files: files.map((file) => join(projectDir, file)),
    cwd: projectDir,
    concurrency,
    timeout: fileTimeoutMs,
    ...(options.name === undefined
      ? {}
      : { testNamePatterns: options.name.map((it) => new RegExp(it)) }),
  });
  report.listen(events);
  if (options.verbose) events.compose(spec).pipe(process.stdout);
  await new Promise((done) => events.once("close", done).resume());
}

async function main(): Promise<number> {
  const files = selectFiles();
  if (files.length === 0) {
    console.error(`no test file matches ${filters.join(" ")}`);
    return 1;
  }
  bringPeers(peersNamedIn(files));
  const scratchDir = mkdtempSync(join(tmpdir(), "etcd-ts-test-"));
  const missingFile = join(scratchDir, "missing-peers");
  process.env["ETCD_TS_MISSING_PEERS"] = missingFile;
  try {
    const report = await runTests(files);
    report.printFailures();
    printMissing(missingFile);
    report.printTotals();
    return report.passed ? 0 : 1;
  } finally {
    rmSync(scratchDir, { recursive: true, force: true });
  }
}

function printMissing(missingFile: string): void {
  const names = new Set<string>();
  try {
    for (const name of readFileSync(missingFile, "utf8").trim().split("\n")) names.add(name);
  } catch {
    return; // Nothing was recorded.
  }
  console.log("\nSome tests did not run because something they need is missing:");
  // A program's name has a command that brings it; anything else is a reason in words.
  for (const name of names)
    console.log(`  ${name.includes(" ") ? name : `${name}: ${commandFor(name)}`}`);
}

process.chdir(projectDir);
process.exitCode = await main();
