/** All outputs of a log: what the flags name, and one write for the lines of an event-loop turn. */
import { writeSync } from "node:fs";
import { FileOutput } from "./file-output.ts";
import { checkJournal, journalPrefix } from "./journal.ts";
import { type LineOutput, levelNumbers, type OutputTroubles } from "./line-output.ts";
import type { LogSettings } from "./settings.ts";
import { StreamOutput } from "./stream-output.ts";

const stdout = { name: "stdout", fd: 1 };
const stderr = { name: "stderr", fd: 2 };
/** It discards all, also what other outputs would have had (etcd's MergeOutputPaths). */
const nowhere = "/dev/null";

/** Throws when one of them cannot be opened. Names that mean the same are one. */
export function openOutputs(
  { outputs, rotation }: LogSettings,
  unixMs: () => number,
  onLost: (output: string, lines: number) => void,
): Outputs {
  const troubles: OutputTroubles = { failed: tellOnStderr, recovered: onLost };
  if (outputs.includes(nowhere)) return new Outputs([]);
  const names = new Set(outputs.map((name) => (name === "default" ? "stderr" : name)));
  const open = (name: string): LineOutput => {
    if (name === "stderr") return new StreamOutput(stderr, troubles);
    if (name === "stdout") return new StreamOutput(stdout, troubles);
    if (name !== "systemd/journal")
      return new FileOutput({ path: name, rotation, unixMs, troubles });
    checkJournal(process.env, stderr.fd);
    return new StreamOutput(stderr, troubles, journalPrefix);
  };
  return new Outputs([...names].map(open));
}

/** Once for each series of failures: the log itself may be what is broken. */
function tellOnStderr(output: string, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  try {
    writeSync(stderr.fd, `etcd-ts: cannot write the log to ${output}: ${reason}\n`);
  } catch {
    // Nobody is left to be told.
  }
}

export class Outputs {
  private readonly outputs: readonly LineOutput[];
  private isSendScheduled = false;
  private readonly onExit = (): void => this.flush();
  private isClosed = false;

  constructor(outputs: readonly LineOutput[]) {
    this.outputs = outputs;
    process.on("exit", this.onExit);
  }

  /** `line`: with its line break. An error is written at once, because the process may be about to die; the rest at the end of the turn. */
  add(line: string, level: number): void {
    if (this.isClosed) return;
    for (const output of this.outputs) output.add(line, level);
    if (level >= levelNumbers.error) {
      this.send();
    } else if (!this.isSendScheduled) {
      this.isSendScheduled = true;
      setImmediate(this.send);
    }
  }

  private readonly send = (): void => {
    this.isSendScheduled = false;
    if (this.isClosed) return;
    for (const output of this.outputs) output.send();
  };

  /** Synchronous: all lines are out, unless a reader does not read. */
  flush(): void {
    if (this.isClosed) return;
    for (const output of this.outputs) output.flush();
  }

  /** Lines that come after it are dropped. Waits for the compression of old files. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.flush();
    this.isClosed = true;
    process.off("exit", this.onExit);
    await Promise.all(this.outputs.map((output) => output.close()));
  }
}
