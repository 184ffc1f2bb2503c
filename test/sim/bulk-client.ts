/** A client that writes several keys in one revision and deletes them in one: events that belong together. It waits for no answer. */
import type { SeededRandom } from "../support/seeded-random.ts";
import type { SimCluster } from "./cluster.ts";
import { deleteRangeRequest, txnRequest } from "./requests.ts";

const keysMax = 8;
const keyOf = (at: number): string => `bulk/${at}`;

export class BulkClient {
  private readonly cluster: SimCluster;
  private readonly random: SeededRandom;
  private values = 0;
  private isOver = false;

  constructor(cluster: SimCluster) {
    this.cluster = cluster;
    this.random = cluster.world.randomFor("bulk");
  }

  start(): void {
    const { world, plan } = this.cluster;
    world.after(this.random.below(2 * plan.bulkPauseMs), () => {
      if (this.isOver) return;
      this.write();
      this.start();
    });
  }

  stop(): void {
    this.isOver = true;
  }

  private write(): void {
    const { random } = this;
    const servers = this.cluster.servers();
    if (servers.length === 0) return;
    const first = random.below(keysMax);
    const end = first + 1 + random.below(keysMax - first);
    const keys = Array.from({ length: end - first }, (_, at) => keyOf(first + at));
    const puts = keys.map((key) => ({ key, value: `b${++this.values}` }));
    const request = random.chance(0.6)
      ? txnRequest([], puts)
      : deleteRangeRequest(keyOf(first), keyOf(end));
    random.pick(servers).write(request, () => undefined);
  }
}
