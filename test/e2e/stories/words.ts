/**
 * What kubectl prints of a cluster, from its first second to its scaling: kept for the documents in dist/e2e/kubectl.md, and held against the little
 * that must be in it.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectDir } from "../image/store.ts";
import { tryKubectl } from "../support/kubectl.ts";
import type { Scene } from "./story.ts";

const file = join(projectDir, "dist/e2e/kubectl.md");

export async function wordsStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const { name } = cluster;
  const book = new Book(scene);
  await scene.step("a new cluster", async () => {
    await cluster.create({ maintenance: { defrag: { schedule: "0 3 * * *" } } });
    await book.note("get", "etcdcluster");
    await book.note("wait", "--for=condition=Ready", "--timeout=3m", `etcdcluster/${name}`);
    await cluster.untilAsWanted(1);
    assert.match(await book.note("get", "etcdcluster"), new RegExp(`${name} +1/1 `));
  });
  await scene.step("on its way to three members", async () => {
    await book.note("scale", "etcdcluster", name, "--replicas=3");
    await book.note("wait", "--for=condition=Progressing", `etcdcluster/${name}`);
    await book.note("get", "etcdcluster", "-o", "wide");
    await book.note("get", "etcdcluster", name, "-o", "jsonpath={.status.plan}");
    await cluster.untilAsWanted(3);
  });
  await scene.step("what there is", async () => {
    assert.match(await book.note("get", "etcdcluster", "-o", "wide"), /3\/3/);
    await book.note("get", "etcdmember", "-o", "wide");
    await book.note("get", "etcd");
    await book.note("get", "pod,pvc,service,pdb,cronjob,secret");
    await book.note("events", "--for", `etcdcluster/${name}`);
    assert.match(await book.note("describe", "etcdcluster", name), /Conditions:/);
    await book.note("describe", "etcdmember", await cluster.leader());
    await book.note("describe", "pdb");
  });
  await scene.step("what is refused", async () => {
    const patch = (spec: object): string => JSON.stringify({ spec });
    for (const spec of [{ replicas: 2 }, { tls: { mode: "Disabled" } }])
      await book.note("patch", "etcdcluster", name, "--type=merge", "-p", patch(spec));
  });
  await scene.step("kubectl explain", async () => {
    for (const path of ["", ".spec", ".spec.tls", ".spec.recovery", ".status.plan"])
      assert.match(await book.note("explain", `etcdcluster${path}`), /DESCRIPTION/);
  });
  book.write();
  scene.say(file);
}

class Book {
  readonly #scene: Scene;
  #text = "";

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** Runs kubectl and writes down what it printed, also where it refuses. */
  async note(...args: readonly string[]): Promise<string> {
    const { namespace } = this.#scene.cluster;
    const { stdout, stderr } = await tryKubectl(["-n", namespace, ...args], { timeoutMs: 300_000 });
    const words = args.map((arg) => (/[{" ]/.test(arg) ? `'${arg}'` : arg));
    this.#text += `\`\`\`console\n$ kubectl ${words.join(" ")}\n${stdout}${stderr}\n\`\`\`\n\n`;
    return stdout;
  }

  write(): void {
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, this.#text);
  }
}
