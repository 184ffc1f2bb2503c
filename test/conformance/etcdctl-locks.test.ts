/**
 * Real etcdctl's `lock` and `elect`, which bring their rules with them and need transactions, watches and leases of the server: the same
 * outputs against a real etcd and against ours.
 */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needs, peer } from "../support/peers.ts";
import { ServerPair } from "./pair.ts";

/** Keys end with leases that the servers chose. */
const mask = (text: string): string => text.replace(/\/[0-9a-f]{14,}/g, "/LEASE");
const patienceMs = 30_000;

/** One etcdctl that runs until it is told to end. */
class Ctl {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #closed: Promise<unknown[]>;
  #out = "";

  constructor(address: string, ...args: readonly string[]) {
    this.#child = spawn(peer("etcdctl"), args, {
      env: { ...process.env, ETCDCTL_ENDPOINTS: address },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (chunk: Buffer): void => {
      this.#out += chunk.toString("utf8");
    };
    this.#child.stdout.on("data", keep);
    this.#child.stderr.on("data", keep);
    this.#closed = once(this.#child, "close");
  }

  /** Without what its client says of a request that the signal cut off: whether one was under way is luck. */
  get out(): string {
    const lines = this.#out.split("\n");
    return mask(
      lines.filter((line) => !/"logger":"etcd-client".*context canceled/.test(line)).join("\n"),
    );
  }

  /** Waits for so many lines. */
  async lines(count: number): Promise<void> {
    const until = performance.now() + patienceMs;
    while (this.#out.split("\n").length <= count) {
      assert.ok(performance.now() < until, `etcdctl said only: ${this.#out}`);
      await sleep(10);
    }
  }

  async end(signal?: NodeJS.Signals): Promise<string> {
    if (signal !== undefined) this.#child.kill(signal);
    const [code, by] = await this.#closed;
    return `${this.out}[exit ${String(code)}, signal ${String(by)}]`;
  }
}

type Side = (...args: readonly string[]) => Ctl;

async function keysBelow(ctl: Side, prefix: string, count: number): Promise<void> {
  for (const until = performance.now() + patienceMs; ; await sleep(10)) {
    const out = await ctl("get", "--prefix", prefix, "--keys-only").end();
    if (out.split("\n\n").length - 1 === count) return;
    assert.ok(performance.now() < until, `not ${count} keys: ${out}`);
  }
}

async function commands(ctl: Side): Promise<string[]> {
  const said = [];
  for (const args of [
    ["lock", "a", "--", "sh", "-c", "echo $ETCD_LOCK_KEY $ETCD_LOCK_REV"],
    ["lock", "a", "--", "sh", "-c", "exit 7"],
    ["lock", "a", "/no/such/program"],
    ["lock", "--ttl", "x", "a", "true"],
    ["lock"],
    ["elect", "a"],
    ["elect", "-l", "a", "b"],
    ["get", "--prefix", "a/"],
  ])
    said.push(await ctl(...args).end());
  return said;
}

async function contenders(ctl: Side): Promise<string[]> {
  const first = ctl("lock", "b");
  await first.lines(2);
  const second = ctl("lock", "b");
  await keysBelow(ctl, "b/", 2);
  const third = ctl("lock", "b", "-w", "fields");
  await keysBelow(ctl, "b/", 3);
  const waiting = [second.out, third.out];
  const ends = [await first.end("SIGINT")];
  await second.lines(2);
  ends.push(third.out, await second.end("SIGTERM"));
  await third.lines(11);
  const fields = third.out.replace(/"(RaftTerm|Lease)" : \d+/g, '"$1" : N');
  await third.end("SIGINT");
  await keysBelow(ctl, "b/", 0);
  return [...waiting, ...ends, fields];
}

async function killedHolder(ctl: Side): Promise<string[]> {
  const holder = ctl("lock", "--ttl", "2", "c");
  await holder.lines(2);
  const heir = ctl("lock", "c", "echo", "mine");
  await keysBelow(ctl, "c/", 2);
  return [await holder.end("SIGKILL"), await heir.end()];
}

async function election(ctl: Side): Promise<string[]> {
  const observer = ctl("elect", "-l", "d");
  const first = ctl("elect", "d", "one");
  await first.lines(2);
  await observer.lines(2);
  const late = ctl("elect", "-l", "d");
  await late.lines(2);
  const second = ctl("elect", "d", "two");
  await keysBelow(ctl, "d/", 2);
  const waiting = second.out;
  const ends = [await first.end("SIGINT")];
  await second.lines(2);
  await observer.lines(4);
  await late.lines(4);
  ends.push(await observer.end("SIGINT"), await second.end("SIGTERM"));
  ends.push(await late.end("SIGINT"));
  return [waiting, ...ends];
}

test("etcdctl locks and elects as with etcd", needs("etcd", "etcdctl"), async () => {
  const pair = await ServerPair.start();
  try {
    for (const story of [commands, contenders, killedHolder, election]) {
      const [etcd, ours] = await Promise.all(
        [pair.etcd, pair.ours].map(({ address }) => story((...args) => new Ctl(address, ...args))),
      );
      assert.deepEqual(ours, etcd, story.name);
    }
  } finally {
    await pair.stop();
  }
});
