/**
 * Does the faults of the plan, each kind at its own random times, until the run heals. It stays inside what Raft tolerates: everything may stop
 * at once, but what is durable is lost on one machine at a time only, and that machine's member is replaced before another one's turn.
 */
import type { SeededRandom } from "../support/seeded-random.ts";
import type { SimCluster } from "./cluster.ts";
import type { Machine } from "./machine.ts";
import type { MembershipAdmin } from "./membership-admin.ts";
import { cutRandomly } from "./partitions.ts";
import type { FaultKind, PlannedFault } from "./plan.ts";

/** A crashed machine is back after at most so long. */
const downMsMax = 15_000;
const dayMs = 86_400_000;

export class Nemesis {
  private readonly cluster: SimCluster;
  private readonly admin: MembershipAdmin;
  private readonly random: SeededRandom;
  private isOver = false;
  private readonly actions: Readonly<Record<FaultKind, () => void>> = {
    partition: () => this.partition(false),
    oneWay: () => this.partition(true),
    crash: () => this.crashOne(),
    crashAll: () => this.crashAll(),
    kill: () => this.killOne(),
    restart: () => this.restartOne(),
    slowDisk: () => this.slowDisk(),
    fullDisk: () => this.fillDisk(),
    bitRot: () => this.rot(),
    clockJump: () => this.jump(),
    stall: () => this.stall(),
    transfer: () => this.admin.moveLeader(),
    addMember: () => this.admin.addMember(),
    removeMember: () => this.admin.removeMember(),
    joint: () => this.admin.changeSeveral(),
  };

  constructor(cluster: SimCluster, admin: MembershipAdmin) {
    this.cluster = cluster;
    this.admin = admin;
    this.random = cluster.world.randomFor("nemesis");
  }

  start(): void {
    for (const fault of this.cluster.plan.faults) this.later(fault);
  }

  /** No more faults; what is broken now is mended by the run's end. */
  stop(): void {
    this.isOver = true;
  }

  /** Does one fault now. */
  act(kind: FaultKind): void {
    this.actions[kind]();
  }

  private later(fault: PlannedFault): void {
    const { world } = this.cluster;
    const uniform = (this.random.uint32() + 1) / 2 ** 32;
    world.after(-Math.log(uniform) * fault.meanMs, () => {
      if (this.isOver) return;
      this.act(fault.kind);
      this.later(fault);
    });
  }

  private partition(isOneWay: boolean): void {
    const { cluster, random } = this;
    const machines = cluster.inUse;
    if (machines.length < 2) return;
    const mend = cutRandomly({ network: cluster.network, machines, random, isOneWay });
    cluster.counters.add(isOneWay ? "oneWayPartition" : "partition");
    cluster.world.note(isOneWay ? "one-way partition" : "partition");
    cluster.world.after(300 + random.below(random.chance(0.3) ? 30_000 : 6000), () => {
      if (this.isOver) return;
      mend();
      cluster.world.note("partition mended");
    });
  }

  /** One that runs; sometimes on purpose the leader. */
  private victim(): Machine | undefined {
    const { random } = this;
    const up = this.cluster.inUse.filter(({ isUp }) => isUp);
    if (up.length === 0) return undefined;
    const leader = up.find(({ process }) => process?.view?.role === "leader");
    return leader !== undefined && random.chance(0.4) ? leader : random.pick(up);
  }

  private crashOne(): void {
    const machine = this.victim();
    if (machine === undefined) return;
    if (this.random.chance(0.4)) this.crash(machine, this.downMs());
    else if (this.random.chance(0.7)) this.crashWriting(machine, this.downMs());
    else for (const each of this.cluster.inUse) this.crashWriting(each, this.random.below(300));
  }

  private crash(machine: Machine, downMs: number): void {
    this.cluster.counters.add("crash");
    machine.crash();
    machine.startLater(downMs);
  }

  /** In the middle of the next write, which a crash at any moment would seldom meet. */
  private crashWriting(machine: Machine, downMs: number): void {
    const { process } = machine;
    if (process === undefined) return;
    machine.disk.duringNextWrite(() => {
      if (!this.isOver && machine.process === process) this.crash(machine, downMs);
    });
  }

  private crashAll(): void {
    this.cluster.counters.add("crashAll");
    const baseMs = this.random.below(2000);
    for (const machine of this.cluster.inUse) {
      machine.crash();
      machine.startLater(baseMs + this.random.below(2000));
    }
  }

  private killOne(): void {
    const machine = this.victim();
    if (machine === undefined) return;
    this.cluster.counters.add("kill");
    machine.kill();
    machine.startLater(this.downMs());
  }

  private restartOne(): void {
    const process = this.victim()?.process;
    if (process?.member !== undefined) process.stop();
  }

  private downMs(): number {
    const { random } = this;
    return random.chance(0.5) ? random.below(500) : random.below(downMsMax);
  }

  private slowDisk(): void {
    const machine = this.victim();
    if (machine === undefined) return;
    const { world, counters } = this.cluster;
    counters.add("slowDisk");
    machine.disk.slowDown(5 + this.random.below(100));
    world.note(`${machine.name} slow disk`);
    world.after(500 + this.random.below(10_000), () => machine.disk.slowDown(1));
  }

  private fillDisk(): void {
    const machine = this.victim();
    if (machine === undefined || machine.disk.isFull) return;
    const { world } = this.cluster;
    machine.disk.setFull(true);
    world.note(`${machine.name} disk full`);
    world.after(500 + this.random.below(8000), () => {
      machine.disk.setFull(false);
      world.note(`${machine.name} has room again`);
    });
  }

  /** Only where a quorum of good disks remains to replace the member from; and the process meets it at its next start at the latest. */
  private rot(): void {
    const { cluster, random } = this;
    const machine = this.victim();
    if (machine === undefined || cluster.inUse.length < 3) return;
    if (cluster.machines.some(({ isRotten, state }) => isRotten || state === "broken")) return;
    if (!this.admin.canLose(machine)) return;
    const place = machine.disk.rot();
    if (place === undefined) return;
    machine.isRotten = true;
    cluster.counters.add("bitRot");
    cluster.world.note(`${machine.name} rots: ${place}`);
    cluster.world.after(random.below(20_000), () => {
      if (this.isOver || !machine.isRotten || machine.state !== "inUse") return;
      machine.crash();
      machine.startLater(100);
    });
  }

  private jump(): void {
    const machine = this.victim();
    if (machine === undefined) return;
    const { random } = this;
    const far = random.pick([2000, 60_000, dayMs, 400 * dayMs]);
    const byMs = random.below(far) * random.pick([-1, 1]);
    this.cluster.counters.add("clockJump");
    this.cluster.world.note(`${machine.name} date jumps by ${byMs} ms`);
    machine.clock.jump(byMs);
  }

  private stall(): void {
    const machine = this.victim();
    if (machine?.process === undefined) return;
    const forMs = 100 + this.random.below(this.random.chance(0.3) ? 10_000 : 2500);
    this.cluster.counters.add("stall");
    this.cluster.world.note(`${machine.name} stalls for ${forMs} ms`);
    machine.process.loop.stall(forMs);
  }
}
