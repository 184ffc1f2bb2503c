/** Runs the load generator, a Go program built from test/peers/load, and hands on its progress lines. */
import { spawn } from "node:child_process";
import { goPeer } from "../support/peers.ts";
import { type LoadReport, parseLoadReport } from "./load-report.ts";

export interface LoadRun {
  args: readonly string[];
  onProgress: (line: string) => void;
  /** Ends the program early; the run then rejects. */
  signal: AbortSignal;
}

/** One run of it. Rejects when it fails, with the last lines it wrote. */
export async function runLoad({ args, onProgress, signal }: LoadRun): Promise<LoadReport> {
  const child = spawn(goPeer("load"), [...args], { stdio: ["ignore", "pipe", "pipe"], signal });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
    for (const line of text.trimEnd().split("\n")) onProgress(line);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) {
    throw new Error(`load ${args[0] ?? ""}: ${err.trimEnd().split("\n").slice(-3).join("; ")}`);
  }
  return parseLoadReport(out);
}
