import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const dir = mkdtempSync(join(tmpdir(), "etcd-ts-processes-"));
process.env["ETCD_TS_E2E"] = dir;
// The state folder is read from the environment when the module is loaded.
const { pidOf, ready, start, stop } = await import("../../../e2e/cluster/processes.ts");

const names = ["one", "two", "configured", "pair", "reused", "short"];
after(async () => {
  for (const name of names) await stop(name, 0);
  rmSync(dir, { recursive: true });
});

const isAlive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

test("a process is started once, and again when its command differs", async () => {
  await start({ name: "one", command: ["sleep", "1000"] });
  const pid = pidOf("one")!;
  await start({ name: "one", command: ["sleep", "1000"] });
  assert.equal(pidOf("one"), pid);
  await start({ name: "one", command: ["sleep", "1001"] });
  assert.notEqual(pidOf("one"), pid);
  assert.equal(isAlive(pid), false);
});

test("a process whose configuration differs is started anew, after the file was written", async () => {
  const path = join(dir, "configuration");
  const spec = { name: "configured", command: ["sleep", "1000"] as const };
  await start({ ...spec, configuration: { path, text: "a" } });
  const pid = pidOf("configured")!;
  await start({ ...spec, configuration: { path, text: "a" } });
  assert.equal(pidOf("configured"), pid);
  await start({ ...spec, configuration: { path, text: "b" } });
  assert.notEqual(pidOf("configured"), pid);
  assert.equal(readFileSync(path, "utf8"), "b");
});

test("a process that was killed is started again", async () => {
  await start({ name: "two", command: ["sleep", "1000"] });
  const pid = pidOf("two")!;
  process.kill(pid, "SIGKILL");
  while (pidOf("two") !== undefined) await sleep(5);
  await start({ name: "two", command: ["sleep", "1000"] });
  assert.notEqual(pidOf("two"), pid);
});

test("stopping ends a child that ignores the request, and whose leader went first", async () => {
  const child = "trap '' TERM; echo $$ > child; while :; do sleep 0.1; done";
  await start({ name: "pair", command: ["sh", "-c", `cd ${dir}; sh -c "$0" & wait`, child] });
  const childPid = await numberIn(join(dir, "child"));
  await stop("pair", 200);
  assert.equal(isAlive(childPid), false);
  assert.equal(pidOf("pair"), undefined);
});

test("a pid file of before a reboot does not end the process that has the number now", async () => {
  await start({ name: "one", command: ["sleep", "1001"] });
  const pid = pidOf("one")!;
  const record = JSON.parse(readFileSync(join(dir, "pids/one.json"), "utf8"));
  writeFileSync(join(dir, "pids/reused.json"), JSON.stringify({ ...record, startTime: "1" }));
  assert.equal(pidOf("reused"), undefined);
  await stop("reused", 0);
  assert.equal(isAlive(pid), true);
});

test("a process that ends before it is ready is told with the end of its log", async () => {
  await start({ name: "short", command: ["sh", "-c", "echo no such flag >&2; exit 1"] });
  await assert.rejects(
    ready("short", async () => "nothing yet"),
    /short ended[^]*short\.log[^]*no such flag/,
  );
});

async function numberIn(path: string): Promise<number> {
  for (;;) {
    try {
      const text = readFileSync(path, "utf8");
      if (text.endsWith("\n")) return Number(text);
    } catch {
      // Not written yet.
    }
    await sleep(5);
  }
}
