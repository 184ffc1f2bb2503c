/**
 * The member processes of `npm run dev`: started together, their lines handed on, waited for until all are healthy, stopped one after the other.
 * Each is the leader of a process group of its own: the terminal's Ctrl-C must reach only the runner, as a second signal kills a member that stops.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { get } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerCommand } from "../support/server-process.ts";
import { type DevMember, flagsOf } from "./members.ts";

export interface DevClusterOptions {
  readonly command: ServerCommand;
  readonly members: readonly DevMember[];
  readonly dataDir: string;
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A member wrote a line to standard output or standard error. */
  readonly onLine: (member: number, line: string) => void;
  /** A member has ended: how, for a person. Its lines have all been handed on. */
  readonly onEnd: (member: number, how: string) => void;
  /** How long a member has to stop before it is killed. */
  readonly stopWithinMs?: number;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  hasEnded: boolean;
}

export class DevCluster {
  readonly #options: DevClusterOptions;
  readonly #running: readonly Running[];
  #isStopping = false;

  constructor(options: DevClusterOptions) {
    this.#options = options;
    this.#running = options.members.map((member, at) => this.#start(member, at));
    // None outlives the process that started it, as long as that can still do something.
    const killAll = (): void => this.kill();
    process.once("exit", killAll);
    void this.ended().then(() => process.removeListener("exit", killAll));
  }

  /** Process ids by member; undefined for one that could not be started. */
  get pids(): readonly (number | undefined)[] {
    return this.#running.map(({ child }) => child.pid);
  }

  /** Resolves when no member runs any more. */
  async ended(): Promise<void> {
    await Promise.all(this.#running.map(({ ended }) => ended));
  }

  /** True as soon as all are healthy at a time; false when that cannot come about, as one has ended or all are being stopped. */
  async ready(): Promise<boolean> {
    for (;;) {
      if (this.#isStopping || this.#running.some(({ hasEnded }) => hasEnded)) return false;
      const healthy = await Promise.all(
        this.#options.members.map(({ clientPort }) => isHealthy(clientPort)),
      );
      if (healthy.every((isOne) => isOne)) return true;
      await sleep(100);
    }
  }

  /** Stops the members in their order, each only when the one before it has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const { stopWithinMs = 15_000 } = this.#options;
    for (const one of this.#running) {
      if (one.hasEnded) continue;
      one.child.kill("SIGTERM");
      const late = setTimeout(() => one.child.kill("SIGKILL"), stopWithinMs);
      await one.ended;
      clearTimeout(late);
    }
  }

  /** Ends all of them at once, without any order. */
  kill(): void {
    for (const { child, hasEnded } of this.#running) if (!hasEnded) child.kill("SIGKILL");
  }

  #start(member: DevMember, at: number): Running {
    const { command, members, environment, onLine, onEnd } = this.#options;
    const [program, ...first] = command;
    const child = spawn(program, [...first, ...flagsOf(member, members, this.#options)], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: memberEnvironment(environment),
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream, crlfDelay: Infinity }).on("line", (line) => {
        onLine(at, line);
      });
    }
    const running: Running = {
      child,
      hasEnded: false,
      ended: new Promise((resolve) => {
        const end = (how: string): void => {
          if (running.hasEnded) return;
          running.hasEnded = true;
          onEnd(at, how);
          resolve();
        };
        child.once("error", (error) => end(`could not be started: ${error.message}`));
        // "close" comes when both pipes are read to their ends.
        child.once("close", (code, signal) => {
          end(signal === null ? `ended with exit code ${String(code)}` : `ended by ${signal}`);
        });
      }),
    };
    return running;
  }
}

/** Options of members come by flags only: a variable of the same name would be refused, or would count for all of them. */
const memberEnvironment = (
  environment: Readonly<Record<string, string | undefined>>,
): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !name.startsWith("ETCD_") || name.startsWith("ETCD_TS_"),
    ),
  );

function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const url = `http://127.0.0.1:${port}/health`;
    const request = get(url, { timeout: 2000, agent: false }, (response) => {
      response.resume();
      response.once("close", () => resolve(response.statusCode === 200));
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
  });
}
