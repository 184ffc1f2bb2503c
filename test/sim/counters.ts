/** Counts of rare events: a run is worth what happened in it. The essential ones must each happen somewhere in a sweep. */

/** Every counter with what it counts, in the order of the table. */
export const counterNames = {
  election: "elections begun",
  leader: "leaders elected",
  stepDownQuorum: "leaders that stepped down for want of a quorum",
  preVoteRejected: "pre-votes rejected",
  voteRejected: "votes rejected",
  transferDone: "leaderships handed over",
  transferAborted: "hand-overs given up",
  leaderMovedMidBatch: "leader moved with proposals under way",
  proposalForwarded: "proposals passed on by a follower",
  readByFollower: "reads confirmed for a follower",
  appendRejected: "appends rejected",
  snapshotSent: "snapshots sent",
  snapshotReceived: "snapshots received whole",
  snapshotInstalled: "snapshots installed",
  snapshotFailed: "snapshots that failed on the way",
  confChange: "membership changes applied",
  jointEntered: "joint configurations entered",
  jointLeft: "joint configurations left",
  learnerAdded: "learners added",
  learnerPromoted: "learners promoted",
  learnerPromotedPartition: "learners promoted under partition",
  memberRemoved: "members removed",
  memberReplaced: "dead members replaced",
  crash: "crashes",
  crashAll: "crashes of all machines at once",
  kill: "processes killed",
  restart: "starts from a disk with data",
  orderlyStop: "orderly stops",
  walRepaired: "torn logs repaired",
  backendReplayed: "starts that replayed entries into the backend",
  partition: "partitions",
  oneWayPartition: "one-way partitions",
  stall: "stalls",
  clockJump: "clock jumps",
  slowDisk: "slow disks",
  diskFull: "members stopped by a full disk",
  bitRot: "bits rotted",
  bitRotFound: "members stopped by rot",
  compaction: "compactions of revisions",
  unknownOutcome: "operations of unknown outcome",
  hashCompared: "hashes compared",
  watchEvent: "events of watchers compared",
  watchProgress: "progress notifications checked",
  watchFull: "watch streams that were full",
  watchMoved: "watch streams that ended and went on elsewhere",
  watchCompacted: "watches ended by a compaction",
  leaseGranted: "leases granted",
  leaseRenewed: "renewals acknowledged",
  leaseTimesTold: "answers about what is left of a lease",
  leaseExpired: "leases that the leader ended",
  leaseRevoked: "leases that clients revoked",
  leaseStatesCompared: "states of leases compared",
} as const;

export type CounterName = keyof typeof counterNames;

/** A sweep in which one of these is zero has not tested what it says it tests. */
const essentialCounters: readonly CounterName[] = [
  "leader",
  "stepDownQuorum",
  "preVoteRejected",
  "transferDone",
  "transferAborted",
  "leaderMovedMidBatch",
  "proposalForwarded",
  "readByFollower",
  "appendRejected",
  "snapshotSent",
  "snapshotInstalled",
  "confChange",
  "jointEntered",
  "jointLeft",
  "learnerPromotedPartition",
  "memberRemoved",
  "walRepaired",
  "backendReplayed",
  "oneWayPartition",
  "stall",
  "clockJump",
  "diskFull",
  "bitRotFound",
  "hashCompared",
  "watchProgress",
  "watchFull",
  "watchMoved",
  "watchCompacted",
  "leaseRenewed",
  "leaseExpired",
  "leaseRevoked",
  "leaseStatesCompared",
];

export type CounterValues = Readonly<Partial<Record<CounterName, number>>>;

export class Counters {
  private readonly counts = new Map<CounterName, number>();

  add(name: CounterName, count = 1): void {
    this.counts.set(name, this.get(name) + count);
  }

  get(name: CounterName): number {
    return this.counts.get(name) ?? 0;
  }

  addAll(values: CounterValues): void {
    for (const name of namesOf(values)) this.add(name, values[name] ?? 0);
  }

  values(): CounterValues {
    return Object.fromEntries(this.counts);
  }

  /** Essential ones that never happened. */
  missing(): readonly CounterName[] {
    return essentialCounters.filter((name) => this.get(name) === 0);
  }

  /** Lines of a table. */
  table(): readonly string[] {
    return namesOf(counterNames).map((name) => {
      const mark = essentialCounters.includes(name) && this.get(name) === 0 ? "  MISSING" : "";
      return `${String(this.get(name)).padStart(12)}  ${counterNames[name]}${mark}`;
    });
  }
}

const namesOf = (values: object): CounterName[] => Object.keys(values) as CounterName[];
