/** kubectl delete etcdcluster, once where volumes are to stay and once where they go: nothing else is left behind. */
import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import type { Scene } from "./story.ts";

/** All that a cluster is made of, its volumes aside. */
const kinds = "etcdcluster,etcdmember,pod,service,secret,pdb,cronjob,lease,role,rolebinding";

export async function deletionStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  for (const [policy, claims] of [
    ["Retain", 1],
    ["Delete", 0],
  ] as const) {
    await scene.step(`onClusterDelete: ${policy}`, async () => {
      await cluster.create({
        storage: { size: "4Gi", reclaim: { onClusterDelete: policy } },
        maintenance: { defrag: { schedule: "0 3 * * *" } },
      });
      await cluster.untilAsWanted(1);
      await until("its CronJob", async () =>
        (await cluster.names("cronjob")).length > 0 ? undefined : "none",
      );
      await cluster.kubectl("delete", "etcdcluster", cluster.name);
      await until("an empty namespace", async () => {
        const left = await cluster.names(kinds);
        return left.length === 0 ? undefined : left.join(" ");
      });
      if (claims === 0) {
        await until("the end of its volume", async () => {
          const left = await cluster.names("pvc");
          return left.length === 0 ? undefined : left.join(" ");
        });
      }
      assert.equal((await cluster.names("pvc")).length, claims);
    });
  }
}
