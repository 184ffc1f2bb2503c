/** The script of `helm test`, as helm renders it: it passes against a member that works, and fails for each way in which one may not. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";

import { needs, peer } from "../support/peers.ts";
import {
  freePort,
  ourServer,
  type ServerCommand,
  ServerProcess,
} from "../support/server-process.ts";
import { projectDir } from "./chart-files.ts";
import { podSpecOf } from "./pod-rules.ts";
import { render, valueSets } from "./render.ts";

/** etcdctl-ts from its sources, as a shell script runs it. */
const client = `exec ${process.execPath} ${join(projectDir, "node/ctl/main.ts")} "$@"`;

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

suite("the script of helm test", needs("helm4"), () => {
  const directory = mkdtempSync(join(tmpdir(), "etcd-ts-helm-test-"));
  let command: readonly string[];
  let member: ServerProcess;

  before(async () => {
    const set = valueSets().find(({ name }) => name === "02-cluster");
    assert.ok(set);
    const pod = render(peer("helm4"), set).find(({ kind }) => kind === "Pod");
    const [container] = pod === undefined ? [] : (podSpecOf(pod)?.containers ?? []);
    command = [...(container?.["command"] as string[]), ...(container?.["args"] as string[])];
    member = new ServerProcess({
      command: ourServer() as ServerCommand,
      dataDirectory: join(directory, "data"),
      logFile: join(directory, "log"),
      clientPort: await freePort(),
      peerPort: await freePort(),
    });
    await member.ready();
  });

  after(async () => {
    await member.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Runs the script where `etcdctl-ts` is this shell script; waiting takes no time, as each look at the clock finds a minute gone. */
  function runWith(etcdctl: string): Outcome {
    const bin = mkdtempSync(join(directory, "bin-"));
    writeProgram(join(bin, "etcdctl-ts"), etcdctl);
    writeProgram(join(bin, "sleep"), "exit 0");
    writeProgram(
      join(bin, "date"),
      `echo x >> ${bin}/looks; echo $(($(wc -l < ${bin}/looks) * 60))`,
    );
    const [program = "", ...args] = command;
    const env = {
      PATH: `${bin}:/usr/bin:/bin`,
      HOSTNAME: "etcd-test",
      ETCDCTL_ENDPOINTS: `http://${member.address}`,
    };
    return spawnSync(program, args, { env, encoding: "utf8", timeout: 60_000 });
  }

  function writeProgram(path: string, script: string): void {
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }

  /** A client with one fault: what it does for one subcommand; all others go to the real one. */
  function withFault(subcommand: string, script: string): Outcome {
    return runWith(`[ "$1" = ${subcommand} ] && { ${script}; }\n${client}`);
  }

  test("passes against a member, again and again", () => {
    for (let round = 0; round < 2; round++) {
      const outcome = runWith(client);
      assert.equal(outcome.status, 0, outcome.stderr);
      assert.match(outcome.stdout, /^PASSED: /m);
    }
  });

  const faults: Readonly<
    Record<string, readonly [subcommand: string, script: string, told: RegExp]>
  > = {
    "nobody answers": ["endpoint", "exit 1", /not healthy after 180 s/],
    "a put is refused": ["put", "exit 1", /put helm-test/],
    "a put is lost": ["put", "echo OK; exit 0", /read '' where/],
    "a read is refused": ["get", "exit 1", /get helm-test/],
    "a read is old": ["get", "echo before; exit 0", /read 'before' where/],
    "a deletion is refused": ["del", "exit 1", /del helm-test/],
    "a deletion deletes nothing": ["del", "echo 0; exit 0", /deleted '0' keys/],
    "a deletion is lost": ["del", "echo 1; exit 0", /still there/],
  };
  for (const [what, [subcommand, script, told]] of Object.entries(faults)) {
    test(`fails loudly when ${what}`, () => {
      const outcome = withFault(subcommand, script);
      assert.notEqual(outcome.status, 0);
      assert.match(outcome.stderr, /^FAILED: /m);
      assert.match(outcome.stderr, told);
    });
  }
});
