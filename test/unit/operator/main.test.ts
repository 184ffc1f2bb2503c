/** The operator as a process, against the fake API server on a socket: probes, signals and exit codes. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { processClock, processTimers } from "../../../operator/kernel/process-ports.ts";
import { FakeApi } from "../../operator/fake-api.ts";
import { FakeApiServer } from "../../operator/fake-api-server.ts";
import { kinds } from "../../operator/operator-lab.ts";

const main = join(import.meta.dirname, "../../../operator/main.ts");
const lease = { resource: kinds.leases, namespace: "operators", name: "etcd-ts-operator" };

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly port?: number;
}

class OperatorProgram {
  readonly lines: Line[] = [];
  errors = "";
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(args: readonly string[]) {
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let rest = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.take(line);
    });
    child.stdout.resume();
    this.ended = new Promise((resolve) => child.once("close", resolve));
    this.child = child;
  }

  async until(msg: string): Promise<Line> {
    for (;;) {
      const found = this.lines.find((line) => line.msg === msg);
      if (found !== undefined) return found;
      assert.equal(this.child.exitCode, null, `it has ended: ${this.errors}`);
      await delay(20);
    }
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.child.kill(signal);
  }

  private take(line: string): void {
    if (line.startsWith("{")) this.lines.push(JSON.parse(line) as Line);
    else this.errors += `${line}\n`;
  }
}

async function withOperator(
  story: (program: OperatorProgram, api: FakeApi) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "etcd-ts-operator-"));
  const api = new FakeApi({ clock: processClock, timers: processTimers }, Object.values(kinds));
  const server = new FakeApiServer(api);
  await server.listen();
  const kubeconfig = join(dir, "kubeconfig");
  writeFileSync(kubeconfig, server.kubeConfig);
  const program = new OperatorProgram([
    `--kubeconfig=${kubeconfig}`,
    "--default-image=etcd-ts:1",
    "--leader-election-namespace=operators",
    "--metrics-address=127.0.0.1:0",
  ]);
  try {
    await story(program, api);
  } finally {
    program.kill("SIGKILL");
    await program.ended;
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

test("it leads, works, is ready, and ends with 0 upon SIGTERM, with the lease given back", async () => {
  await withOperator(async (program, api) => {
    const { port } = await program.until("starting");
    await program.until("leading");
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    assert.deepEqual([ready.status, await ready.text()], [200, "ok: leading\n"]);
    program.kill("SIGTERM");
    assert.equal(await program.ended, 0);
    const { holderIdentity } = api.store.get(lease)["spec"] as { holderIdentity: string };
    assert.equal(holderIdentity, "");
    assert.deepEqual(
      program.lines.filter(({ level }) => level === "error"),
      [],
    );
  });
});

test("it ends with 1 when somebody else holds the lease", async () => {
  await withOperator(async (program, api) => {
    await program.until("leading");
    const live = api.store.get(lease);
    const spec = { ...(live["spec"] as object), holderIdentity: "somebody" };
    const target = { ...lease, subresource: "", manager: "somebody" };
    api.store.update(target, { ...live, spec }, "update");
    assert.equal(await program.ended, 1);
    assert.ok(program.lines.some(({ msg }) => msg === "leadership lost"));
    const after = api.store.get(lease)["spec"] as { holderIdentity: string };
    assert.equal(after.holderIdentity, "somebody");
  });
});

test("a mistake on the command line ends it with 2 and one line", async () => {
  const program = new OperatorProgram([
    "--workers=many",
    "--default-image=x",
    "--leader-election-namespace=y",
  ]);
  assert.equal(await program.ended, 2);
  assert.match(
    program.errors,
    /^etcd-ts-operator: --workers: expected a number from 1 to 64, not many\n$/,
  );
});

test("a kubeconfig that is not there is a mistake, too", async () => {
  const file = "--kubeconfig=/nonexistent/kubeconfig";
  const program = new OperatorProgram([file, "--default-image=x", "--leader-election-namespace=y"]);
  assert.equal(await program.ended, 2);
  assert.match(program.errors, /--kubeconfig/);
});
