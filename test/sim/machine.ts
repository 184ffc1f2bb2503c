/** One machine of a run: disk, clock and address, which outlive the processes that run on it one after the other. */
import type { MembershipSettings } from "../../node/server/member-options.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { SimCluster } from "./cluster.ts";
import { MachineDisk } from "./machine-disk.ts";
import { type ProcessEnd, SimProcess } from "./process.ts";
import { SimClock } from "./sim-clock.ts";

/** How a member with an empty disk comes to its cluster. */
export type Birth = Pick<MembershipSettings, "initialCluster" | "initialClusterState">;

export type MachineState =
  /** Not part of the cluster: a spare, or its member was removed. */
  | "unused"
  /** Its process runs, or is about to start again. */
  | "inUse"
  /** Its member was removed and has ended; its disk is kept until the cluster has surely gone on without it. */
  | "removed"
  /** Its data went bad: its member will not come back. */
  | "broken";

/** How long a member that was stopped by a full disk waits before it is started again, if room was made. */
const restartMs = 500;

export class Machine {
  readonly cluster: SimCluster;
  readonly number: number;
  readonly random: SeededRandom;
  readonly clock: SimClock;
  readonly disk: MachineDisk;
  state: MachineState = "unused";
  /** One of the members that the cluster began with. */
  isFounder = false;
  process: SimProcess | undefined;
  /** A bit of its disk has gone bad, and it was not replaced since. */
  isRotten = false;
  /** Counts members that lived here: each has an address of its own. */
  private generation = 0;

  constructor(cluster: SimCluster, number: number) {
    const { world, plan } = cluster;
    this.cluster = cluster;
    this.number = number;
    this.random = world.randomFor(`machine ${number}`);
    const drift = (this.random.uint32() / 2 ** 31 - 1) * plan.machine.clockDriftMax;
    this.clock = new SimClock(world, {
      rate: 1 + drift,
      dateOffsetMs: this.random.below(4000) - 2000,
      startMs: 1000 + this.random.below(100_000),
    });
    this.disk = new MachineDisk(world, this.random, plan.machine);
    cluster.network.listen(this.peerUrl, number);
  }

  get name(): string {
    return `m${this.number}${this.generation === 0 ? "" : `.${this.generation}`}`;
  }

  get peerUrl(): string {
    return `http://${this.name}:2380`;
  }

  /** For a member without data: whom it will find. */
  get birth(): Birth {
    return this.isFounder ? this.cluster.founding : this.cluster.joining(this);
  }

  get isUp(): boolean {
    return this.process !== undefined;
  }

  /** Starts the member, unless it runs or has no data to run with. */
  start(): void {
    if (this.process !== undefined || this.state !== "inUse") return;
    const { world, counters } = this.cluster;
    if (this.disk.hasData) counters.add("restart");
    world.note(`${this.name} starts`);
    this.process = new SimProcess(this, (end) => this.ended(end));
    this.process.start();
  }

  /** Power fails. */
  crash(): void {
    this.endProcess("crash");
    this.disk.crash();
  }

  /** The process is killed, or runs out of memory; what it wrote stays. */
  kill(): void {
    this.endProcess("kill");
    this.disk.kill();
  }

  /** Its disk cannot be trusted: the member is to be replaced. */
  giveUp(): void {
    this.endProcess("is given up");
    this.state = "broken";
  }

  /** Everything that was on it is gone, and a new member may come to it. */
  wipe(): void {
    this.endProcess("wipe");
    this.disk.wipe();
    this.isRotten = false;
    this.isFounder = false;
    this.generation += 1;
    this.state = "unused";
    // The next member has another address: with the old one it would be taken, by who is behind, for the one whose data is gone.
    this.cluster.network.forget(this.number);
    this.cluster.network.listen(this.peerUrl, this.number);
  }

  /** Starts again after a while. */
  startLater(delayMs: number): void {
    this.cluster.world.after(delayMs, () => this.start());
  }

  private endProcess(how: string): void {
    this.cluster.world.note(`${this.name} ${how}`);
    this.process?.kill();
    this.process = undefined;
  }

  private ended(end: ProcessEnd): void {
    const { world, counters } = this.cluster;
    this.process = undefined;
    world.note(
      `${this.name} ended: ${end.kind}${end.kind === "failed" ? ` ${end.error.message}` : ""}`,
    );
    // What was written and not synced stays with the machine.
    this.disk.kill();
    if (
      end.kind === "removed" ||
      (end.kind === "failed" && end.error.name === "MemberRemovedError")
    ) {
      this.state = "removed";
      return;
    }
    if (end.kind === "stopped") {
      counters.add("orderlyStop");
      this.startLater(this.random.below(2000));
      return;
    }
    this.failed(end.error);
  }

  private failed(error: Error): void {
    const { counters, violations } = this.cluster;
    if (isNoSpace(error)) {
      counters.add("diskFull");
      if (!isClear(error))
        violations.push(`${this.name} does not say that its disk is full: ${error.message}`);
      this.startLater(restartMs);
    } else if (this.isRotten && isCorruption(error)) {
      counters.add("bitRotFound");
      this.state = "broken";
    } else if (!this.isFounder && isJoinRefused(error)) {
      this.startLater(300 + this.random.below(1500));
    } else {
      violations.push(`${this.name} died: ${error.stack ?? error.message}${causeOf(error)}`);
    }
  }
}

const causeOf = ({ cause }: Error): string =>
  cause instanceof Error ? `\ncaused by ${cause.stack ?? cause.message}` : "";

/** The error, or what caused it, says that the disk is full. */
function isNoSpace(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("code" in error && error.code === "ENOSPC") || isNoSpace(error.cause);
}

/** The cluster is not what the new member was told: somebody has to look again, and start it again. */
const isJoinRefused = ({ message }: Error): boolean =>
  message.startsWith("cannot fetch cluster info") ||
  message.startsWith("error validating peerURLs") ||
  message.startsWith("membership: too many learner");

/** The operator is told what to do. */
const isClear = (error: Error): boolean =>
  error.message.includes("the file system is full") ||
  (error.cause instanceof Error && isClear(error.cause));

function isCorruption(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "CorruptionError" || isCorruption(error.cause);
}
