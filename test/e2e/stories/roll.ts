/** A flag and then the image are changed, under a writer: members are rolled one at a time, the leader last, and nothing is lost. */
import assert from "node:assert/strict";
import { nodes } from "../cluster/layout.ts";
import { onNode } from "../cluster/machine.ts";
import { productImage } from "../image/store.ts";
import { PodWatch } from "../support/pod-watch.ts";
import { run } from "../support/run.ts";
import { until } from "../support/wait.ts";
import type { Scene } from "./story.ts";

/** The same image under another name: to the operator and to the kubelet it is another one. */
const nextImage = `${productImage}-next`;
const [repository = "", tag = ""] = nextImage.split(":");

export async function rollStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await scene.step("a cluster of three", async () => {
    await cluster.create({ replicas: 3 });
    await cluster.untilAsWanted(3);
  });
  await Promise.all(
    nodes.map((node) =>
      run(
        onNode(node, ["ctr", "-n", "k8s.io", "images", "tag", "--force", productImage, nextImage]),
      ),
    ),
  );
  const writer = await scene.writer();
  await scene.step("a flag is changed", () =>
    rolls(scene, { etcd: { snapshotCount: 5000 } }, "--snapshot-count=5000"),
  );
  await writer.works();
  await scene.step("the image is changed", () =>
    rolls(scene, { image: { repository, tag } }, nextImage),
  );
  await writer.works();
  await scene.judge(writer);
}

/** `mark`: what stands in the new pods, as a flag or as the image. */
async function rolls(scene: Scene, spec: object, mark: string): Promise<void> {
  const { cluster } = scene;
  const leader = await cluster.leader();
  const watch = new PodWatch(cluster);
  await cluster.patch({ ...spec });
  await until(
    `pods with ${mark}`,
    async () => {
      const pods = await cluster.pods();
      const old = pods.filter(({ spec: { containers } }) => {
        const [{ args, image }] = containers;
        return !args.includes(mark) && image !== mark;
      });
      return old.length === 0 && pods.length === 3 ? undefined : `${old.length} old ones`;
    },
    { timeoutMs: 240_000, everyMs: 500 },
  );
  await cluster.untilAsWanted(3);
  const { leastReady, made } = await watch.stop();
  scene.say(`in this order: ${made.join(", ")}; ${leader} led; at least ${leastReady} were ready`);
  assert.equal(made.length, 3, "each pod is made once");
  assert.equal(made.at(-1), leader, "the leader is the last one");
  assert.ok(leastReady >= 2, "never two at a time");
}
