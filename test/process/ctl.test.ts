/**
 * etcdctl-ts and the real etcdctl, the same command lines, each against a member of ours that is known by the same peer URL: outputs,
 * errors and exit codes must be equal.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import { sections } from "../conformance/commands.ts";
import { diff, mask } from "../conformance/compare.ts";
import { needs } from "../support/peers.ts";
import { ctlSections, deviations } from "./ctl-commands.ts";
import { leaseSections } from "./ctl-lease-commands.ts";
import { CtlPair, maskLeases } from "./ctl-pair.ts";

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function runShell(
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

function comparable({ code, stdout, stderr }: Outcome, address: string): string {
  const text = `exit ${String(code)}\n${stdout}[stderr]\n${errorsOf(stderr)}`;
  return maskLeases(mask(text, address));
}

/** The other sections of that file are about the server; these show all that etcdctl prints. */
const shared = [
  "an empty store",
  "put",
  "errors of put",
  "get of one key",
  "errors of get",
  "txn",
  "the member",
];

describe("etcdctl-ts prints what etcdctl prints", needs("etcdctl"), () => {
  let pair: CtlPair;

  before(async () => {
    pair = await CtlPair.start();
  });
  after(() => pair.stop());

  for (const { title, lines } of [
    ...sections.filter((section) => shared.includes(section.title)),
    ...ctlSections,
    ...leaseSections,
  ]) {
    test(title, async () => {
      const differences: string[] = [];
      const compared = lines.filter((line) => !deviations.some((each) => line.includes(each)));
      for (const line of compared) {
        const outcomes = pair.sides.map(async ({ program, address }) => {
          const named = line.replaceAll("ADDRESS", address);
          const env: Record<string, string> = line.includes("--endpoints")
            ? {}
            : { ETCDCTL_ENDPOINTS: address };
          return comparable(await runShell(named, dirname(program), env), address);
        });
        const [expected = "", actual = ""] = await Promise.all(outcomes);
        const difference = diff(expected, actual);
        if (difference !== "") differences.push(`$ ${line}\n${difference}`);
      }
      const heading = `${differences.length} of ${compared.length} commands differ (- etcdctl, + etcdctl-ts)`;
      assert.equal(differences.length, 0, `${heading}\n\n${differences.join("\n\n")}`);
    });
  }
});
