/** Real etcdctl against a real etcd and against our server: what it prints must be the same. The commands are in commands.ts. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { describe, test } from "node:test";
import { needs, peer } from "../support/peers.ts";
import { sections } from "./commands.ts";
import { diff, mask } from "./compare.ts";
import { ServerPair } from "./pair.ts";

/** Debian's, which is 3.4: what it does not know it refuses, on both sides alike. */
const debianEtcdctl = "/usr/bin/etcdctl";

/** Exit code, standard output and standard error of one shell command, as text to compare. */
function runShell(line: string, etcdctl: string, address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = {
      PATH: `${dirname(etcdctl)}:${process.env["PATH"] ?? ""}`,
      ETCDCTL_ENDPOINTS: address,
      // Later versions know no other, and say so.
      ...(etcdctl === debianEtcdctl ? { ETCDCTL_API: "3" } : {}),
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

const clients = [
  { title: "etcdctl", path: () => peer("etcdctl"), options: needs("etcd", "etcdctl") },
  {
    title: "Debian's etcdctl",
    path: () => debianEtcdctl,
    options: existsSync(debianEtcdctl)
      ? needs("etcd")
      : { skip: `needs ${debianEtcdctl} (apt-get install etcd-client)` },
  },
];

for (const { title: client, path, options } of clients) {
  describe(`${client} sees no difference between etcd and our server`, options, async () => {
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
            runShell(line, path(), pair.etcd.address),
            runShell(line, path(), pair.ours.address),
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
  });
}
