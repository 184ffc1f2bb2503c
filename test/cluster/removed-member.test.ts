/** A member that is removed while clients hold on to it ends by itself: a watch that would never end does not keep it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { needs, peer } from "../support/peers.ts";
import { ProcessCluster } from "./process-cluster.ts";
import { until } from "./until.ts";

test("a removed member with an open watch ends by itself", needs("etcdctl"), async () => {
  const cluster = await ProcessCluster.start({ members: 3 });
  let heard = "";
  const { leader } = await cluster.untilLeader();
  const [member] = cluster.others(leader);
  assert(member !== undefined);
  const args = [`--endpoints=${member.address}`, "watch", "key"];
  const watch = spawn(peer("etcdctl"), args, { stdio: ["ignore", "pipe", "ignore"] });
  watch.stdout.setEncoding("utf8").on("data", (text: string) => (heard += text));
  try {
    const isWatching = async (): Promise<true | undefined> => {
      await leader.client.put("key", "value");
      return heard.includes("value") ? true : undefined;
    };
    await until("an event of the watch", isWatching);
    assert.equal(await cluster.removeMember(member, leader), true);
  } finally {
    watch.kill();
    await cluster.close();
  }
});
