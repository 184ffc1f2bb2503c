/**
 * A client fills a cluster with a small quota until etcd takes no writes any more. The operator makes room: it compacts, defragments one member after
 * the other, and disarms the alarm; then writes work again. The writer rests meanwhile: for lack of space etcd gives the same answer to a write that is done
 * and to one that is not, and a history of hundreds of such cannot be judged.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { etcdctlTlsFlags, runEtcdctlPod } from "../support/etcdctl-pod.ts";
import { until } from "../support/wait.ts";
import type { Scene } from "./story.ts";

const quotaBytes = 32 * 2 ** 20;
/** One key over and over: old values are what compaction drops. Ends with the first write that fails, or after 200 MB. */
const filling = `
  count=0
  while [ $count -lt 200 ] && head -c 1000000 /dev/zero | tr '\\0' x | etcdctl --command-timeout=30s "$@" put filler; do
    count=$((count + 1))
  done
  echo "$count writes"
`;

export async function spaceStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const { namespace, name } = cluster;
  await scene.step("a cluster of three with a quota of 32 MiB", async () => {
    await cluster.create({ replicas: 3, etcd: { quotaBackendBytes: quotaBytes } });
    await cluster.untilAsWanted(3);
  });
  const writer = await scene.writer();
  await writer.works(200);
  await writer.rest();
  const watch = new SpaceWatch(scene);
  const client = (title: string, ...command: readonly string[]): Promise<string> =>
    scene.step(title, () =>
      runEtcdctlPod({
        namespace,
        name: "etcdctl",
        command: [
          ...command,
          ...["--endpoints", `https://${name}-client.${namespace}.svc:2379`, ...etcdctlTlsFlags],
        ],
        secret: `${name}-client-writer-tls`,
      }),
    );
  const said = await client("a client writes until there is no room", "sh", "-c", filling, "fill");
  const told = said.split("\n").filter((line) => line !== "" && !/^(OK$|\{)/.test(line));
  scene.say(told.join("; "));
  assert.match(said, /database space exceeded/);
  await scene.step("the operator makes room", () =>
    until(
      "the end of the alarm",
      async () => {
        const { spaceRecovery, plan } = await cluster.status();
        if (watch.phases.length > 0 && spaceRecovery === undefined) return undefined;
        return `${spaceRecovery?.phase ?? "none"}: ${plan?.step ?? ""} ${plan?.waitsFor ?? ""}`;
      },
      { timeoutMs: 240_000 },
    ),
  );
  await watch.stop();
  scene.say(`spaceRecovery told: ${watch.phases.join(", ")}`);
  await cluster.untilAsWanted(3);
  assert.equal(await cluster.etcdctl("alarm", "list"), "");
  const again = await client("writes work again", "etcdctl", "put", "filler", "a small value");
  assert.equal(again, "OK\n");
  await scene.judge(writer);
  await isTold(scene);
}

/** What `kubectl get events` tells: each member by name, and the end. */
async function isTold(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const { items } = await cluster.json<{
    items: readonly { readonly reason?: string; readonly message?: string }[];
  }>("get", "events", `--field-selector=involvedObject.name=${cluster.name}`);
  const wanted = ["RecoveringSpace", "Compacted", "Defragmented", "DisarmedNoSpace"];
  for (const reason of wanted) {
    const found = items.filter((item) => item.reason === reason);
    for (const { message } of found) scene.say(`event ${reason}: ${message}`);
    assert.ok(found.length > 0, `an event ${reason}`);
  }
  const { members = [] } = await cluster.status();
  for (const { name } of members) {
    const isNamed = items.some(
      ({ reason, message = "" }) => reason === "Defragmented" && message.includes(name),
    );
    assert.ok(isNamed, `an event about ${name}`);
  }
}

/** Looks at status.spaceRecovery over and over: members are defragmented one by one, in the phases' order. */
class SpaceWatch {
  readonly #scene: Scene;
  readonly #running: Promise<void>;
  #isOver = false;
  #done = 0;
  /** Each once, as they came: "Compacting", "Defragmenting 1". */
  readonly phases: string[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#running = this.#run();
    // Told by `stop`.
    this.#running.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const { spaceRecovery } = await this.#scene.cluster.status();
      if (spaceRecovery !== undefined) this.#note(spaceRecovery);
      await sleep(100);
    }
  }

  #note({
    phase,
    defragmented,
  }: {
    readonly phase: string;
    readonly defragmented: readonly string[];
  }): void {
    const { length } = defragmented;
    assert.ok(phase !== "Disarming" || length === 3, "all are defragmented before");
    assert.ok(length >= this.#done || phase === "Compacting", "none is forgotten");
    this.#done = length;
    const text = phase === "Defragmenting" ? `${phase} ${length}` : phase;
    if (this.phases.at(-1) !== text) this.phases.push(text);
  }
}
