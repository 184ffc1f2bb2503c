import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runDev } from "../../dev/dev.ts";
import { DevCluster } from "../../dev/dev-cluster.ts";
import { paintNothing } from "../../dev/log-line.ts";
import type { DevMember } from "../../dev/members.ts";
import { freePort, type ServerCommand } from "../../support/server-process.ts";

const fake: ServerCommand = [process.execPath, join(import.meta.dirname, "fake-member.ts")];

async function threeMembers(): Promise<DevMember[]> {
  const members: DevMember[] = [];
  for (const name of ["infra1", "infra2", "infra3"]) {
    members.push({ name, clientPort: await freePort(), peerPort: await freePort() });
  }
  return members;
}

/** Resolves when the member has answered so often. */
async function healthy({ clientPort }: DevMember, times = 1): Promise<void> {
  for (let seen = 0; seen < times; ) {
    const answer = await fetch(`http://127.0.0.1:${clientPort}/health`).catch(() => undefined);
    if (answer?.ok === true) seen += 1;
    await new Promise((soon) => setTimeout(soon, 50));
  }
}

/** A run of three fake members; `signal` stands for Ctrl-C. */
async function start({
  flags = [] as readonly string[],
  dataDir = undefined as string | undefined,
}) {
  const members = await threeMembers();
  const lines: string[] = [];
  const waiting: { readonly pattern: RegExp; readonly found: () => void }[] = [];
  let signal = (): void => {};
  const code = runDev(
    { members: 3, dataDir, memberFlags: flags },
    {
      command: fake,
      members,
      environment: { ...process.env, ETCD_NAME: "not-mine" },
      paint: paintNothing,
      print: (line) => {
        lines.push(line);
        for (const { pattern, found } of waiting) if (pattern.test(line)) found();
      },
      onSignal: (handler) => {
        signal = handler;
      },
    },
  );
  const seen = (pattern: RegExp): Promise<void> =>
    new Promise((found) => {
      if (lines.some((line) => pattern.test(line))) found();
      else waiting.push({ pattern, found });
    });
  return { members, lines, code, seen, signal: () => signal() };
}

test("three members start with etcd's flags, are told to be ready, and stop one by one", async () => {
  const { members, lines, code, seen, signal } = await start({ flags: ["--snapshot-count=7"] });
  await seen(/^ready; endpoints: /);
  const endpoints = members.map(({ clientPort }) => `127.0.0.1:${clientPort}`).join();
  assert.ok(lines.includes(`ready; endpoints: ${endpoints}`));
  assert.ok(lines.includes(`  etcdctl --endpoints=${endpoints} put greeting hello`));
  signal();
  assert.equal(await code, 0);
  const cluster = members
    .map(({ name, peerPort }) => `${name}=http://127.0.0.1:${peerPort}`)
    .join();
  for (const { name } of members) {
    const flags =
      lines.find((line) => line.startsWith(`${name} | 03:04:05.678 INFO  flags all=`)) ?? "";
    assert.ok(flags.includes(`"--initial-cluster=${cluster}"`), flags);
    assert.ok(flags.includes('"--snapshot-count=7"'), flags);
    assert.ok(flags.endsWith("shadowing=null"), flags);
  }
  const ends = lines.filter((line) => /stopping$|ended/.test(line));
  assert.deepEqual(
    ends,
    members.flatMap(({ name }) => [
      `${name} | 03:04:05.678 INFO  stopping`,
      `${name} | ended with exit code 0`,
    ]),
  );
  const [, dataDir = ""] = /their data is in (.*)/.exec(lines[0] ?? "") ?? [];
  assert.notEqual(dataDir, "");
  assert.equal(existsSync(dataDir), false);
});

test("a member that ends is told with its exit code, and the others run on", async () => {
  const { lines, code, seen, signal } = await start({ flags: ["--log-level=broken"] });
  await seen(/^infra2 \| ended with exit code 7$/);
  await Promise.all([seen(/^infra1 \| .*flags/), seen(/^infra3 \| .*flags/)]);
  signal();
  assert.equal(await code, 0);
  assert.ok(lines.includes("infra1 | ended with exit code 0"));
  assert.ok(!lines.some((line) => line.startsWith("ready")));
});

test("when all have ended by themselves, so does the runner, with a code that says so", async () => {
  const members = await threeMembers();
  const lines: string[] = [];
  const code = await runDev(
    { members: 3, dataDir: undefined, memberFlags: [] },
    {
      command: ["/nonexistent/program"],
      members,
      environment: {},
      paint: paintNothing,
      print: (line) => lines.push(line),
      onSignal: () => {},
    },
  );
  assert.equal(code, 1);
  assert.equal(lines.filter((line) => /could not be started: .*ENOENT/.test(line)).length, 3);
  assert.equal(lines.at(-1), "no member runs any more");
});

test("a data directory that was asked for stays, with one folder a member", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "etcd-ts-dev-test-"));
  try {
    const { lines, code, seen, signal } = await start({ dataDir: join(dataDir, "new") });
    await seen(/^ready/);
    signal();
    assert.equal(await code, 0);
    assert.equal(existsSync(join(dataDir, "new")), true);
    const flag = `"--data-dir=${join(dataDir, "new", "infra2")}"`;
    assert.ok(lines.some((line) => line.startsWith("infra2") && line.includes(flag)));
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test("the same Ctrl-C that comes twice counts once", async () => {
  const { lines, code, seen, signal } = await start({});
  await seen(/^ready/);
  signal();
  signal();
  assert.equal(await code, 0);
  assert.ok(!lines.includes("killing the members"));
  assert.ok(lines.includes("infra3 | ended with exit code 0"));
});

test("a member that does not stop is killed when its time is over", async () => {
  const ends: string[] = [];
  const members = await threeMembers();
  const cluster = new DevCluster({
    command: fake,
    members,
    dataDir: tmpdir(),
    flags: ["--log-level=stubborn"],
    environment: process.env,
    onLine: () => {},
    onEnd: (at, how) => ends.push(`${at} ${how}`),
    stopWithinMs: 100,
  });
  assert.equal(await cluster.ready(), true);
  await cluster.stop();
  assert.deepEqual(ends, ["0 ended by SIGKILL", "1 ended by SIGKILL", "2 ended by SIGKILL"]);
});

test("Ctrl-C of the terminal reaches no member by itself", async () => {
  const cluster = new DevCluster({
    command: fake,
    members: await threeMembers(),
    dataDir: tmpdir(),
    flags: [],
    environment: process.env,
    onLine: () => {},
    onEnd: () => {},
  });
  await cluster.ready();
  // A process group of that number exists, so the member leads one of its own.
  for (const pid of cluster.pids) assert.equal(process.kill(-pid!, 0), true);
  cluster.kill();
  await cluster.ended();
});

test("while one member is not healthy the cluster is not ready; all can be killed at once", async () => {
  const members = await threeMembers();
  const cluster = new DevCluster({
    command: fake,
    members,
    dataDir: tmpdir(),
    flags: ["--log-level=mute"],
    environment: process.env,
    onLine: () => {},
    onEnd: () => {},
  });
  let isReady: boolean | undefined;
  const ready = cluster.ready().then((is) => {
    isReady = is;
  });
  for (const at of [0, 2]) await healthy(members[at]!);
  // Long enough for it to have asked all of them again.
  await healthy(members[2]!, 5);
  assert.equal(isReady, undefined);
  cluster.kill();
  await cluster.ended();
  await ready;
  assert.equal(isReady, false);
});
