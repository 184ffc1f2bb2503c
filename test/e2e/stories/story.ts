/** The frame of a story about one cluster: shows what a person needs when it fails, and removes everything when it does not. */
import assert from "node:assert/strict";
import { EtcdCluster, type TlsMode } from "../support/etcd-cluster.ts";
import { say, step } from "../support/log.ts";
import { problemsOf, textOf, type Writer } from "../support/writer.ts";
import type { Verdict } from "../writer/writer-line.ts";

/** What a story has in hand. */
export class Scene {
  readonly name: string;
  readonly cluster: EtcdCluster;
  readonly #writers: Writer[] = [];

  constructor(name: string, cluster: EtcdCluster) {
    this.name = name;
    this.cluster = cluster;
  }

  /** A line of the log, and the work that it is about. */
  step<Result>(title: string, work: () => Promise<Result>): Promise<Result> {
    return step(`  ${this.name}: ${title}`, work);
  }

  /** A line of the log about what was found. */
  say(line: string): void {
    say(`    ${this.name}: ${line}`);
  }

  /** A writer that has begun to write, and ends with the story at the latest. */
  async writer(): Promise<Writer> {
    const writer = this.cluster.writer();
    this.#writers.push(writer);
    await this.step("a writer writes", () => writer.works());
    return writer;
  }

  /** Stops the writer and tells its figures. Throws when it has found something wrong. */
  async judge(writer: Writer): Promise<Verdict> {
    const verdict = await this.step("the writer's verdict", () => writer.stop());
    for (const line of textOf(verdict)) this.say(line);
    assert.deepEqual(problemsOf(verdict), []);
    return verdict;
  }

  async end(): Promise<void> {
    for (const writer of this.#writers) await writer.kill();
  }
}

export async function playStory(
  name: string,
  play: (scene: Scene) => Promise<void>,
  tls: TlsMode = "Managed",
): Promise<void> {
  const scene = new Scene(name, new EtcdCluster(`story-${name}`, tls));
  try {
    await play(scene);
  } catch (error) {
    await scene.cluster.showState();
    throw error;
  } finally {
    await scene.end();
  }
  await scene.step("the namespace goes", () => scene.cluster.remove());
}
