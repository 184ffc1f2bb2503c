/**
 * Two of three members lose their pods and their volumes. The operator does nothing by itself and says what is left; a person reads it, approves by
 * the nonce, and the cluster goes on from the survivor. The writer rests before the loss, so that the survivor has all that was acknowledged.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { recoverQuorumAnnotation } from "../../../operator/api/v1alpha1/names.ts";
import type { ClusterStatus } from "../support/etcd-cluster.ts";
import { kubectl } from "../support/kubectl.ts";
import { changesAtATime, changesText, membershipChanges } from "../support/membership-log.ts";
import { volumeFolders } from "../support/volumes.ts";
import { until } from "../support/wait.ts";
import type { Scene } from "./story.ts";

type Evidence = NonNullable<ClusterStatus["quorumRecovery"]>;

/** So long nothing may happen: ten looks of the operator and more. */
const quietMs = 10_000;
const forceFlag = "--force-new-cluster";

export async function quorumStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await scene.step("a cluster of three", async () => {
    await cluster.create({ replicas: 3 });
    await cluster.untilAsWanted(3);
  });
  const { clusterID, members = [] } = await cluster.status();
  const writer = await scene.writer();
  await writer.works(200);
  await scene.step("the writer rests", () => writer.rest());
  const survivor = await cluster.follower();
  const lost = members.map(({ name }) => name).filter((name) => name !== survivor);
  await scene.step("the leader and a follower lose pod and volume", () => lose(scene, lost));
  const evidence = await scene.step("the status holds the evidence", () => evidenceOf(scene));
  assertTellsOf(evidence, survivor);
  const command = await scene.step("kubectl tells what to do", () => commandFor(scene, evidence));
  await scene.step("nothing happens by itself", () => staysAsItIs(scene, survivor));
  await scene.step("a wrong nonce changes nothing", async () => {
    await cluster.annotate(recoverQuorumAnnotation, "0badbeef");
    await staysAsItIs(scene, survivor);
  });
  await scene.step("the right one: the cluster goes on from the survivor", async () => {
    const watch = new ForceWatch(scene);
    await kubectl(command.split(" "));
    await until("the end of the recovery", () => recovered(scene), { timeoutMs: 240_000 });
    await cluster.untilAsWanted(3);
    const forced = await watch.stop();
    scene.say(`${forced} looks saw a pod with ${forceFlag}, each time alone`);
    assert.ok(forced > 0, "the survivor was started as the only member");
  });
  await scene.judge(writer);
  assert.equal(await cluster.etcdctl("put", "after", "recovery"), "OK\n");
  const changes = membershipChanges(cluster.namespace);
  scene.say(`membership changes in the log: ${changesText(changes)}`);
  assert.deepEqual(changesAtATime(changes), []);
  const after = await cluster.status();
  assert.equal(after.clusterID, clusterID, "it is the same cluster");
  const names = after.members?.map(({ name }) => name) ?? [];
  assert.ok(names.includes(survivor), "the survivor is the member that it was");
  assert.ok(!lost.some((name) => names.includes(name)), "no lost name is used again");
}

/** In one command, since the operator replaces a member as soon as it sees that its claim goes. */
async function lose(scene: Scene, members: readonly string[]): Promise<void> {
  const { cluster } = scene;
  const claims = members.map((name) => `pvc/data-${name}`);
  const pods = members.map((name) => `pod/${name}`);
  await cluster.kubectl(
    ...["delete", "--wait=false", "--grace-period=0", "--force", ...claims, ...pods],
  );
  await until("the end of their claims and data", async () => {
    const left = await cluster.names("pvc");
    const folders = volumeFolders(cluster.namespace);
    if (left.length === 1 && folders.length === 1) return undefined;
    return `${left.join(" ")}, ${folders.length} folders on the nodes`;
  });
}

async function evidenceOf({ cluster }: Scene): Promise<Evidence> {
  let found: Evidence | undefined;
  await until("status.quorumRecovery", async () => {
    const { quorumRecovery, plan } = await cluster.status();
    found = quorumRecovery;
    return found === undefined ? `${plan?.step ?? ""} ${plan?.waitsFor ?? ""}` : undefined;
  });
  // Who leads is forgotten after a while, and a member that does not answer yet may: that is new evidence.
  await sleep(quietMs);
  found = (await cluster.status()).quorumRecovery;
  assert.ok(found !== undefined);
  return found;
}

function assertTellsOf(evidence: Evidence, survivor: string): void {
  const { phase, nonce, estimatedLoss, survivors } = evidence;
  assert.equal(phase, "WaitingForApproval");
  assert.equal(evidence.survivor, survivor);
  assert.match(nonce, /^[0-9a-f]{8}$/);
  const [only, ...others] = survivors;
  assert.ok(only !== undefined && others.length === 0, "one member is left");
  assert.equal(only.name, survivor);
  assert.equal(only.isRunning, true);
  assert.ok((only.raftTerm ?? 0) > 1 && (only.committedIndex ?? 0) > 50, JSON.stringify(only));
  assert.ok(estimatedLoss.includes(`log index ${only.committedIndex}`), estimatedLoss);
}

/** Out of what a person reads: `kubectl describe`, and the plan. Without the word kubectl. */
async function commandFor(scene: Scene, { nonce }: Evidence): Promise<string> {
  const { cluster } = scene;
  const { conditions = [], plan } = await cluster.status();
  const [healthy, degraded] = ["QuorumHealthy", "Degraded"].map((name) =>
    conditions.find(({ type }) => type === name),
  );
  for (const { type, status, message } of [healthy, degraded].filter((each) => each !== undefined))
    scene.say(`${type} is ${status}: ${message}`);
  assert.deepEqual([healthy?.status, healthy?.reason], ["False", "QuorumLost"]);
  assert.deepEqual([degraded?.status, degraded?.reason], ["True", "QuorumLost"]);
  const [, args = ""] = /kubectl (-n \S+ annotate .*)$/.exec(degraded?.message ?? "") ?? [];
  assert.ok(args.endsWith(`${recoverQuorumAnnotation}=${nonce}`), degraded?.message);
  scene.say(`plan: ${plan?.step ?? ""}`);
  assert.ok(plan?.waitsFor?.includes(args) === true, "the plan says the same");
  assert.ok((await cluster.kubectl("describe", "etcdcluster", cluster.name)).includes(args));
  return args;
}

/** Objects and evidence are the same at every look. */
async function staysAsItIs(scene: Scene, survivor: string): Promise<void> {
  const { cluster } = scene;
  const look = async (): Promise<unknown> => ({
    members: await cluster.names("etcdmember"),
    claims: await cluster.names("pvc"),
    pods: (await cluster.pods()).map(({ metadata, spec }) => [metadata.uid, spec.containers]),
    recovery: (await cluster.status()).quorumRecovery,
  });
  const before = await look();
  const endMs = performance.now() + quietMs;
  while (performance.now() < endMs) {
    assert.deepEqual(await look(), before);
    await sleep(500);
  }
  const [pod, ...others] = await cluster.pods();
  assert.equal(pod?.metadata.name, survivor);
  assert.deepEqual(others, []);
  assert.ok(!pod.spec.containers[0].args.includes(forceFlag));
}

async function recovered({ cluster }: Scene): Promise<string | undefined> {
  const { quorumRecovery, plan } = await cluster.status();
  if (quorumRecovery === undefined) return undefined;
  return `${quorumRecovery.phase}: ${plan?.step ?? ""} ${plan?.waitsFor ?? ""}`;
}

/** While a pod forces a new cluster, no other may run. */
class ForceWatch {
  readonly #scene: Scene;
  readonly #running: Promise<void>;
  #isOver = false;
  #forced = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#running = this.#run();
    // Told by `stop`.
    this.#running.catch(() => undefined);
  }

  /** How many looks saw such a pod. */
  async stop(): Promise<number> {
    this.#isOver = true;
    await this.#running;
    return this.#forced;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const pods = await this.#scene.cluster.pods();
      const isForced = pods.some(({ spec }) => isForcing(spec.containers[0].args));
      if (isForced) {
        this.#forced += 1;
        assert.equal(pods.length, 1, "a pod that forces a new cluster is alone");
      }
      await sleep(200);
    }
  }
}

const isForcing = (args: readonly string[]): boolean =>
  args.some((arg) => arg.startsWith(forceFlag));
