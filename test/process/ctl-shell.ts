/** Command lines of etcdctl and etcdctl-ts in a shell, and what they print as a text that can be compared. */
import { spawn } from "node:child_process";
import { mask } from "../conformance/compare.ts";
import { maskLeases } from "./ctl-pair.ts";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The first program in `programs` is found before those of the system. */
export function runShell(
  line: string,
  programs: string,
  env: Readonly<Record<string, string>>,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const shell = spawn("sh", ["-c", line], {
      env: { PATH: `${programs}:${process.env["PATH"] ?? ""}`, LC_ALL: "C.UTF-8", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    shell.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    shell.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    shell.once("error", reject);
    shell.once("close", (code) => {
      const [stdout = "", stderr = ""] = [out, err].map((each) => Buffer.concat(each).toString());
      resolve({ code, stdout, stderr });
    });
  });
}

const flagError =
  /^Error: (unknown (shorthand )?flag|flag needs|invalid argument|bad flag|unknown command)/;

/** etcdctl logs what its client does, and prints the usage of a command, in its own words, with the errors of flags. */
function errorsOf(stderr: string): string {
  const lines = stderr.replaceAll("etcdctl-ts", "etcdctl").split("\n");
  const wrongFlag = lines.find((line) => flagError.test(line));
  return wrongFlag ?? lines.filter((line) => !line.startsWith('{"level":')).join("\n");
}

/** All that a person sees, without what differs from run to run. */
export function comparable({ code, stdout, stderr }: Outcome, address: string): string {
  const text = `exit ${String(code)}\n${stdout}[stderr]\n${errorsOf(stderr)}`;
  return maskLeases(mask(text, address));
}
