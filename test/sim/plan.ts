/**
 * What a run is made of, drawn from its seed by swarm testing: each run switches a random part of the faults on, with random rates, so that
 * runs differ much from each other and each fault also meets runs in which little else happens.
 */
import type { SeededRandom } from "../support/seeded-random.ts";
import type { NetworkConditions } from "./sim-network.ts";
import type { World } from "./world.ts";

export const tickMs = 100;
export const membersMax = 7;

export const faultKinds = [
  "partition",
  "oneWay",
  "crash",
  "crashAll",
  "kill",
  "restart",
  "slowDisk",
  "fullDisk",
  "bitRot",
  "clockJump",
  "stall",
  "transfer",
  "addMember",
  "removeMember",
  "joint",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Mean simulated time between two of them. */
  readonly meanMs: number;
}

export interface MachineConditions {
  /** A turn keeps the event loop busy for up to so long. */
  readonly busyMsMax: number;
  readonly diskMsMin: number;
  readonly diskMsSpread: number;
  /** Clocks run so much too fast or too slow. */
  readonly clockDriftMax: number;
}

/** The settings of a member that change what is likely to happen. */
export interface MemberTuning {
  readonly snapshotCount: number;
  readonly catchupEntries: number;
  readonly segmentBytes: number;
  readonly backendBatchIntervalMs: number;
  readonly backendBatchOps: number;
  readonly valueCacheBytesMax: number;
  readonly electionTicks: number;
}

export interface Plan {
  readonly seed: number;
  readonly members: number;
  /** Ticks with faults. */
  readonly ticks: number;
  readonly clients: number;
  readonly keys: number;
  readonly pauseMs: number;
  readonly compactRate: number;
  /** Clients that watch. */
  readonly watchers: number;
  /** Clients that hold leases. */
  readonly leaseholders: number;
  /** Mean pause between writes of several keys at once, and deletions of them. */
  readonly bulkPauseMs: number;
  /** How often a leader tells the others what is left of leases; undefined for never. */
  readonly leaseCheckpointIntervalMs: number | undefined;
  /** Clients talk gRPC over simulated byte streams, not to the member directly. */
  /** Values are this long; short ones make small log records, long ones such as a crash can tear. */
  readonly valueBytes: number;
  /** Transactions over several keys, which bind keys together for who judges. */
  readonly hasTransactions: boolean;
  readonly usesGrpc: boolean;
  readonly strictReconfigCheck: boolean;
  readonly network: NetworkConditions;
  readonly machine: MachineConditions;
  readonly tuning: MemberTuning;
  readonly faults: readonly PlannedFault[];
}

export interface PlanOptions {
  readonly seed: number;
  /** Drawn when not given. */
  readonly members?: number | undefined;
  readonly ticks?: number | undefined;
  /** These faults and no others; drawn when not given. */
  readonly faults?: readonly FaultKind[] | undefined;
  readonly usesGrpc?: boolean | undefined;
}

/** Operations that a run aims at; the pauses of the clients are made for it. */
const operationsAimed = 500;

/** Mean times between faults: seconds, shortest and longest. */
const meanSeconds: Readonly<Record<FaultKind, readonly [number, number]>> = {
  partition: [6, 40],
  oneWay: [6, 40],
  crash: [6, 40],
  crashAll: [30, 120],
  kill: [10, 60],
  restart: [15, 80],
  slowDisk: [10, 60],
  fullDisk: [30, 120],
  bitRot: [30, 150],
  clockJump: [5, 60],
  stall: [5, 40],
  transfer: [4, 40],
  addMember: [15, 60],
  removeMember: [20, 80],
  joint: [15, 60],
};

export function drawPlan(options: PlanOptions, world: World): Plan {
  const random = world.randomFor("plan");
  const members = options.members ?? drawMembers(random);
  const ticks = options.ticks ?? 1700 + random.below(600);
  const clients = 3 + random.below(4);
  const isCalm = random.chance(0.05);
  const faults =
    options.faults?.map((kind) => planned(kind, random)) ??
    faultKinds.filter(() => random.chance(isCalm ? 0 : 0.4)).map((kind) => planned(kind, random));
  return {
    seed: options.seed,
    members,
    ticks,
    clients,
    keys: 4 + random.below(6),
    pauseMs: Math.max(20, (ticks * tickMs * clients) / operationsAimed),
    compactRate: random.pick([0, 0.005, 0.02]),
    valueBytes: random.pick([0, 0, 300, 1500]),
    hasTransactions: random.chance(0.6),
    usesGrpc: options.usesGrpc ?? random.chance(0.04),
    strictReconfigCheck: random.chance(0.5),
    network: drawNetwork(random, options.faults !== undefined || isCalm),
    machine: {
      busyMsMax: random.pick([0, 0, 0.2, 2, 10]),
      diskMsMin: random.pick([0.05, 0.2, 1, 5]),
      diskMsSpread: random.pick([0.1, 1, 5, 30]),
      clockDriftMax: random.pick([0, 0.001, 0.02]),
    },
    tuning: drawTuning(random),
    faults,
    watchers: 1 + random.below(4),
    leaseholders: random.pick([0, 1, 1, 2]),
    bulkPauseMs: random.pick([4000, 10_000, 30_000]),
    leaseCheckpointIntervalMs: random.pick([undefined, undefined, 500, 1500]),
  };
}

function planned(kind: FaultKind, random: SeededRandom): PlannedFault {
  const [low, high] = meanSeconds[kind];
  return { kind, meanMs: (low + random.below(high - low)) * 1000 };
}

/** Three and five most often: that is what people run. */
function drawMembers(random: SeededRandom): number {
  return random.pick([1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7]);
}

function drawNetwork(random: SeededRandom, isGood: boolean): NetworkConditions {
  const rate = (choices: readonly number[]): number => (isGood ? 0 : random.pick(choices));
  return {
    delayMinMs: random.pick([0.05, 0.3, 2, 20]),
    delaySpreadMs: random.pick([0.1, 1, 5, 40]),
    lossRate: rate([0, 0, 0, 0.01, 0.05, 0.15]),
    duplicateRate: rate([0, 0, 0.02, 0.1]),
    reorderRate: rate([0, 0, 0.02, 0.1]),
    reorderSpreadMs: random.pick([20, 200, 1500]),
    bytesPerMs: random.pick([Infinity, Infinity, 1000, 30, 8]),
  };
}

function drawTuning(random: SeededRandom): MemberTuning {
  return {
    snapshotCount: random.pick([10, 25, 50, 100]),
    catchupEntries: random.pick([3, 10, 30]),
    segmentBytes: random.pick([4096, 8192, 32_768]),
    backendBatchIntervalMs: random.pick([20, 100, 1000]),
    backendBatchOps: random.pick([5, 40, 1000]),
    valueCacheBytesMax: random.pick([2048, 16_384, 1_048_576]),
    electionTicks: random.pick([5, 10, 10]),
  };
}
