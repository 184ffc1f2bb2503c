/**
 * The programs that tests run beside etcd-ts: etcd and its tools, Go programs of ours under test/peers, and programs of
 * the system such as h2load.
 *
 * One mechanism for a program that is not there. A test names what it needs in its options and asks for the paths inside:
 *
 *     test("etcdctl reads what it wrote", needs("etcdctl"), () => { run(peer("etcdctl"), ...) });
 *
 * On a user's machine such a test is skipped, and test/run.ts names the program at the end of the run with the command
 * that brings it. In CI (CI=true) nothing is skipped: `peer` throws and the test fails.
 *
 * Etcd's programs are never taken from the PATH, because there a distribution's older etcd may stand.
 */
import { execFileSync } from "node:child_process";
import { accessSync, appendFileSync, constants, existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

const peersDir = join(import.meta.dirname, "../peers");
const installScript = join(peersDir, "install.sh");

/** Programs that test/peers/install.sh builds from test/peers/etcd, at the version of our oracle, and from test/peers/etcd36. */
const etcdPrograms = ["etcd", "etcdctl", "etcdutl", "benchmark", "etcd36", "etcdctl36"];
/** And from test/e2e/peers, as far as `npm test` needs them; the end-to-end tests know the rest (test/e2e/support/programs.ts). */
const kubernetesPrograms = ["helm3", "helm4"];
const slowToBuild = [...etcdPrograms, ...kubernetesPrograms];

const builtThisProcess = new Set<string>();

/** Thrown by `peer` and `goPeer`: the message says how to bring the program. */
class MissingPeerError extends Error {
  constructor(name: string) {
    super(`${name} is not installed; to bring it: ${commandFor(name)}`);
    this.name = "MissingPeerError";
  }
}

/** The shell command, run in the project's folder, that brings a program. */
export function commandFor(name: string): string {
  return isBuilt(name)
    ? `sh test/peers/install.sh ${name}   (needs Go: https://go.dev/dl)`
    : `sh test/peers/install.sh --system ${name}   (as root)`;
}

/** Test options for a test that cannot run without these programs: skips it where one is missing, except in CI. */
export function needs(...names: readonly string[]): { skip?: string } {
  const missing = names.filter((name) => find(name) === undefined);
  for (const name of missing) recordMissing(name);
  return missing.length === 0 || isCi() ? {} : { skip: `needs ${missing.join(", ")}` };
}

/** Path of a program; throws MissingPeerError, and records the program as missing, when it is not there. */
export function peer(name: string): string {
  const path = find(name);
  if (path !== undefined) return path;
  recordMissing(name);
  throw new MissingPeerError(name);
}

/**
 * Path of the Go program in test/peers/<name>, built when its sources changed since the last time. Same as `peer` for
 * these programs; the name says at the call what to expect.
 */
export function goPeer(name: string): string {
  return peer(name);
}

/** A Go program whose sources are in this repository, or one of etcd's. */
export function isBuilt(name: string): boolean {
  return slowToBuild.includes(name) || existsSync(join(peersDir, name, "go.mod"));
}

function isCi(): boolean {
  return process.env["CI"] === "true";
}

function find(name: string): string | undefined {
  if (!isBuilt(name)) return onPath(name);
  // These take minutes the first time: that is test/run.ts's job, not a single test's.
  if (!slowToBuild.includes(name) && !bringUpToDate(name)) return undefined;
  const path = join(cacheDir(), name);
  return isExecutable(path) ? path : undefined;
}

function bringUpToDate(name: string): boolean {
  if (builtThisProcess.has(name)) return true;
  try {
    execFileSync("sh", [installScript, name], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    // Without Go the program is missing; with it, a program that does not compile is a bug of ours.
    if (onPath("go") === undefined) return false;
    throw error;
  }
  builtThisProcess.add(name);
  return true;
}

function cacheDir(): string {
  const cache = process.env["ETCD_TS_CACHE"] ?? join(homedir(), ".cache/etcd-ts");
  return join(cache, "peers/bin");
}

function onPath(name: string): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** test/run.ts names a file in the environment and reads it when all tests are over; elsewhere nothing is recorded. */
function recordMissing(name: string): void {
  const file = process.env["ETCD_TS_MISSING_PEERS"];
  if (file !== undefined) appendFileSync(file, `${name}\n`);
}
