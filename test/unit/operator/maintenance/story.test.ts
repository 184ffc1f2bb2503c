/** The CronJobs' program as a process, on a cluster of three real members, while a writer writes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../../../node/client/client.ts";
import { processClock, processTimers } from "../../../../operator/kernel/process-ports.ts";
import { until } from "../../../cluster/until.ts";
import { MaintenanceLab, maintenance } from "./lab.ts";
import { MaintenancePrograms, RealMembers } from "./real-members.ts";

/** Every member is worth it, and no disk too slow. */
const settings = (pauseBetweenSeconds: number) => {
  const { compaction, defrag } = maintenance;
  assert.ok(compaction !== undefined && defrag !== undefined);
  const need = { freeBytes: "0", freePercent: 0, quotaPercent: 100 };
  return { compaction, defrag: { ...defrag, need, maxP99Ms: 60_000, pauseBetweenSeconds } };
};

/** One write after the other, until it is told to stop. */
class Writer {
  written = 0;
  readonly failures: string[] = [];
  private isOver = false;
  private readonly working: Promise<void>;

  constructor(client: Client) {
    this.working = this.work(client);
  }

  stop(): Promise<void> {
    this.isOver = true;
    return this.working;
  }

  private async work(client: Client): Promise<void> {
    const value = Buffer.alloc(4096, "x");
    while (!this.isOver) {
      try {
        await client.put(Buffer.from(`key-${this.written % 20}`), value);
        this.written += 1;
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }
}

interface Stage {
  readonly lab: MaintenanceLab;
  readonly real: RealMembers;
  readonly programs: MaintenancePrograms;
  readonly client: Client;
}

async function onStage(story: (stage: Stage) => Promise<void>): Promise<void> {
  const real = new RealMembers();
  const lab = new MaintenanceLab(
    { maintenance: settings(1) },
    {
      ports: { clock: processClock, timers: processTimers },
      peerUrls: new Map(real.members.map(({ name, peerUrl }) => [name, peerUrl])),
    },
  );
  const programs = new MaintenancePrograms(lab.api);
  const client = real.client();
  try {
    const [{ clusterId }] = await Promise.all([real.start(), programs.listen()]);
    lab.setStatus({ clusterID: clusterId });
    await story({ lab, real, programs, client });
  } finally {
    client.close();
    await programs.close();
    await real.close();
  }
}

/** As if the last compaction had been so long ago. */
function age(lab: MaintenanceLab, minutes: number): number {
  const { seenRevision } = lab.cluster.status?.maintenance?.compaction ?? {};
  assert.ok(seenRevision !== undefined);
  lab.seen(seenRevision, minutes);
  return seenRevision;
}

test("compaction and defragmentation cost a writer nothing; one run at a time; a leader's change and SIGTERM end it", async () => {
  await onStage(async ({ lab, real, programs, client }) => {
    const writer = new Writer(client);
    await until("some writes", () => (writer.written > 300 ? true : undefined));
    assert.equal(await programs.run("compact"), 0);
    assert.match(lab.told("compact"), /^Succeeded: no run before/);
    assert.equal(await programs.run("compact"), 0);
    assert.match(lab.told("compact"), /^Skipped: .* less than 5 minutes ago/);
    const seen = age(lab, 6);
    const enough = writer.written + 200;
    await until("more writes", () => (writer.written > enough ? true : undefined));
    assert.equal(await programs.run("compact"), 0);
    assert.match(
      lab.told("compact"),
      new RegExp(`^Succeeded: the history below revision ${seen} is`),
    );
    await client.get(Buffer.from("key-0"), { revision: seen });
    await assert.rejects(client.get(Buffer.from("key-0"), { revision: seen - 1 }), /compacted/);

    const { leader } = await real.untilLed();
    assert.equal(await programs.run("defrag"), 0);
    assert.deepEqual(await real.defragmentations(), [1, 1, 1]);
    const order = [...lab.told("defrag").matchAll(/(db-.) freed/g)].map(([, name]) => name);
    const followers = real.members.filter((member) => member !== leader).map(({ name }) => name);
    assert.deepEqual(order, [...followers, leader.name], lab.told("defrag"));
    await writer.stop();
    assert.deepEqual(writer.failures, [], `of ${writer.written} writes`);

    await leaderChanges({ lab, real, programs, client });
    await isTerminated({ lab, real, programs, client });
  });
});

const isPausing = async ({ lab, real }: Stage, done: readonly number[]): Promise<void> => {
  await until("the pause after the first member", async () => {
    const counts = await real.defragmentations();
    const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
    return sum(counts) === sum(done) + 1 && lab.lease?.holderIdentity !== "" ? true : undefined;
  });
  // The member counts before its answer has arrived.
  await sleep(200);
};

async function leaderChanges(stage: Stage): Promise<void> {
  const { lab, real, programs, client } = stage;
  lab.setSpec({ maintenance: settings(3) });
  const before = await real.defragmentations();
  const run = programs.start("defrag");
  await isPausing(stage, before);
  // A second Job at the same time.
  assert.equal(await programs.run("compact"), 0);
  assert.match(lab.told("compact"), /^Skipped: maintenance\/.* holds the maintenance Lease$/);
  const { leader, statuses } = await real.untilLed();
  const other = real.members.find((member) => member !== leader);
  const target = statuses.get(other?.name ?? "")?.header.memberId ?? 0n;
  await client.moveLeader(target, { endpoint: leader.clientUrl });
  assert.equal(await run.code, 1);
  assert.match(lab.told("defrag"), /^Failed: .*stopped: the leader has changed 1 times/);
}

async function isTerminated(stage: Stage): Promise<void> {
  const { lab, real, programs } = stage;
  lab.setSpec({ maintenance: settings(3600) });
  await real.untilLed();
  const before = await real.defragmentations();
  const run = programs.start("defrag");
  await isPausing(stage, before);
  run.child.kill("SIGTERM");
  assert.equal(await run.code, 1);
  assert.match(lab.told("defrag"), /^Failed: defragmented: .*; stopped: the run was told to end$/);
  assert.equal(lab.lease?.holderIdentity, "");
}
