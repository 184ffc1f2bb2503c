/** Real etcdctl against a real etcd and against our server: both do the same, and what they print must be the same. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { diff, mask } from "../conformance/compare.ts";
import { ServerPair } from "../conformance/pair.ts";
import { peer } from "../support/peers.ts";

const waitMs = 60_000;
const quietMs = 150;

/** An id that a server chose: 16 hexadecimal digits in texts, a number in JSON. */
const masks: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{16}\b/g, "LEASE"],
  [/"(id|ID)":\d+/g, '"$1":LEASE'],
  [/"ID" : \d+/g, '"ID" : LEASE'],
  [/"(lease|Lease)"( ?: ?)[1-9]\d*/g, '"$1"$2LEASE'],
  [/"(raft_term|RaftTerm)"( ?: ?)\d+/g, '"$1"$2TERM'],
  // What is left of a lease.
  [/remaining\(\d+s\)/g, "remaining(LEFT)"],
  [/("ttl"|"TTL")( ?: ?)\d+(, ?"granted|\n"Granted)/g, "$1$2LEFT$3"],
];

function masked(output: string): string {
  let text = output;
  for (const [pattern, replacement] of masks) text = text.replace(pattern, replacement);
  return text;
}

/** A program that goes on until it is told to end. */
export class Running {
  private readonly child: ChildProcess;
  private readonly address: string;
  private stdout = "";
  private stderr = "";
  private code: string | undefined;

  constructor(command: readonly string[], address: string) {
    const [program = "", ...args] = command;
    this.address = address;
    this.child = spawn(program === "etcdctl" ? peer("etcdctl") : program, args, {
      env: { PATH: process.env["PATH"] ?? "", ETCDCTL_ENDPOINTS: address, LC_ALL: "C.UTF-8" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.stdout += chunk.toString("utf8");
    });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString("utf8");
    });
    this.child.once("close", (code, signal) => {
      this.code = signal ?? String(code);
    });
  }

  get output(): string {
    return this.stdout;
  }

  get errors(): string {
    return masked(mask(this.stderr, this.address));
  }

  /** One line for its standard input. */
  write(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** Resolves when it has printed so many lines that match, errors among them, and no more follows. */
  async until(pattern: RegExp, count = 1): Promise<void> {
    const lines = new RegExp(pattern, "gm");
    const matches = (): number => (this.stdout + this.stderr).match(lines)?.length ?? 0;
    const deadline = performance.now() + waitMs;
    while (matches() < count) {
      if (this.code !== undefined || performance.now() > deadline) {
        this.child.kill("SIGKILL");
        throw new Error(`no ${String(pattern)} in:\n${this.stdout}${this.stderr}`);
      }
      await sleep(20);
    }
    // A line may be the first of several that belong together.
    for (let length = -1; length !== this.stdout.length; ) {
      ({ length } = this.stdout);
      await sleep(quietMs);
    }
  }

  /** Ends it, unless it ends by itself, and returns what it has printed. */
  async stop(signal: "SIGINT" | "SIGKILL" = "SIGKILL"): Promise<string> {
    this.child.kill(signal);
    await this.ended();
    return masked(this.stdout);
  }

  /** Its exit code and all that it has printed, when it ends by itself. */
  async ended(): Promise<string> {
    const deadline = performance.now() + waitMs;
    while (this.code === undefined) {
      if (performance.now() > deadline) {
        this.child.kill("SIGKILL");
        throw new Error(`it does not end:\n${this.stdout}${this.stderr}`);
      }
      await sleep(20);
    }
    const { errors } = this;
    return `exit ${this.code}\n${masked(this.stdout)}${errors === "" ? "" : `[stderr]\n${errors}`}`;
  }
}

/** Etcdctl for one of the two servers. */
export class Etcdctl {
  private readonly address: string;
  readonly running: Running[] = [];

  constructor(address: string) {
    this.address = address;
  }

  start(...args: readonly string[]): Running {
    const running = new Running(["etcdctl", ...args], this.address);
    this.running.push(running);
    return running;
  }

  /** Exit code and output. */
  run(...args: readonly string[]): Promise<string> {
    return this.start(...args).ended();
  }

  /** Runs a command that must succeed. */
  async do(...args: readonly string[]): Promise<string> {
    const running = this.start(...args);
    const ended = await running.ended();
    assert.match(ended, /^exit 0\n/, args.join(" "));
    return running.output;
  }

  /** The hexadecimal id of a new lease. */
  async grant(ttl: number): Promise<string> {
    const [, id] =
      /lease ([0-9a-f]+) granted/.exec(await this.do("lease", "grant", String(ttl))) ?? [];
    assert(id !== undefined);
    return id;
  }
}

export class EtcdctlPair {
  private readonly servers: ServerPair;

  private constructor(servers: ServerPair) {
    this.servers = servers;
  }

  static async start(flags: readonly string[] = []): Promise<EtcdctlPair> {
    return new EtcdctlPair(await ServerPair.start(flags));
  }

  /** Does it on both, and compares the texts that come of it. */
  async same(act: (etcdctl: Etcdctl) => Promise<string | readonly string[]>): Promise<void> {
    const { etcd, ours } = this.servers;
    const outputs = await Promise.all(
      [etcd, ours].map(async ({ address }) => {
        const etcdctl = new Etcdctl(address);
        try {
          return [await act(etcdctl)].flat().join("\n---\n");
        } finally {
          for (const running of etcdctl.running) await running.stop();
        }
      }),
    );
    const [expected = "", actual = ""] = outputs;
    const difference = diff(expected, actual);
    assert.equal(difference, "", `what is printed differs (- etcd, + ours)\n${difference}`);
    assert.notEqual(expected.trim(), "", "nothing is printed");
  }

  /** The commands one after the other. */
  async sameLines(...commands: readonly (readonly string[])[]): Promise<void> {
    for (const command of commands) await this.same((etcdctl) => etcdctl.run(...command));
  }

  async stop(): Promise<void> {
    await this.servers.stop();
  }
}
