/** /health, /livez, /readyz and the listeners of --listen-metrics-urls: our members answer as real etcds do, in every state of health. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:http2";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseExposition } from "../conformance/exposition.ts";
import { needs, peer } from "../support/peers.ts";
import {
  freePort,
  ourServer,
  type ServerCommand,
  type ServerOptions,
  ServerProcess,
} from "../support/server-process.ts";
import { ask, type Story, tellStory } from "./health-story.ts";

const chapterNames = [
  "alone",
  "alarm NOSPACE",
  "alarm CORRUPT",
  "learner",
  "voter",
  "without a quorum",
  "started without a quorum",
];

describe("a member's health is told as etcd tells it", needs("etcd"), () => {
  const directory = mkdtempSync(join(tmpdir(), "etcd-ts-health-"));
  let etcd: Story;
  let ours: Story;
  before(async () => {
    [etcd, ours] = await Promise.all([
      tellStory([peer("etcd")], join(directory, "etcd")),
      tellStory(ourServer() as ServerCommand, join(directory, "ours")),
    ]);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  for (const name of chapterNames) {
    test(name, () => {
      const expected = etcd.chapters.get(name);
      const actual = ours.chapters.get(name);
      assert.ok(expected !== undefined && actual !== undefined && expected.size >= 14);
      for (const [line, answer] of expected) assert.deepEqual(actual.get(line), answer, line);
      assert.equal(actual.size, expected.size);
    });
  }

  test("liveness holds without a quorum and readiness does not", () => {
    for (const name of ["without a quorum", "started without a quorum"]) {
      const status = (line: string): number | undefined =>
        ours.chapters.get(name)?.get(line)?.status;
      assert.equal(status("metrics: GET /livez"), 200);
      assert.equal(status("metrics: GET /readyz"), 503);
    }
  });

  test("metrics and health are served before clients are", () => {
    assert.equal(ours.clientPort, "refused");
    assert.equal(
      ours.chapters.get("started without a quorum")?.get("metrics: GET /livez")?.status,
      200,
    );
  });

  test("checks are counted under etcd's names, types and labels", () => {
    const families = (text: string): unknown =>
      [...parseExposition(text)]
        .filter(([name]) => name.startsWith("etcd_server_health"))
        .map(([name, { type, samples }]) => [
          name,
          type,
          samples.map(({ labels, value }) => JSON.stringify([labels, value])).toSorted(),
        ])
        .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    assert.deepEqual(families(ours.metrics.metrics), families(etcd.metrics.metrics));
  });

  test("the metrics of both ports are the same", () => {
    // What the process has open at a moment is another thing at the next, and a kind of garbage collection has series once it was there.
    const shape = (text: string): string[] =>
      text
        .split("\n")
        .filter((line) => !/^nodejs_(active|gc_duration_seconds)_/.test(line))
        .map((line) => (line.startsWith("#") ? line : line.replace(/ \S+$/, "")));
    assert.deepEqual(shape(ours.metrics.metrics), shape(ours.metrics.client));
    assert.ok(shape(ours.metrics.metrics).includes("etcd_server_has_leader"));
  });
});

/** A member of ours in a directory of its own, for as long as `use` takes. */
async function withMember(
  flags: readonly string[],
  use: (member: ServerProcess, options: ServerOptions) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "etcd-ts-metrics-urls-"));
  const options = {
    command: ourServer() as ServerCommand,
    dataDirectory: join(directory, "data"),
    logFile: join(directory, "log"),
    clientPort: await freePort(),
    peerPort: await freePort(),
    flags,
  };
  const member = new ServerProcess(options);
  try {
    await use(member, options);
  } finally {
    await member.stop("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
}

test("several metrics URLs are served, over HTTP/1.1 and not over HTTP/2, and closed at the end", async () => {
  const addresses = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const urls = addresses.map((address) => `http://${address}`).join();
  await withMember([`--listen-metrics-urls=${urls}`], async (member) => {
    await member.ready();
    for (const address of addresses) {
      assert.equal((await ask(address, "GET", "/readyz")).body, "ok\n");
      await assert.rejects(http2Get(`http://${address}`, "/livez"));
    }
    await member.stop("SIGTERM");
    assert.equal(member.end, "exited with code 0");
  });
});

function http2Get(origin: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = connect(origin);
    session.once("error", reject);
    session.once("close", () => reject(new Error("closed")));
    const stream = session.request({ ":path": path });
    stream.once("error", reject);
    stream.once("response", () => {
      resolve();
      session.destroy();
    });
    stream.end();
  });
}

test("a metrics address that somebody else has is told by the flag's name, before data is touched", async () => {
  const other = createServer();
  const port = await new Promise<number>((resolve) => {
    other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port));
  });
  try {
    await withMember(
      [`--listen-metrics-urls=http://127.0.0.1:${port}`],
      async (member, options) => {
        await assert.rejects(member.ready());
        assert.equal(member.end, "exited with code 1");
        const log = readFileSync(options.logFile, "utf8");
        assert.match(log, new RegExp(`--listen-metrics-urls: cannot listen on 127.0.0.1:${port}`));
        assert.equal(existsSync(options.dataDirectory), false);
      },
    );
  } finally {
    other.close();
  }
});
