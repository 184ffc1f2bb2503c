/** The watches and leases of our client library, against a real etcd and against our server: what it gives must not depend on which. */
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Client } from "../../node/client/client.ts";
import {
  CompactedError,
  type WatchEvent,
  type WatchResponse,
} from "../../node/client/watch-types.ts";
import { toText } from "../../node/lib/bytes.ts";
import { needs, peer } from "../support/peers.ts";
import {
  freePort,
  ourServer,
  type ServerCommand,
  ServerProcess,
} from "../support/server-process.ts";

/** A member that comes back at the same address. */
class Member {
  readonly #command: ServerCommand;
  readonly #directory = mkdtempSync(join(tmpdir(), "etcd-ts-client-"));
  readonly #ports: Promise<readonly number[]>;
  #process: ServerProcess | undefined;

  constructor(command: ServerCommand) {
    this.#command = command;
    this.#ports = Promise.all([freePort(), freePort()]);
  }

  get address(): string {
    return (this.#process as ServerProcess).address;
  }

  async start(): Promise<void> {
    const [clientPort = 0, peerPort = 0] = await this.#ports;
    this.#process = new ServerProcess({
      command: this.#command,
      dataDirectory: join(this.#directory, "data"),
      logFile: join(this.#directory, "log"),
      clientPort,
      peerPort,
    });
    await this.#process.ready();
  }

  kill(): Promise<void> {
    return (this.#process as ServerProcess).stop("SIGKILL");
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

const plain = ({ type, kv, prevKv }: WatchEvent): string =>
  [type, toText(kv.key), toText(kv.value), prevKv === undefined ? "" : toText(prevKv.value)]
    .join(" ")
    .trimEnd();

/** Reads so many events, and leaves the watch. */
async function take(watch: AsyncIterable<WatchResponse>, count: number): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  for await (const response of watch) {
    events.push(...response.events);
    if (events.length >= count) break;
  }
  return events;
}

async function firstResponse(watch: AsyncIterable<WatchResponse>): Promise<WatchResponse> {
  for await (const response of watch) return response;
  throw new Error("the watch ended");
}

const sides: readonly (readonly [string, () => ServerCommand])[] = [
  ["etcd", () => [peer("etcd")]],
  ["our server", () => ourServer() as ServerCommand],
];

for (const [name, command] of sides) {
  describe(`the client with ${name}`, needs("etcd"), () => {
    let member: Member;
    let client: Client;
    before(async () => {
      member = new Member(command());
      await member.start();
      client = new Client({ endpoints: [member.address] });
    });
    after(async () => {
      client.close();
      await member.remove();
    });

    test("watches a prefix with what was there before", async () => {
      const watch = client.watch("a/", { isPrefix: true, prevKv: true });
      await watch.created;
      await client.put("a/1", "one");
      await client.put("b", "not this");
      await client.put("a/1", "two");
      await client.delete("a/1");
      assert.deepEqual((await take(watch, 3)).map(plain), [
        "put a/1 one",
        "put a/1 two one",
        "delete a/1  two",
      ]);
    });

    test("watches from a past revision, with filters", async () => {
      const { header } = await client.put("c", "1");
      await client.delete("c");
      await client.put("c", "2");
      const startRevision = header.revision;
      const puts = await take(client.watch("c", { startRevision, noDelete: true }), 2);
      assert.deepEqual(puts.map(plain), ["put c 1", "put c 2"]);
      const [deletion] = await take(client.watch("c", { startRevision, noPut: true }), 1);
      assert.equal(deletion?.kv.modRevision, startRevision + 1);
    });

    test("puts a response that came in parts together again", async () => {
      const watch = client.watch("large/", { isPrefix: true, fragment: true, startRevision: 1 });
      const value = "x".repeat(700_000);
      for (const key of ["1", "2", "3", "4", "5"]) await client.put(`large/${key}`, value);
      const all = client.watch("large/", { isPrefix: true, fragment: true, startRevision: 1 });
      for (const each of [watch, all]) {
        const events = await take(each, 5);
        assert.deepEqual(
          events.map(({ kv }) => toText(kv.key)),
          [1, 2, 3, 4, 5].map((at) => `large/${at}`),
        );
      }
    });

    test("is told of the progress that it asks for", async () => {
      const { header } = await client.put("d", "1");
      const watch = client.watch("nothing");
      await watch.created;
      watch.requestProgress();
      const response = await firstResponse(watch);
      assert.deepEqual(response.events, []);
      assert.ok(response.header.revision >= header.revision);
    });

    test("ends with the compacted revision when what it wants is gone", async () => {
      await client.put("e", "1");
      const { header } = await client.put("e", "2");
      await client.compact(header.revision);
      const watch = client.watch("e", { startRevision: 1 });
      await assert.rejects(take(watch, 1), (error: unknown) => {
        assert.ok(error instanceof CompactedError);
        assert.equal(error.compactRevision, header.revision);
        return true;
      });
    });

    test("goes on behind the last event when the member was killed", async () => {
      const watch = client.watch("f/", { isPrefix: true });
      await watch.created;
      const { header } = await client.put("f/0", "");
      const read = take(watch, 6);
      await client.put("f/1", "");
      await member.kill();
      await member.start();
      await client.connect({ deadlineMs: 10_000 });
      for (const key of ["2", "3", "4", "5"]) await client.put(`f/${key}`, "");
      const events = await read;
      assert.deepEqual(
        events.map(({ kv }) => [toText(kv.key), kv.modRevision - header.revision]),
        [0, 1, 2, 3, 4, 5].map((at) => [`f/${at}`, at]),
      );
    });

    test("ends when it is cancelled, while it waits and before it began", async () => {
      const stop = new AbortController();
      const watch = client.watch("g", { signal: stop.signal });
      await watch.created;
      const read = take(watch, 1);
      stop.abort();
      assert.deepEqual(await read, []);
      assert.deepEqual(await take(client.watch("g", { signal: AbortSignal.abort() }), 1), []);
    });

    test("grants, asks after, lists and revokes leases", async () => {
      const granted = await client.leaseGrant(100, { id: 77n });
      assert.deepEqual([granted.id, granted.ttlSeconds], [77n, 100]);
      await client.put("leased", "", { lease: 77n });
      const times = await client.leaseTimeToLive(77n, { keys: true });
      assert.equal(times.grantedTtlSeconds, 100);
      assert.deepEqual(times.keys.map(toText), ["leased"]);
      const own = await client.leaseGrant(60);
      const { ids } = await client.leases();
      assert.ok(ids.includes(77n) && ids.includes(own.id));
      assert.equal((await client.leaseKeepAliveOnce(77n)).ttlSeconds, 100);
      await client.leaseRevoke(77n);
      assert.equal(await client.get("leased"), undefined);
      assert.equal((await client.leaseTimeToLive(77n)).ttlSeconds, -1);
      const missing = { code: 5, text: "etcdserver: requested lease not found" };
      await assert.rejects(client.leaseKeepAliveOnce(77n), missing);
      await assert.rejects(client.leaseRevoke(77n), missing);
    });

    test("keeps a lease alive until it is stopped, over a restart, though nobody reads", async () => {
      await client.leaseGrant(3, { id: 88n });
      const keeping = client.leaseKeepAlive(88n);
      const renewals = keeping[Symbol.asyncIterator]();
      assert.equal((await renewals.next()).value?.id, 88n);
      await member.kill();
      await member.start();
      await new Promise((done) => setTimeout(done, 6000));
      assert.ok((await client.leaseTimeToLive(88n)).ttlSeconds > 0);
      keeping.stop();
      assert.equal(await keeping.ended, "stopped");
    });

    test("learns that a lease is lost", async () => {
      await client.leaseGrant(2, { id: 99n });
      const keeping = client.leaseKeepAlive(99n);
      await keeping[Symbol.asyncIterator]().next();
      await client.leaseRevoke(99n);
      assert.equal(await keeping.ended, "lost");
      const left = [];
      for await (const renewal of keeping) left.push(renewal);
      assert.ok(left.length <= 1);
    });
  });
}
