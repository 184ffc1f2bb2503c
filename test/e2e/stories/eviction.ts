/** Pods are evicted all the time, as by somebody who drains nodes in a hurry, while the cluster is scaled: the budget keeps quorum. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { tryKubectl } from "../support/kubectl.ts";
import { isReady, PodWatch } from "../support/pod-watch.ts";
import type { Scene } from "./story.ts";

const betweenTriesMs = 500;
/** So many are let through; without an end no change would ever find all members well. */
const evictions = 6;

export async function evictionStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await scene.step("a cluster of three", async () => {
    await cluster.create({ replicas: 3 });
    await cluster.untilAsWanted(3);
  });
  const writer = await scene.writer();
  const watch = new PodWatch(cluster);
  const drain = new Drain(scene, evictions);
  await scene.step("kubectl scale --replicas=5, amid evictions", async () => {
    await cluster.scale(5);
    await drain.ended;
    await cluster.untilAsWanted(5);
  });
  const { leastReady } = await watch.stop();
  assert.ok(leastReady >= 2, `of three and more members ${leastReady} were ready`);
  const second = new Drain(scene, evictions / 2);
  await scene.step("kubectl scale --replicas=1, amid evictions", async () => {
    await cluster.scale(1);
    await Promise.race([second.ended, cluster.untilAsWanted(1)]);
    second.stop();
    await second.ended;
    await cluster.untilAsWanted(1);
  });
  const letThrough = drain.evicted + second.evicted;
  const refused = drain.refused + second.refused;
  scene.say(
    `${letThrough} evictions were let through, ${refused} refused; at least ${leastReady} of three and more were ready`,
  );
  assert.ok(refused > 0, "the budget has refused some");
  await scene.judge(writer);
  assert.equal((await cluster.names("pvc")).length, 1, "volumes of members that left are deleted");
}

/** Evicts one pod of a voter after the other, each as soon as it is let. Learners are not ready, and the budget does not count them. */
class Drain {
  readonly #scene: Scene;
  readonly ended: Promise<void>;
  #isOver = false;
  evicted = 0;
  refused = 0;

  constructor(scene: Scene, most: number) {
    this.#scene = scene;
    this.ended = this.#run(most);
  }

  stop(): void {
    this.#isOver = true;
  }

  async #run(most: number): Promise<void> {
    const { cluster } = this.#scene;
    while (this.#goesOn(most)) {
      for (const { metadata, status } of await cluster.pods()) {
        if (metadata.deletionTimestamp === undefined && isReady(status))
          await this.#evict(metadata.name);
        if (!this.#goesOn(most)) return;
      }
      await sleep(betweenTriesMs);
    }
  }

  #goesOn(most: number): boolean {
    return !this.#isOver && this.evicted < most;
  }

  async #evict(name: string): Promise<void> {
    const { namespace } = this.#scene.cluster;
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } };
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`;
    const { code, stderr } = await tryKubectl(["create", "--raw", path, "-f", "-"], {
      input: JSON.stringify(eviction),
    });
    if (code === 0) this.evicted += 1;
    else if (stderr.includes("disruption budget")) this.refused += 1;
    else if (!stderr.includes("not found")) assert.fail(stderr);
  }
}
