/**
 * The operator that leads stands still in the middle of a scaling, for longer than its lease, and goes on when another one has taken over: as on a
 * machine that was suspended. Two of them are at work for a moment, and no step is done twice.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { changesAtATime, changesText, membershipChanges } from "../support/membership-log.ts";
import { leadingOperator, leaseHolder, OperatorDeeds } from "../support/operator-process.ts";
import { untilOperatorReady } from "../support/operator-release.ts";
import { until } from "../support/wait.ts";
import type { Scene } from "./story.ts";

interface Round {
  readonly replicas: number;
  /** When the operator freezes: until then a string says what is missing. */
  readonly moment: string;
  readonly missing: (scene: Scene) => Promise<string | undefined>;
}

const memberCount = async ({ cluster }: Scene): Promise<number> =>
  (await cluster.names("etcdmember")).length;

const rounds: readonly Round[] = [
  {
    replicas: 3,
    moment: "the second member was made",
    missing: async (scene) => ((await memberCount(scene)) > 1 ? undefined : "not yet"),
  },
  {
    replicas: 5,
    moment: "there is a learner",
    missing: async ({ cluster }) => {
      const { members = [] } = await cluster.status();
      return members.some(({ role }) => role === "Learner") ? undefined : "none";
    },
  },
  {
    replicas: 1,
    moment: "a member is on its way out",
    missing: async (scene) => ((await memberCount(scene)) < 5 ? undefined : "not yet"),
  },
];

/** Changes of objects and members that nobody may make twice. */
const once = /^create (EtcdMember|Pod|PersistentVolumeClaim) |^etcd (add-learner|promote|remove) /;

export async function twinsStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await scene.step("a cluster of one", async () => {
    // The log of all changes is read at the end: volumes of members that left stay.
    await cluster.create({ storage: { size: "4Gi", reclaim: { onScaleDown: "Retain" } } });
    await cluster.untilAsWanted(1);
  });
  const writer = await scene.writer();
  const deeds = new OperatorDeeds(cluster.namespace);
  for (const round of rounds) {
    await scene.step(`to ${round.replicas}: the operator freezes when ${round.moment}`, () =>
      freezesDuring(scene, round),
    );
    await deeds.read();
    await writer.works();
  }
  await scene.judge(writer);
  const changes = membershipChanges(cluster.namespace);
  scene.say(`membership changes in the log: ${changesText(changes)}`);
  assert.deepEqual(changesAtATime(changes), []);
  assert.equal(changes.length, 13, "one birth, four learners that are promoted, four removals");
  assert.equal((await cluster.names("pvc")).length, 5, "one claim for each member that was");
  for (const refused of deeds.refused) scene.say(`refused: ${refused}`);
  const steps = deeds.done.filter((deed) => once.test(deed));
  scene.say(`${steps.length} steps that may be done once, ${deeds.refused.length} were refused`);
  const twice = steps.filter((deed, at) => steps.indexOf(deed) !== at);
  assert.deepEqual(twice, [], "no step is done twice");
  assert.ok(steps.length >= 20, "the operators' logs tell of all steps");
}

async function freezesDuring(scene: Scene, { replicas, missing, moment }: Round): Promise<void> {
  const { cluster } = scene;
  const first = await leadingOperator();
  await cluster.scale(replicas);
  await until(moment, () => missing(scene), { everyMs: 20 });
  await first.freeze();
  const frozenMs = performance.now();
  try {
    await until("another operator that leads", async () => {
      const holder = await leaseHolder();
      return holder === first.holder ? `${holder} holds the lease` : undefined;
    });
    // In the middle of what the other one does.
    await sleep(Math.random() * 3000);
  } finally {
    await first.thaw();
  }
  const seconds = ((performance.now() - frozenMs) / 1000).toFixed(1);
  scene.say(`${first.pod} stood still for ${seconds} s`);
  await until("the end of the one whose term is over", async () =>
    (await first.hasEnded()) ? undefined : "it runs",
  );
  await cluster.untilAsWanted(replicas);
  await untilOperatorReady();
}
