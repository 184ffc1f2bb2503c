/** Programs that watch and lock run, and how they end in the words of Go's os/exec, which etcdctl prints. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { quote } from "./go-text.ts";

export interface Ended {
  /** Exit code, 255 after a signal, and 1 for a program that could not be started. */
  readonly code: number;
  /** Empty for success. */
  readonly error: string;
}

/** Resolves when the program has ended. It writes to the outputs of this process, and finds the end of its input at once. */
export function runProgram(
  [program = "", ...args]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { ...env },
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.once("error", (error: NodeJS.ErrnoException) =>
      resolve({ code: 1, error: startError(program, error) }),
    );
    child.once("exit", (code, signal) => resolve(endOf(code, signal)));
  });
}

/** Go looks for a program without a slash in PATH itself. */
function startError(program: string, error: NodeJS.ErrnoException): string {
  if (!program.includes("/")) return `exec: ${quote(program)}: executable file not found in $PATH`;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "no such file or directory",
    EACCES: "permission denied",
  };
  return `fork/exec ${program}: ${reasons[error.code ?? ""] ?? error.message}`;
}

function endOf(code: number | null, signal: NodeJS.Signals | null): Ended {
  if (signal !== null) {
    const name = signalNames[signal] ?? `signal ${constants.signals[signal]}`;
    return { code: 255, error: `signal: ${name}` };
  }
  return { code: code ?? 1, error: code === 0 ? "" : `exit status ${code}` };
}

const signalNames: Readonly<Partial<Record<NodeJS.Signals, string>>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGQUIT: "quit",
  SIGILL: "illegal instruction",
  SIGTRAP: "trace/breakpoint trap",
  SIGABRT: "aborted",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGKILL: "killed",
  SIGUSR1: "user defined signal 1",
  SIGSEGV: "segmentation fault",
  SIGUSR2: "user defined signal 2",
  SIGPIPE: "broken pipe",
  SIGALRM: "alarm clock",
  SIGTERM: "terminated",
};
