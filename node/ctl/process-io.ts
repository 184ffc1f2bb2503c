/** The process as etcdctl-ts sees it: arguments, environment, standard input and outputs. */
import { resolveSrv } from "node:dns/promises";
import { readFileSync } from "node:fs";
import type { ServiceRecord } from "./discovery.ts";
import { type Ended, runProgram } from "./program.ts";
import { rawText } from "./raw-text.ts";

export interface Io {
  /** Bytes that are no UTF-8 stand as raw-text.ts says. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** Pieces of standard input. */
  input(): AsyncIterable<Uint8Array>;
  /** Lets go of standard input, even while somebody waits for it. */
  closeInput(): void;
  sleep(ms: number): Promise<void>;
  /** Runs a program that writes to our outputs and has no input. */
  execute(words: readonly string[], env: Io["env"]): Promise<Ended>;
  /** SRV records of a name in DNS. Rejects with an error of node:dns. */
  lookUpServices(name: string): Promise<readonly ServiceRecord[]>;
  /** Aborted by the first SIGINT or SIGTERM from now on; the second one ends the process. */
  interrupted(): AbortSignal;
}

export function processIo(): Io {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // The reader has gone (`| head`): what SIGPIPE does to other programs.
      process.exit(error.code === "EPIPE" ? 141 : 1);
    });
  }
  return {
    args: rawArguments(),
    env: process.env,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    input: () => process.stdin as AsyncIterable<Uint8Array>,
    closeInput: () => process.stdin.destroy(),
    execute: runProgram,
    lookUpServices: resolveSrv,
    interrupted,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
}

function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      process.removeAllListeners("SIGINT").removeAllListeners("SIGTERM");
      controller.abort();
    });
  return controller.signal;
}

/**
 * Node decodes arguments and puts U+FFFD where a byte is no UTF-8; Linux still has the bytes. Elsewhere they are lost.
 */
function rawArguments(): readonly string[] {
  const decoded = process.argv.slice(2);
  if (!decoded.some((argument) => argument.includes("\ufffd"))) return decoded;
  let line: Buffer;
  try {
    line = readFileSync("/proc/self/cmdline");
  } catch {
    return decoded;
  }
  // Every argument ends with a zero byte.
  const raw: string[] = [];
  for (let at = 0; at < line.length; ) {
    const end = line.indexOf(0, at);
    raw.push(rawText(line.subarray(at, end)));
    at = end + 1;
  }
  return raw.slice(-decoded.length);
}
