/** The operator of the stories: one release of the chart, without a cluster, that looks after all namespaces. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { imageId, productImage } from "../image/store.ts";
import { helm, kubectl } from "./kubectl.ts";

const operatorNamespace = "etcd-ts-system";
const release = "etcd-ts";
const chart = join(import.meta.dirname, "../../../charts/etcd-ts");
const selector = "app.kubernetes.io/component=operator";

/** Flags of helm that name the image, as "name:tag". */
function imageFlags(image: string): readonly string[] {
  const [repository = "", tag = ""] = image.split(":");
  return ["--set", `image.repository=${repository},image.tag=${tag}`];
}

/** Installs it, or brings an installed one up to date: another image of the same name too. */
export async function installOperator(): Promise<void> {
  const id = await imageId(productImage);
  await helm(
    "4",
    [
      ...["upgrade", "--install", release, chart, "--wait", "--timeout=4m"],
      ...["--namespace", operatorNamespace, "--create-namespace"],
      ...imageFlags(productImage),
      ...["--set-string", `operator.podAnnotations.image-id=${id}`],
    ],
    { timeoutMs: 300_000 },
  );
}

/** Deletes it with its definitions; no EtcdCluster may be left. */
export async function removeOperator(): Promise<void> {
  await helm("4", ["uninstall", release, "--namespace", operatorNamespace, "--wait"]);
  await kubectl(["delete", "namespace", operatorNamespace, "--timeout=3m"], { timeoutMs: 200_000 });
}

/** Arguments of kubectl: the command, on what there is of the operator of this kind. */
export function ofOperator(...command: readonly string[]): readonly string[] {
  return ["-n", operatorNamespace, ...command, "-l", selector];
}

/** Of one object in its namespace. */
export function inOperatorNamespace(...command: readonly string[]): readonly string[] {
  return ["-n", operatorNamespace, ...command];
}

/** Kills the process that leads, or all of them, without a word: no lease is given back. */
async function killOperator(): Promise<void> {
  await kubectl([...ofOperator("delete", "pod"), "--grace-period=0", "--force"], {
    timeoutMs: 60_000,
  });
}

export async function untilOperatorReady(): Promise<void> {
  await kubectl([...ofOperator("rollout", "status", "deployment"), "--timeout=2m"]);
}

/** The last lines of the log that tell of the namespace. */
export async function operatorLog(namespace: string, lines = 60): Promise<string> {
  const log = await kubectl([...ofOperator("logs"), "--tail=2000", "--prefix=false"]);
  const told = log.split("\n").filter((line) => line.includes(namespace));
  return told.slice(-lines).join("\n");
}

/** Kills the operator at times of its own choice until told to stop; gives how often. */
export class OperatorKiller {
  readonly #running: Promise<void>;
  readonly #betweenMs: readonly [number, number];
  #isOver = false;
  kills = 0;

  constructor(betweenMs: readonly [number, number]) {
    this.#betweenMs = betweenMs;
    this.#running = this.#run();
  }

  /** Waits until the operator is well again. */
  async stop(): Promise<number> {
    this.#isOver = true;
    await this.#running;
    await untilOperatorReady();
    return this.kills;
  }

  async #run(): Promise<void> {
    while (await this.#isTime()) {
      await killOperator();
      this.kills += 1;
    }
  }

  /** True when the next kill is due, false when it is over before. */
  async #isTime(): Promise<boolean> {
    const [least, most] = this.#betweenMs;
    const dueMs = performance.now() + least + Math.random() * (most - least);
    while (!this.#isOver && performance.now() < dueMs) await sleep(200);
    return !this.#isOver;
  }
}
