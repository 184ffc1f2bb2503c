/** What a member makes of signals. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  freePort,
  ourServer,
  type ServerCommand,
  ServerProcess,
} from "../support/server-process.ts";

const projectRoot = join(import.meta.dirname, "../..");
const asModule = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`;

test("one SIGINT that comes by two ways, from the terminal and from npm, is one: the member stops in order", async () => {
  const directory = mkdtempSync(join(tmpdir(), "etcd-ts-signals-"));
  const logFile = join(directory, "log");
  const member = new ServerProcess({
    command: ourServer() as ServerCommand,
    dataDirectory: join(directory, "data"),
    logFile,
    clientPort: await freePort(),
    peerPort: await freePort(),
  });
  try {
    await member.ready();
    member.signal("SIGINT");
    member.signal("SIGINT");
    await member.stop("SIGTERM");
    assert.equal(member.end, "exited with code 0");
    assert.match(readFileSync(logFile, "utf8"), /"closed etcd server"/);
  } finally {
    await member.stop("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
});

for (const main of ["node/main.ts", "operator/main.ts"]) {
  test(`${main} ends in order by a SIGTERM that comes before its large part is loaded, also as process 1`, () => {
    // Process 1 has no default action; any other process would be ended by the signal itself, which tells the two apart here.
    const hook = `import { registerHooks } from "node:module";
      registerHooks({ load(url, context, next) {
        if (url.endsWith("/run.ts")) process.kill(process.pid, "SIGTERM");
        return next(url, context);
      } });`;
    const { status, signal, stderr } = spawnSync(
      process.execPath,
      ["--import", asModule(hook), join(projectRoot, main), "--help"],
      {
        // The process would replace itself, and the hook be gone.
        env: { PATH: process.env["PATH"], ETCD_TS_HEAP_LIMITED: "by the test" },
        encoding: "utf8",
        timeout: 60_000,
        killSignal: "SIGKILL",
      },
    );
    assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
  });
}
