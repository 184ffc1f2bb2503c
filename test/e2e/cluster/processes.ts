/**
 * The cluster's long-running processes. Each is the leader of its own process group, has a pid file and a log in the
 * state folder, outlives the program that started it, and is ended by its pid. A pid file also holds the process's start
 * time, so that a number that was given to another process after a reboot is never mistaken for ours.
 */
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "../support/run.ts";
import { until } from "../support/wait.ts";
import { inState } from "./layout.ts";

/** What is started under a name that no other process of the cluster has. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: Command;
  /** The file that the command names as its configuration; written before the start, and only when it differs. */
  readonly configuration?: { readonly path: string; readonly text: string };
}

interface PidRecord {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks since the boot. */
  readonly startTime: string;
  /** When it was started, by the wall clock. */
  readonly startedAtMs: number;
  readonly command: Command;
}

const pidFile = (name: string): string => inState("pids", `${name}.json`);
const logFile = (name: string): string => inState("logs", `${name}.log`);

/** Starts the process unless it runs already with the same command and configuration; otherwise it is replaced. */
export async function start(spec: ProcessSpec): Promise<void> {
  const running = runningRecord(spec.name);
  const isConfigured = hasConfiguration(spec);
  if (running !== undefined) {
    if (isConfigured && JSON.stringify(running.command) === JSON.stringify(spec.command)) return;
    await stop(spec.name);
  }
  // After the stop: kube-proxy ends by itself when it sees its file change.
  if (!isConfigured) writeFileSync(spec.configuration!.path, spec.configuration!.text);
  mkdirSync(inState("pids"), { recursive: true });
  mkdirSync(inState("logs"), { recursive: true });
  const log = openSync(logFile(spec.name), "a");
  const [program, ...args] = spec.command;
  const child = spawn(program, args, {
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  child.on("error", () => undefined);
  if (child.pid === undefined) throw new Error(`${program} could not be started`);
  child.unref();
  const record: PidRecord = {
    pid: child.pid,
    startTime: startTimeOf(child.pid),
    startedAtMs: Date.now(),
    command: spec.command,
  };
  writeFileSync(pidFile(spec.name), JSON.stringify(record));
}

/** Waits until the probe has nothing to miss. Throws with the end of the process's log when the process ends before. */
export async function ready(name: string, probe: () => Promise<string | undefined>): Promise<void> {
  try {
    await until(name, async () => {
      if (runningRecord(name) === undefined) throw new Error(`${name} ended`);
      return await probe();
    });
  } catch (error) {
    throw new Error(
      `${(error as Error).message}\nThe end of ${logFile(name)}:\n${logTail(name)}\n` +
        "After mending the cause, run up again: it starts only what is missing.",
    );
  }
}

/** The pid of a running process of the cluster. */
export function pidOf(name: string): number | undefined {
  return runningRecord(name)?.pid;
}

/** When a running process of the cluster was started, by the wall clock. */
export function startedAtMsOf(name: string): number | undefined {
  return runningRecord(name)?.startedAtMs;
}

/** Ends the process and all of its group: asked first, killed when it does not go within the grace time. */
export async function stop(name: string, graceMs = 10_000): Promise<void> {
  const record = readRecord(name);
  // The group's number cannot be given anew while a member is left, also when the leader is gone.
  if (record !== undefined && isOurs(record)) {
    if (graceMs > 0) signalGroup(record.pid, "SIGTERM");
    if (graceMs === 0 || !(await isGroupGone(record.pid, graceMs))) {
      signalGroup(record.pid, "SIGKILL");
      if (!(await isGroupGone(record.pid, 20_000)))
        throw new Error(`${name} (pid ${record.pid}) does not end on SIGKILL`);
    }
  }
  rmSync(pidFile(name), { force: true });
}

function hasConfiguration({ configuration }: ProcessSpec): boolean {
  if (configuration === undefined) return true;
  const { path, text } = configuration;
  return existsSync(path) && readFileSync(path, "utf8") === text;
}

/** The last lines of a process's log. */
function logTail(name: string): string {
  if (!existsSync(logFile(name))) return "(it wrote nothing)";
  return readFileSync(logFile(name), "utf8").trimEnd().split("\n").slice(-15).join("\n");
}

function runningRecord(name: string): PidRecord | undefined {
  const record = readRecord(name);
  return record !== undefined && isOurs(record) ? record : undefined;
}

function readRecord(name: string): PidRecord | undefined {
  if (!existsSync(pidFile(name))) return undefined;
  try {
    return JSON.parse(readFileSync(pidFile(name), "utf8")) as PidRecord;
  } catch {
    // Torn by a power cut: whatever it named is gone with it.
    return undefined;
  }
}

function isOurs(record: PidRecord): boolean {
  return record.startTime !== "" && startTimeOf(record.pid) === record.startTime;
}

/**
 * The fields of /proc/<pid>/stat from the third on, which is the state: the second, the name, may hold anything. Empty
 * for a process that is not there, or that ended and only waits to be collected.
 */
function statOf(pid: number | string): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? [] : fields;
  } catch {
    return [];
  }
}

const startTimeOf = (pid: number): string => statOf(pid)[19] ?? "";
const groupOf = (pid: string): number => Number(statOf(pid)[2] ?? "0");

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Ended meanwhile.
  }
}

/** The leader may be an nsenter, which ends before the program that it started. */
async function isGroupGone(group: number, withinMs: number): Promise<boolean> {
  const endMs = performance.now() + withinMs;
  while (performance.now() < endMs) {
    const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
    if (!pids.some((pid) => groupOf(pid) === group)) return true;
    await sleep(20);
  }
  return false;
}
