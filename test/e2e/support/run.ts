/**
 * Runs a program to its end: what it printed, or an error that shows the command and what it said.
 */
import { spawn } from "node:child_process";

/** A program and its arguments, never interpreted by a shell. */
export type Command = readonly [program: string, ...args: string[]];

export interface RunOptions {
  /** Written to the program's standard input, which is empty otherwise. */
  readonly input?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The program is killed after this long; default two minutes. */
  readonly timeoutMs?: number;
}

/** How a program ended. */
export interface Outcome {
  /** Its exit code; -1 when a signal ended it or it could not be started. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command; a failure is a value. */
export function attempt(command: Command, options: RunOptions = {}): Promise<Outcome> {
  const [program, ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...options.env },
      timeout: options.timeoutMs ?? 120_000,
      killSignal: "SIGKILL",
      stdio: ["pipe", "pipe", "pipe"],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    const end = (code: number, note = ""): void =>
      resolve({
        code,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString() + note,
      });
    child.on("error", (error) => end(-1, error.message));
    child.on("close", (code, signal) =>
      end(code ?? -1, signal === null ? "" : `ended by ${signal}`),
    );
    // A program that ends without reading its input is judged by its exit code.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });
}

/** Runs the command and returns what it printed. Throws when it fails. */
export async function run(command: Command, options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await attempt(command, options);
  if (code === 0) return stdout;
  throw new Error(`${command.join(" ")}\n  ended with ${code}: ${said({ stdout, stderr })}`);
}

/** What a program said last: its complaint if there is one. */
export function said({ stdout, stderr }: Pick<Outcome, "stdout" | "stderr">): string {
  const text = stderr.trim() === "" ? stdout.trim() : stderr.trim();
  return text === "" ? "(nothing)" : text;
}
