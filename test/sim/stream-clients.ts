/** The clients of a run that watch, those that hold leases, and one that writes several keys at once. */
import { BulkClient } from "./bulk-client.ts";
import type { SimCluster } from "./cluster.ts";
import { LeaseClient } from "./lease-client.ts";
import { WatchClient } from "./watch-client.ts";

export class StreamClients {
  private readonly watchers: readonly WatchClient[];
  private readonly leaseholders: readonly LeaseClient[];
  private readonly bulk: BulkClient;

  constructor(cluster: SimCluster) {
    const { watchers, leaseholders } = cluster.plan;
    this.watchers = Array.from({ length: watchers }, (_, at) => new WatchClient(cluster, at));
    this.leaseholders = Array.from(
      { length: leaseholders },
      (_, at) => new LeaseClient(cluster, at),
    );
    this.bulk = new BulkClient(cluster);
  }

  start(): void {
    for (const client of [...this.watchers, ...this.leaseholders, this.bulk]) client.start();
  }

  /** Nothing more is written or renewed; who watches goes on. */
  stop(): void {
    for (const client of [...this.leaseholders, this.bulk]) client.stop();
  }

  /** Watchers read at once what they get, and stay where they are. */
  settle(): void {
    for (const client of this.watchers) client.settle();
  }

  /** An event that some watcher still has to get; undefined when all have got all. */
  get missing(): string | undefined {
    return this.watchers.map(({ missing }) => missing).find((text) => text !== undefined);
  }

  /** Events that were compared, of all watchers. */
  get compared(): number {
    return this.watchers.reduce((sum, { compared }) => sum + compared, 0);
  }
}
