/** Real etcdctl against a real etcd and against our server: what it prints must be the same. The commands are in commands.ts. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { describe, test } from "node:test";
import { needs, peer } from "../support/peers.ts";
import { sections } from "./commands.ts";
import { diff, mask } from "./compare.ts";
import { ServerPair } from "./pair.ts";

/** Exit code, standard output and standard error of one shell command, as text to compare. */
function runShell(line: string, address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = {
      PATH: `${dirname(peer("etcdctl"))}:${process.env["PATH"] ?? ""}`,
      ETCDCTL_ENDPOINTS: address,
      LC_ALL: "C.UTF-8",
    };
    const shell = spawn("sh", ["-c", line], { env, stdio: ["ignore", "pipe", "pipe"] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    shell.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    shell.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    shell.once("error", reject);
    shell.once("close", (code) => {
      const [stdout, stderr] = [out, err].map((chunks) =>
        mask(Buffer.concat(chunks).toString("utf8"), address),
      );
      resolve(`exit ${String(code)}\n${stdout}${stderr === "" ? "" : `[stderr]\n${stderr}`}`);
    });
  });
}

describe(
  "etcdctl sees no difference between etcd and our server",
  needs("etcd", "etcdctl"),
  async () => {
    let pair: ServerPair | undefined;
    test("both servers start", async () => {
      pair = await ServerPair.start();
    });
    for (const { title, lines } of sections) {
      test(title, async () => {
        assert(pair !== undefined, "the servers did not start");
        const differences: string[] = [];
        for (const line of lines) {
          const [expected, actual] = await Promise.all([
            runShell(line, pair.etcd.address),
            runShell(line, pair.ours.address),
          ]);
          const difference = diff(expected, actual);
          if (difference !== "") differences.push(`$ ${line}\n${difference}`);
        }
        const heading = `${differences.length} of ${lines.length} commands differ (- etcd, + ours)`;
        assert.equal(differences.length, 0, `${heading}\n\n${differences.join("\n\n")}`);
      });
    }
    test("both servers stop", async () => {
      await pair?.stop();
    });
  },
);
