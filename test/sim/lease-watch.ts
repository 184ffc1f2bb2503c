/**
 * Looks at the leases of a run from time to time: whether members have those that the entries they have applied make, with their keys, and
 * whether those that nobody renews have ended in time.
 */
import { toText } from "../../node/lib/bytes.ts";
import { leaseText } from "./checkers/true-history.ts";
import type { SimCluster } from "./cluster.ts";
import type { Machine } from "./machine.ts";
import { appliedIndexOf } from "./member-view.ts";

const lookMs = 500;
/** Each so many looks, the members' leases are compared. */
const compareEvery = 4;

export class LeaseWatch {
  private readonly cluster: SimCluster;
  /** Since when one leader has held office and has been able to commit. */
  private stableSinceMs = 0;
  private leader = "";
  private committed = 0;
  private looks = 0;

  constructor(cluster: SimCluster) {
    this.cluster = cluster;
  }

  start(): void {
    const { cluster } = this;
    if (cluster.plan.leaseholders === 0) return;
    cluster.world.after(lookMs, () => {
      this.start();
      if (!this.isStable()) this.stableSinceMs = cluster.world.nowMs;
      cluster.leases.look(cluster.history, this.stableSinceMs);
      this.looks += 1;
      if (this.looks % compareEvery !== 0) return;
      for (const machine of cluster.machines) compareLeases(cluster, machine);
    });
  }

  /** The same leader as at the last look works, and has nothing uncommitted or has committed something since. */
  private isStable(): boolean {
    const process = this.cluster.leader;
    const view = process?.view;
    if (process === undefined || view === undefined) return false;
    const { id, term, committed, log, leadTransferee } = view;
    const name = `${id}/${term}`;
    const isProgress = committed > this.committed || committed === log.lastIndex;
    const isSame = name === this.leader;
    this.leader = name;
    this.committed = committed;
    return isSame && isProgress && leadTransferee === 0n && !process.loop.isHeldUp;
  }
}

function compareLeases(cluster: SimCluster, { process, name }: Machine): void {
  process?.loop.dispatch(() => {
    const { member } = process;
    if (member?.isRunning !== true || member.isInstalling || member.store.isWriting) return;
    const expected = cluster.history.leasesAt(appliedIndexOf(member));
    if (expected === undefined) return;
    const leases = member.lessor.all().map(({ id, ttlSeconds }) => ({
      id,
      ttlSeconds,
      keys: [...member.store.keysOfLease(id)].map(toText),
    }));
    cluster.counters.add("leaseStatesCompared");
    const found = leaseText(leases);
    if (found !== expected)
      cluster.violations.push(`${name} has the leases ${found}, not ${expected}`);
  });
}
