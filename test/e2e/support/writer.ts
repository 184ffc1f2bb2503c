/** A writer on an EtcdCluster, as a process in the network of its pods: writer/main.ts. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TargetsOptions } from "../writer/targets.ts";
import type { Verdict, WriterLine } from "../writer/writer-line.ts";
import { inNamespace } from "./kubectl.ts";
import { until } from "./wait.ts";

const program = join(import.meta.dirname, "../writer/main.ts");
const judgeMs = 120_000;

export class Writer {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #stderr = "";
  #acknowledged = 0;
  #isResting = false;
  #verdict: Verdict | undefined;

  /** Starts at once, and writes as soon as a member is ready. */
  constructor({ namespace, cluster, application }: TargetsOptions) {
    const [command, ...args] = inNamespace([
      process.execPath,
      program,
      `--namespace=${namespace}`,
      `--cluster=${cluster}`,
      ...(application === undefined ? [] : [`--application=${application}`]),
    ]);
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#ended = once(this.#child, "close");
    const { stdout, stderr } = this.#child;
    assert.ok(stdout !== null && stderr !== null);
    createInterface(stdout).on("line", (line) => this.#take(JSON.parse(line) as WriterLine));
    stderr.on("data", (text: Buffer) => {
      this.#stderr += text.toString();
    });
  }

  /** Waits for so many more operations to be acknowledged. */
  async works(operations = 20): Promise<void> {
    const goal = this.#acknowledged + operations;
    await until(`${operations} operations of the writer`, async () => {
      assert.equal(this.#child.exitCode, null, `the writer has ended: ${this.#stderr}`);
      return this.#acknowledged >= goal ? undefined : `${this.#acknowledged} of ${goal}`;
    });
  }

  /** Has it write no more. Its verdict is given by `stop`, about the cluster of then. */
  async rest(): Promise<void> {
    this.#child.stdin?.write("rest\n");
    await until("the writer's rest", async () => {
      assert.equal(this.#child.exitCode, null, `the writer has ended: ${this.#stderr}`);
      return this.#isResting ? undefined : "it waits for answers";
    });
  }

  /** Stops it and gives its verdict. */
  async stop(): Promise<Verdict> {
    this.#child.stdin?.end();
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), judgeMs);
    await this.#ended;
    clearTimeout(kill);
    assert.ok(this.#verdict !== undefined, `the writer gave no verdict: ${this.#stderr}`);
    return this.#verdict;
  }

  /** Without a verdict, after a story has failed. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #take(line: WriterLine): void {
    if ("verdict" in line) this.#verdict = line.verdict;
    else if ("resting" in line) this.#isResting = true;
    else this.#acknowledged = line.progress.acknowledged;
  }
}

/** The figures, a line each. */
export function textOf({ counts, ledger, events, writeGapMs, fresh }: Verdict): readonly string[] {
  return [
    `${counts.acknowledged} operations acknowledged, ${counts.unknown} ambiguous, ${counts.failed} failed; longest time without a write ${writeGapMs} ms`,
    `${ledger} keys found again on every member, ${events} operations judged; ${fresh.done} connections of their own, ${fresh.failures.length} more failed`,
  ];
}

/** What is wrong, with the errors that the writer met; empty when nothing is. */
export function problemsOf({ problems, errors, fresh }: Verdict): readonly string[] {
  return problems.length === 0 ? [] : [...problems, ...errors, ...fresh.failures];
}

/** Nothing failed and nothing was ambiguous: for what nobody may notice. */
export function assertUnnoticed({ counts, errors, fresh }: Verdict): void {
  const seen = { unknown: counts.unknown, failed: counts.failed, errors, fresh: fresh.failures };
  assert.deepEqual(seen, { unknown: 0, failed: 0, errors: [], fresh: [] });
}
