import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { KvConnection } from "../support/kv-connection.ts";
import { freePort, ourServer } from "../support/server-process.ts";
import { DevCluster } from "./dev-cluster.ts";
import type { DevMember } from "./members.ts";

/** What a run of the members leaves behind: their lines and how they ended. */
interface Seen {
  readonly lines: string[];
  readonly ends: string[];
}

function start(members: readonly DevMember[], dataDir: string, flags: readonly string[]) {
  const seen: Seen = { lines: [], ends: [] };
  const cluster = new DevCluster({
    command: ourServer()!,
    members,
    dataDir,
    flags,
    environment: process.env,
    onLine: (at, line) => seen.lines.push(`${members[at]!.name} ${line}`),
    onEnd: (at, how) => seen.ends.push(`${members[at]!.name} ${how}`),
  });
  return { cluster, seen };
}

async function valuesAt(member: DevMember): Promise<Record<string, string>> {
  const connection = new KvConnection(`127.0.0.1:${member.clientPort}`);
  try {
    const { keys } = await connection.everything();
    return Object.fromEntries([...keys].map(([key, { value }]) => [key, value]));
  } finally {
    connection.close();
  }
}

async function put(member: DevMember, key: string, value: string): Promise<void> {
  const connection = new KvConnection(`127.0.0.1:${member.clientPort}`);
  try {
    await connection.put(key, value);
  } finally {
    connection.close();
  }
}

const orderly = ["infra1", "infra2", "infra3"].map((name) => `${name} ended with exit code 0`);

test("three real members serve as one cluster, and again from their data, whatever flags say of its birth then", async () => {
  const members: DevMember[] = [];
  for (const name of ["infra1", "infra2", "infra3"]) {
    members.push({ name, clientPort: await freePort(), peerPort: await freePort() });
  }
  const dataDir = mkdtempSync(join(tmpdir(), "etcd-ts-dev-test-"));
  const clusters: DevCluster[] = [];
  try {
    const first = start(members, dataDir, []);
    clusters.push(first.cluster);
    assert.equal(await first.cluster.ready(), true, first.seen.lines.slice(-20).join("\n"));
    for (const member of members) await put(member, `by-${member.name}`, "x");
    const all = { "by-infra1": "x", "by-infra2": "x", "by-infra3": "x" };
    for (const member of members) assert.deepEqual(await valuesAt(member), all);
    await first.cluster.stop();
    assert.deepEqual(first.seen.ends, orderly);
    // They have their logs, so nobody asks DNS, where nothing would be found.
    const flags = ["--initial-cluster=", "--discovery-srv=cluster.invalid"];
    const again = start(members, dataDir, [...flags, "--initial-cluster-state=existing"]);
    clusters.push(again.cluster);
    assert.equal(await again.cluster.ready(), true, again.seen.lines.slice(-20).join("\n"));
    for (const member of members) assert.deepEqual(await valuesAt(member), all);
    await again.cluster.stop();
    assert.deepEqual(again.seen.ends, orderly);
  } finally {
    for (const cluster of clusters) cluster.kill();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
