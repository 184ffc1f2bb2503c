/** The Lock and Election services of a real etcd and of our server: the same answers, errors and events to the same script of calls. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { goPeer, needs } from "../support/peers.ts";
import { ServerPair } from "./pair.ts";

const execute = promisify(execFile);

async function answersOf(address: string): Promise<unknown[]> {
  const { stdout } = await execute(goPeer("locks"), [address], { timeout: 120_000 });
  const lines = stdout.trimEnd().split("\n");
  return lines.map((line): unknown => JSON.parse(line));
}

test("locks and elections answer and fail as etcd's", needs("etcd", "locks"), async () => {
  const pair = await ServerPair.start();
  try {
    const [etcd, ours] = await Promise.all([
      answersOf(pair.etcd.address),
      answersOf(pair.ours.address),
    ]);
    assert.deepEqual(ours, etcd);
    assert.ok(etcd.length >= 100, `the script made ${etcd.length} calls`);
  } finally {
    await pair.stop();
  }
});
