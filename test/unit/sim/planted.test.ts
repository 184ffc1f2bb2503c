/** Each checker meets what it is for: something is broken on purpose, and the run must say so. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { cloneBytes } from "../../../node/lib/bytes.ts";
import type { DurableFile } from "../../../node/lib/ports.ts";
import type { Member } from "../../../node/server/member.ts";
import type { SimCluster } from "../../sim/cluster.ts";
import type { KvServer } from "../../sim/requests.ts";
import { type RunOptions, simulate } from "../../sim/run.ts";
import { MemoryFs } from "../../support/memory-fs.ts";

/** The first violation that one of so many seeds shows. */
async function firstViolation(options: Omit<RunOptions, "seed">, seeds = 10): Promise<string> {
  for (let seed = 1; seed <= seeds; seed++) {
    const { violations } = await simulate({ ticks: 300, members: 3, faults: [], ...options, seed });
    if (violations[0] !== undefined) return violations[0];
  }
  return "none";
}

/** Reports each write of the log as durable although nothing ever syncs it. */
class LyingFs extends MemoryFs {
  override async openDurable(path: string): Promise<DurableFile> {
    const file = await this.open(path, "readWrite");
    return {
      write: (bytes, length, position, done) => {
        file.write(cloneBytes(bytes, 0, length), position).then(
          () => done(null),
          (error: unknown) => done(error as Error),
        );
      },
      close: () => file.close(),
    };
  }
}

/** Puts something between clients and servers. */
function wrapServers(cluster: SimCluster, wrap: (server: KvServer) => KvServer): void {
  const { servers } = cluster;
  Object.assign(cluster, { servers: () => servers().map(wrap) });
}

const memberOf = (cluster: SimCluster): Member | undefined =>
  cluster.processes.find((process) => process.member !== undefined)?.member;

/** Writes a key in one member's store, without an entry. */
function writeApart(cluster: SimCluster): void {
  const store = memberOf(cluster)?.store;
  if (store === undefined) return;
  store.begin();
  store.put(Buffer.from("key/a=other"), 0, 5, 6, 11, 0n);
  store.end();
}

suite("planted violations", () => {
  test("a log that says durable before it is loses acknowledged writes", async () => {
    const found = await firstViolation({
      members: 1,
      faults: ["crash", "crashAll"],
      onCluster: ({ machines }) => {
        for (const { disk } of machines) disk.fs = new LyingFs();
      },
    });
    assert.match(found, /revisions|linearizable|CorruptionError/);
  });

  test("a read that is told what was true before it was asked is found in the history", async () => {
    const found = await firstViolation({
      onCluster: (cluster) => {
        const old = new Map<string, Parameters<Parameters<KvServer["read"]>[1]>[0]>();
        wrapServers(cluster, (server) => ({
          write: (request, done) => server.write(request, done),
          read: (request, done) =>
            server.read(request, (answer) => {
              const before = old.get(request.key);
              if (request.rangeEnd === undefined && !old.has(request.key))
                old.set(request.key, answer);
              done(before ?? answer);
            }),
        }));
      },
    });
    assert.match(found, /went back|missed|linearizable/);
  });

  test("an acknowledged write that never happened is found in the history", async () => {
    const found = await firstViolation({
      onCluster: (cluster) => {
        let count = 0;
        wrapServers(cluster, (server) => ({
          read: (request, done) => server.read(request, done),
          write: (request, done) => {
            count += 1;
            const isSwallowed = count % 20 === 0 && request.path.endsWith("/Put");
            const answer = { kind: "written", revision: 0, deleted: 0, succeeded: true } as const;
            if (isSwallowed) cluster.world.after(5, () => done(answer));
            else server.write(request, done);
          },
        }));
      },
    });
    assert.match(found, /linearizable/);
  });

  test("two leaders in one term are found", async () => {
    const found = await firstViolation({
      onCluster: ({ checker, world }) => {
        world.after(20_000, () => {
          for (let term = 1; term < 5; term++) checker.sawLeader(term, 99n as never);
        });
      },
    });
    assert.match(found, /two leaders in term/);
  });

  test("a follower that has another entry where the leader has committed is found", async () => {
    const found = await firstViolation({
      onCluster: (cluster) => {
        cluster.world.after(15_000, () => {
          const view = cluster.processes.find((process) => process.view?.role === "follower")?.view;
          const entry = view?.log.entry(view.log.lastIndex);
          // As if the entry on its disk had been another one.
          if (entry !== undefined && entry.data.length > 0) {
            entry.data[entry.data.length - 1] = (entry.data.at(-1) ?? 0) ^ 1;
            cluster.checker.sawEntries([entry], entry.term, view?.id ?? (0n as never));
          }
        });
      },
    });
    assert.match(found, /another entry|committed entry/);
  });

  test("members with different data are found by their hashes", async () => {
    const found = await firstViolation({
      // Who watches would find it first.
      adapt: (plan) => ({ ...plan, watchers: 0 }),
      onCluster: (cluster) => cluster.world.after(15_000, () => writeApart(cluster)),
    });
    assert.match(found, /hashes differ|revisions|linearizable|not caught up/);
  });

  test("a write that is not in the log is found by a watcher", async () => {
    const found = await firstViolation({
      adapt: (plan) => ({ ...plan, watchers: 5 }),
      onCluster: (cluster) => cluster.world.after(15_000, () => writeApart(cluster)),
    });
    assert.match(found, /^watch/);
  });

  test("a member with a lease that nobody has granted is found", async () => {
    const found = await firstViolation({
      adapt: (plan) => ({ ...plan, leaseholders: 1 }),
      onCluster: (cluster) =>
        cluster.world.after(15_000, () => memberOf(cluster)?.lessor.grant(77n, 5)),
    });
    assert.match(found, /has the leases .*77\/5s/);
  });

  test("a member that does not come back is found", async () => {
    const found = await firstViolation({
      onCluster: (cluster) => {
        cluster.world.after(10_000, () => {
          const [machine] = cluster.inUse;
          machine?.crash();
          if (machine !== undefined) machine.start = () => undefined;
        });
      },
    });
    assert.match(found, /not whole within/);
  });
});
