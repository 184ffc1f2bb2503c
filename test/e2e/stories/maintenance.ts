/** The CronJobs run every minute, under a writer: old revisions are compacted, members defragmented, and status and events tell of it. */
import assert from "node:assert/strict";
import type { ClusterStatus } from "../support/etcd-cluster.ts";
import { until } from "../support/wait.ts";
import { assertUnnoticed } from "../support/writer.ts";
import type { Scene } from "./story.ts";

const everyMinute = "* * * * *";
const patienceMs = 240_000;

type Task = keyof NonNullable<ClusterStatus["maintenance"]>;
type Run = NonNullable<NonNullable<ClusterStatus["maintenance"]>[Task]>;

export async function maintenanceStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await scene.step("a cluster of three", async () => {
    await cluster.create({ replicas: 3 });
    await cluster.untilAsWanted(3);
  });
  const writer = await scene.writer();
  await cluster.patch({
    maintenance: { compaction: { schedule: everyMinute, keepMinutes: 5, keepRevisions: 1 } },
  });
  const seen = await scene.step("the first compaction only looks", () =>
    runs(scene, "compaction", ({ seenRevision }) => seenRevision !== undefined),
  );
  // What five minutes would bring.
  await seenLongAgo(scene);
  const compacted = await scene.step("the next one compacts to what was seen", () =>
    runs(scene, "compaction", ({ revision }) => revision !== undefined),
  );
  assert.equal(compacted.revision, seen.seenRevision);
  await cluster.patch({
    maintenance: {
      compaction: null,
      defrag: {
        schedule: everyMinute,
        pauseBetweenSeconds: 1,
        // The limits are for disks and machines with nothing else to do.
        maxP99Ms: 60_000,
        need: { freeBytes: "0", freePercent: 0 },
      },
    },
  });
  await scene.step("defragmentation", () => runs(scene, "defragmentation", isDone));
  await tellsOfIt(scene);
  const verdict = await scene.judge(writer);
  assertUnnoticed(verdict);
  await cluster.patch({ maintenance: null });
  await scene.step("without a schedule there is no CronJob", () =>
    until("the end of the CronJobs", async () => {
      const left = await cluster.names("cronjob");
      return left.length === 0 ? undefined : left.join(", ");
    }),
  );
}

const isDone = ({ result }: Run): boolean => result === "Succeeded";

async function runs(scene: Scene, task: Task, isIt: (run: Run) => boolean): Promise<Run> {
  const { cluster } = scene;
  let found: Run | undefined;
  await until(
    `a run of ${task}`,
    async () => {
      found = (await cluster.status()).maintenance?.[task];
      if (found === undefined) return "none was told of yet";
      return isIt(found) ? undefined : `${found.result}: ${found.message}`;
    },
    { timeoutMs: patienceMs, everyMs: 1000 },
  );
  assert.ok(found !== undefined);
  scene.say(`${task} ${found.result}: ${found.message}`);
  return found;
}

async function seenLongAgo({ cluster }: Scene): Promise<void> {
  const seenAt = new Date(Date.now() - 10 * 60_000).toISOString().replace(/\.\d+Z$/, "Z");
  await cluster.kubectl(
    ...["patch", "etcdcluster", cluster.name, "--subresource=status", "--type=merge", "-p"],
    JSON.stringify({ status: { maintenance: { compaction: { seenAt } } } }),
  );
}

async function tellsOfIt(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const { items } = await cluster.json<{
    items: readonly { readonly reason?: string; readonly message?: string }[];
  }>("get", "events", `--field-selector=involvedObject.name=${cluster.name}`);
  const about = items.filter(({ reason = "" }) => /compact|defrag/i.test(reason));
  for (const { reason, message } of about) scene.say(`event ${reason}: ${message}`);
  for (const what of [/compact/i, /defrag/i])
    assert.ok(
      about.some(({ reason = "" }) => what.test(reason)),
      `an event about ${what.source}`,
    );
}
