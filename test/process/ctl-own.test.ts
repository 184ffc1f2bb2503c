/** What etcdctl-ts does that etcdctl does not, or not so well: against a member of ours that comes and goes. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { freePort, ourServer, ServerProcess } from "../support/server-process.ts";
import { type Outcome, type RunOptions, runCtl } from "../unit/ctl/run.ts";

describe("etcdctl-ts and a member of its own", () => {
  const directory = mkdtempSync(join(tmpdir(), "etcd-ts-ctl-own-"));
  let member: ServerProcess;
  let ports: readonly number[];

  const start = async (): Promise<void> => {
    const command = ourServer();
    assert(command !== undefined);
    const [clientPort = 0, peerPort = 0] = ports;
    member = new ServerProcess({
      command,
      dataDirectory: join(directory, "data"),
      logFile: join(directory, "log"),
      clientPort,
      peerPort,
    });
    await member.ready();
  };

  const ctl = (line: string, options: RunOptions = {}): Promise<Outcome> =>
    runCtl(line.split(" "), {
      ...options,
      env: { ETCDCTL_ENDPOINTS: `127.0.0.1:${ports[0]}`, ...options.env },
    });

  /** Of a command that must succeed. */
  const printed = async (line: string): Promise<string> => {
    const { code, stdout, stderr } = await ctl(line);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" }, line);
    return stdout;
  };

  const until = async (line: string, pattern: RegExp): Promise<void> => {
    while (!pattern.test((await ctl(line)).stdout));
  };

  before(async () => {
    ports = [await freePort(), await freePort()];
    await start();
  });
  after(async () => {
    await member.stop("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  test("compaction --keep keeps the last revisions, a revision as argument is meant as that revision", async () => {
    for (let count = 0; count < 9; count += 1) await printed(`put kept ${count}`);
    const nothing = /^nothing to compact/;
    assert.match(await printed("compaction --keep 10"), nothing);
    assert.match(await printed("compaction --keep=99999999999"), nothing);
    assert.equal(await printed("compaction 3"), "compacted revision 3\n");
    assert.equal(await printed("get kept --rev=3"), "kept\n1\n");
    assert.equal(await printed("compaction --keep 3"), "compacted revision 7\n");
    assert.equal(await printed("get kept --rev=7"), "kept\n5\n");
    assert.match((await ctl("get kept --rev=6")).stderr, /has been compacted/);
    assert.match(await printed("compaction --keep 3 --physical"), nothing);
    assert.equal(await printed("compaction --keep 0 --physical"), "compacted revision 10\n");
    assert.equal((await ctl("compaction 9 --keep 1")).code, 128);
    assert.equal((await ctl("compaction --keep=-1")).code, 128);
    assert.match(await printed("compaction --help"), /does not keep the last 3 revisions/);
  });

  test("a lock and an office go with their lease at once when the command ends", async () => {
    const run = await ctl("lock mutex program", {
      execute: async (words, env) => {
        assert.deepEqual(words, ["program"]);
        const keys = await printed("get mutex/ --prefix --keys-only");
        assert.equal(keys, `${env["ETCD_LOCK_KEY"]}\n\n`);
        return { code: 3, error: "exit status 3" };
      },
    });
    assert.deepEqual(run, { code: 3, stdout: "", stderr: "Error: exit status 3\n" });
    for (const command of ["lock mutex -w table", "elect mutex me -w table"])
      assert.equal((await ctl(command)).code, 4);
    const interrupted = AbortSignal.abort();
    assert.equal((await ctl("elect mutex -l", { interrupted })).code, 0);
    assert.equal(await printed("get mutex/ --prefix"), "");
    assert.equal(await printed("lease list"), "found 0 leases\n");
  });

  test("whoever waits for a lock gets it although the member restarts meanwhile", async () => {
    const holder = new AbortController();
    const waiter = new AbortController();
    const first = ctl("lock restart", { interrupted: holder.signal });
    await until("get restart/ --prefix --keys-only", /restart/);
    const second = ctl("lock restart", { interrupted: waiter.signal });
    await until("get restart/ --prefix --keys-only", /restart[^]*restart/);
    const listener = new AbortController();
    const leaders = ctl("elect -l restart", { interrupted: listener.signal });
    await member.stop("SIGKILL");
    await start();
    holder.abort();
    assert.equal((await first).code, 0);
    await until("get restart/ --prefix --count-only -w fields", /"Count" : 1$/m);
    waiter.abort();
    const { code, stderr, stdout } = await second;
    // It may have been told to end before it knew that the lock was its own.
    assert(code === 0 ? stdout.startsWith("restart/") : stderr === "Error: context canceled\n");
    assert.equal(await printed("get restart/ --prefix"), "");
    listener.abort();
    assert.equal((await leaders).code, 0);
  });

  test("a watch that begins before there is a member, and goes on when it comes back", async () => {
    await member.stop("SIGKILL");
    const seen: string[] = [];
    const watch = ctl("watch again -- program", {
      execute: async (_words, env) => {
        seen.push(env["ETCD_WATCH_VALUE"] ?? "");
        return seen.length < 2 ? { code: 0, error: "" } : { code: 1, error: "exit status 1" };
      },
    });
    await start();
    // When it has begun is not told.
    while (seen.length === 0) await printed("put again one");
    await member.stop("SIGKILL");
    await start();
    while (seen.length < 2) await printed("put again two");
    const { code, stderr } = await watch;
    assert.deepEqual([code, stderr], [1, 'command ["program"] error (exit status 1)\n']);
    assert.match(String(seen), /^"one","(one|two)"$/);
  });
});
