/**
 * One container by runc, as Kubernetes runs a restricted pod: a user that is not root, no capability, a root file system that cannot be
 * written, a memory limit, and a network namespace of its own in which only the loopback is. Nothing of a container runtime's daemon.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { attempt, type Outcome, run } from "../support/run.ts";

/** The number of the image's user. */
export const imageUser = 65532;

export interface ContainerOptions {
  readonly name: string;
  /** The image's files, not written to. */
  readonly rootDir: string;
  /** Folder for the configuration and the log. */
  readonly workDir: string;
  /** Mounted at /var/lib/etcd; belongs to the image's user. */
  readonly dataDir: string;
  readonly memoryBytes: number;
  readonly command: readonly string[];
}

export class Container {
  /** Of the first process, as the machine sees it. */
  readonly pid: number;
  readonly #name: string;
  readonly #runc: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(name: string, runc: ChildProcess, ended: Promise<unknown>, pid: number) {
    this.#name = name;
    this.#runc = runc;
    this.#ended = ended;
    this.pid = pid;
  }

  /** Resolves when the first process has been started. Its output goes to <workDir>/log. */
  static async start(options: ContainerOptions): Promise<Container> {
    const { name, workDir } = options;
    await run(["sh", "-c", 'cd "$1" && rm -f config.json && runc spec', "sh", workDir]);
    const configFile = join(workDir, "config.json");
    const defaults = JSON.parse(readFileSync(configFile, "utf8")) as RuntimeConfig;
    writeFileSync(configFile, JSON.stringify(restricted(defaults, options)));
    const pidFile = join(workDir, "pid");
    writeFileSync(pidFile, "");
    const log = openSync(join(workDir, "log"), "a");
    const args = ["run", "--bundle", workDir, "--pid-file", pidFile, name];
    const runc = spawn("runc", args, { stdio: ["ignore", log, log] });
    closeSync(log);
    const ended = once(runc, "exit");
    while (readFileSync(pidFile, "utf8") === "") {
      if (runc.exitCode !== null) {
        throw new Error(`no container: ${readFileSync(join(workDir, "log"), "utf8")}`);
      }
      await sleep(10);
    }
    return new Container(name, runc, ended, Number(readFileSync(pidFile, "utf8")));
  }

  /** Runs a program inside, as the image's user. */
  exec(...command: readonly string[]): Promise<Outcome> {
    return attempt(["runc", "exec", this.#name, ...command]);
  }

  /** Runs a program of the machine in the container's network. */
  inNetwork(program: string, ...args: readonly string[]): Promise<Outcome> {
    return attempt(["nsenter", "--target", String(this.pid), "--net", program, ...args]);
  }

  /** A file of /proc about the first process. */
  readProc(file: string): string {
    return readFileSync(`/proc/${this.pid}/${file}`, "utf8");
  }

  /** Sends the signal to the first process and waits for its end: the exit code, 128 and the signal's number where that ended it. */
  async stop(signal: "TERM" | "KILL"): Promise<number> {
    if (this.#runc.exitCode === null) await attempt(["runc", "kill", this.#name, signal]);
    await this.#ended;
    return this.#runc.exitCode ?? -1;
  }
}

/** The parts of the runtime's configuration that are set here; all others are runc's defaults, which mount the cgroup as Kubernetes does. */
interface RuntimeConfig {
  readonly process: object;
  readonly mounts: readonly object[];
  readonly linux: object;
}

function restricted(defaults: RuntimeConfig, options: ContainerOptions): object {
  const { name, rootDir, dataDir, memoryBytes, command } = options;
  return {
    ...defaults,
    hostname: name,
    root: { path: rootDir, readonly: true },
    process: {
      ...defaults.process,
      terminal: false,
      user: { uid: imageUser, gid: imageUser },
      args: command,
      env: ["PATH=/usr/local/bin:/usr/bin:/bin"],
      cwd: "/",
      capabilities: {},
      noNewPrivileges: true,
    },
    mounts: [
      ...defaults.mounts,
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev"] },
      { destination: "/var/lib/etcd", type: "bind", source: dataDir, options: ["rbind", "rw"] },
    ],
    linux: {
      ...defaults.linux,
      cgroupsPath: `/${name}`,
      resources: { memory: { limit: memoryBytes } },
    },
  };
}
