/** A logger over files of a directory of its own, and child processes that log. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { constants, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type MemberLogger, openLogger } from "../../../node/log/logger.ts";
import type { LogSettings } from "../../../node/log/settings.ts";

export const moment = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export function logDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "etcd-ts-log-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export const settings = (changes: Partial<LogSettings> = {}): LogSettings => ({
  level: "info",
  format: "json",
  outputs: ["default"],
  rotation: undefined,
  ...changes,
});

/** What `use` has logged into a file, as lines. */
export async function linesOf(
  t: TestContext,
  changes: Partial<LogSettings>,
  use: (logger: MemberLogger) => void,
): Promise<string[]> {
  const path = join(logDir(t), "etcd.log");
  const logger = await openLogger(settings({ outputs: [path], ...changes }), () => moment);
  use(logger);
  await logger.close();
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

export const logFolder = join(import.meta.dirname, "../../../node/log");

/** Runs `script` in a process of its own, with `logger` opened. */
export function runLogging(
  t: TestContext,
  script: string,
  changes: Partial<LogSettings> = {},
  isReadLate = false,
): Promise<Ended> {
  const opening = `
    import { openLogger } from ${JSON.stringify(join(logFolder, "logger.ts"))};
    const logger = await openLogger(${JSON.stringify(settings(changes))}, () => Date.now());`;
  return runScript(t, `${opening}\n${script}`, isReadLate);
}

/**
 * Runs a module in a process of its own. Its outputs are pipes, as a container runtime makes them; `spawn` would make sockets. `isReadLate`: standard error is
 * not read before something stands on standard output.
 */
export async function runScript(
  t: TestContext,
  script: string,
  isReadLate: boolean,
): Promise<Ended> {
  const dir = logDir(t);
  const open = (name: string): Socket => {
    const path = join(dir, name);
    execFileSync("mkfifo", [path]);
    return new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) });
  };
  const streams = { stdout: open("stdout"), stderr: open("stderr") };
  const shell = `exec "$0" --input-type=module -e "$1" >${dir}/stdout 2>${dir}/stderr`;
  const child = spawn("sh", ["-c", shell, process.execPath, script], { stdio: "ignore" });
  const texts = { stdout: "", stderr: "" };
  const read = (name: "stdout" | "stderr"): void => {
    streams[name].on("data", (chunk: Buffer) => {
      texts[name] += chunk.toString();
    });
  };
  read("stdout");
  if (isReadLate) streams.stdout.once("data", () => read("stderr"));
  else read("stderr");
  const ended = Object.values(streams).map((stream) => once(stream, "close"));
  const [code] = (await once(child, "exit")) as [number | null];
  await Promise.all(ended);
  return { ...texts, code };
}
