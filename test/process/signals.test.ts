/** What a member makes of signals. */
import assert from "node:assert/strict";
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
