/** A cluster under clients that write and read all the time, for one test: what happens between is the test's business. */
import assert from "node:assert/strict";
import { judgeCluster } from "./judge.ts";
import { type ClusterOptions, ProcessCluster } from "./process-cluster.ts";
import { until } from "./until.ts";
import { type WorkDone, Workload, type WorkloadOptions } from "./workload.ts";

export interface Trial {
  readonly cluster: ProcessCluster;
  readonly work: Workload;
  /** Resolves when the clients have had so many more answers: the cluster serves. */
  served(more: number): Promise<void>;
}

export interface TrialOptions extends Partial<ClusterOptions> {
  readonly work?: Partial<WorkloadOptions>;
}

const seed = 5;

/** Three members and six clients where nothing else is said. At the end the network is healed and the cluster is judged. */
export async function underLoad(
  options: TrialOptions,
  happens: (trial: Trial) => Promise<void>,
): Promise<WorkDone> {
  const cluster = await ProcessCluster.start({ members: 3, ...options });
  try {
    const addresses = (): string[] => cluster.members.map(({ address }) => address);
    const work = new Workload({ addresses, seed, ...options.work });
    const served = async (more: number): Promise<void> => {
      const goal = work.acknowledged + more;
      await until(`${more} more answers`, () => (work.acknowledged >= goal ? true : undefined));
    };
    let done: WorkDone;
    try {
      await served(50);
      await happens({ cluster, work, served });
      await served(50);
    } finally {
      done = await work.stop();
    }
    cluster.network.heal();
    await cluster.untilLeader({ among: cluster.members });
    assert.deepEqual(await judgeCluster(cluster, done), []);
    return done;
  } finally {
    await cluster.close();
  }
}
