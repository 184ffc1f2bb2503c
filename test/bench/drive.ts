/** One run of the load generator against servers that are watched meanwhile: it does not outlive them. */
import type { ServerTls } from "../support/server-process.ts";
import { tlsClientFlags } from "./certificates.ts";
import { runLoad } from "./load-generator.ts";
import { type LoadReport, problemsOf } from "./load-report.ts";

/** A server, or several, as far as a run must know. */
export interface Watched {
  /** How it died; undefined while it runs. */
  obituary: () => string | undefined;
}

/** What a run tells, and what ends it early. */
export interface Listener {
  progress: (text: string) => void;
  signal: AbortSignal;
}

/** How often a server is looked at while the load generator works. */
const watchMs = 100;
const readyTimeoutSeconds = 300;

/** Runs the load generator; ends it when the server is gone, or when the turn is to end. */
export async function drive(
  listener: Listener,
  server: Watched,
  args: readonly string[],
): Promise<LoadReport> {
  const gone = new AbortController();
  const watch = setInterval(() => {
    if (server.obituary() !== undefined) gone.abort();
  }, watchMs);
  const signal = AbortSignal.any([listener.signal, gone.signal]);
  const onProgress = (line: string) => listener.progress(`${args[0] ?? ""}: ${line}`);
  try {
    return await runLoad({ args, onProgress, signal });
  } finally {
    clearInterval(watch);
  }
}

/** The revision, once the server answers a linearizable read. */
export async function probe(
  listener: Listener,
  server: Watched & { target: string; tls?: ServerTls | undefined },
): Promise<number> {
  const flags = [
    `--target=${server.target}`,
    `--duration=${readyTimeoutSeconds}s`,
    ...tlsClientFlags(server.tls),
  ];
  const report = await drive(listener, server, ["probe", ...flags]);
  const problems = problemsOf({ ...report, measured: 1 });
  if (problems.length > 0) throw new Error(problems.join("; "));
  return report.revisionAfter;
}
