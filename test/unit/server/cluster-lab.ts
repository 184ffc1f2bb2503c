/**
 * Several members in one simulated world with a network that delivers everything after a millisecond: for tests of what members do together.
 * Faults are the simulator's matter; here a machine is on or off.
 */
import type { BackendSnapshot } from "../../../node/backend/backend-snapshot.ts";
import { MemoryDisks, MemoryHome } from "../../../node/backend/memory-home.ts";
import { serverVersion } from "../../../node/lib/etcd-version.ts";
import type { Timers } from "../../../node/lib/ports.ts";
import type { MemberId } from "../../../node/lib/units.ts";
import type { Message } from "../../../node/raft/messages.ts";
import { Member } from "../../../node/server/member.ts";
import type { MemberConfig } from "../../../node/server/member-options.ts";
import type {
  PeerIdentity,
  PeerNetwork,
  PeerReceiver,
  PeerTransport,
} from "../../../node/server/peer-transport.ts";
import { LabWorld } from "../../support/lab-world.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { quiet } from "../wal/wal-lab.ts";
import { config } from "./member-lab.ts";

const delayMs = 1;
const dialMs = 500;

export const urlOf = (name: string): string => `http://${name}:2380`;
export const clusterOfNames = (...names: readonly string[]): ReadonlyMap<string, string[]> =>
  new Map(names.map((name) => [name, [urlOf(name)]]));

/** One machine: its disks outlive its processes. */
export class LabMachine {
  readonly name: string;
  readonly disks = new MemoryDisks();
  fs = new MemoryFs();
  readonly fatal: Error[] = [];
  removals = 0;
  /** Timers of a process that was killed never run again. */
  life = 0;
  member: Member | undefined;
  /** While a process is up. */
  link:
    | { readonly id: MemberId; readonly receiver: PeerReceiver; readonly sinceMs: number }
    | undefined;

  constructor(name: string) {
    this.name = name;
  }
}

export class ClusterLab {
  readonly world = new LabWorld(1);
  readonly machines = new Map<string, LabMachine>();

  machine(name: string): LabMachine {
    const known = this.machines.get(name) ?? new LabMachine(name);
    this.machines.set(name, known);
    return known;
  }

  /** The member that runs there. */
  at(name: string): Member {
    const { member } = this.machine(name);
    if (member === undefined) throw new Error(`${name} is off`);
    return member;
  }

  /** Begins to start a member; it may need others to come up. */
  starting(name: string, changes: Partial<MemberConfig> = {}): Promise<Member> {
    const machine = this.machine(name);
    const { world } = this;
    const life = ++machine.life;
    const ifAlive = (run: () => void) => () => {
      if (life === machine.life) run();
    };
    const timers: Timers = {
      after: (ms, run) => world.after(ms, ifAlive(run)),
      every: (periodMs, run) => world.every(periodMs, ifAlive(run)),
      endOfTurn: (run) => world.endOfTurn(ifAlive(run)),
    };
    machine.fs.setComplete((run) => void world.after(0.5, ifAlive(run)));
    return this.begin(machine, timers, changes);
  }

  private async begin(
    machine: LabMachine,
    timers: Timers,
    changes: Partial<MemberConfig>,
  ): Promise<Member> {
    const { name, fs, disks } = machine;
    timers.every(dialMs, () => this.dial(machine));
    const home = new MemoryHome(disks, { timers, commitDelayMs: () => 2 });
    const member = await Member.start({
      ports: { clock: this.world, timers, random: this.world.random, fs, logger: quiet },
      config: {
        ...config,
        name,
        peerUrls: [urlOf(name)],
        clientUrls: [`http://${name}:2379`],
        ...changes,
      },
      paths: { wal: "/data/member/wal", snap: "/data/member/snap", backend: "/data/backend" },
      walOptions: { fs, timers, logger: quiet, segmentBytes: 8192, maxWals: 1 },
      home,
      backend: await home.open(),
      peers: this.networkOf(machine),
      onFatal: (error) => void machine.fatal.push(error),
      onRemoved: () => {
        machine.removals += 1;
      },
    });
    machine.member = member;
    return member;
  }

  /** As a transport does that keeps trying to connect: those who have removed the member here say so. */
  private dial({ link }: LabMachine): void {
    if (link === undefined) return;
    for (const { link: other, member } of this.machines.values()) {
      if (other === undefined || member?.cluster.isRemoved(link.id) !== true) continue;
      if (other !== link) link.receiver.removed(other.id);
    }
  }

  /** Founders of a new cluster, all at once. */
  async found(...names: readonly string[]): Promise<void> {
    const initialCluster = clusterOfNames(...names);
    await this.settled(Promise.all(names.map((name) => this.starting(name, { initialCluster }))));
  }

  /** The process is gone; what it wrote is there. */
  kill(name: string): void {
    const machine = this.machine(name);
    machine.life += 1;
    machine.member = undefined;
    machine.link = undefined;
    machine.disks.crash("durable");
    // The next process finds the files as they are, and unlocked.
    machine.fs = machine.fs.crash(this.world.random, "everything");
  }

  async stop(name: string): Promise<void> {
    const machine = this.machine(name);
    await this.settled(this.at(name).stop());
    machine.member = undefined;
    machine.link = undefined;
  }

  get leader(): Member {
    const members = [...this.machines.values()].flatMap(({ member }) => member ?? []);
    const leader = members.find(({ raftStatus }) => raftStatus.role === "leader");
    if (leader === undefined) throw new Error("nobody leads");
    return leader;
  }

  /** Runs the world until the promise is settled; throws when that takes a minute. */
  async settled<Value>(promise: Promise<Value>): Promise<Value> {
    let isDone = false;
    const end = (): void => {
      isDone = true;
    };
    promise.then(end, end);
    await this.until(() => isDone, 60_000);
    return promise;
  }

  async until(isDone: () => boolean, limitMs = 20_000): Promise<void> {
    await this.turnEnds();
    const until = this.world.monotonicMs() + limitMs;
    if (!(await this.world.run(isDone, until))) throw new Error("it does not happen");
  }

  async pass(ms: number): Promise<void> {
    await this.turnEnds();
    const until = this.world.monotonicMs() + ms;
    this.world.at(until, () => undefined);
    await this.world.run(() => false, until);
  }

  private async turnEnds(): Promise<void> {
    this.world.after(0, () => undefined);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  private linked(id: MemberId): LabMachine["link"] {
    return [...this.machines.values()].find(({ link }) => link?.id === id)?.link;
  }

  private networkOf(machine: LabMachine): PeerNetwork {
    return {
      fetchCluster: async (urls) => {
        await new Promise<void>((resolve) => void this.world.after(delayMs, resolve));
        for (const { name, link } of this.machines.values()) {
          const known = urls.includes(urlOf(name)) ? link?.receiver.members() : undefined;
          if (known !== undefined && known.members.length > 0) return known;
        }
        return undefined;
      },
      open: (identity, receiver) => this.open(machine, identity, receiver),
    };
  }

  private open(
    machine: LabMachine,
    { memberId: id }: PeerIdentity,
    receiver: PeerReceiver,
  ): PeerTransport {
    const { world } = this;
    const link = { id, receiver, sinceMs: world.monotonicMs() };
    const peers = new Set<MemberId>();
    const isUp = (): boolean => machine.link === link;
    machine.link = link;
    return {
      send: (messages) => {
        for (const message of messages) {
          world.after(delayMs, () => {
            if (isUp() && peers.has(message.to)) this.linked(message.to)?.receiver.receive(message);
          });
        }
      },
      sendSnapshot: (message, body, done) => {
        this.carry(message, body).then(done, () => done("failed"));
      },
      setPeer: (peer) => void peers.add(peer),
      removePeer: (peer) => void peers.delete(peer),
      activeSinceMs: (peer) => {
        const other = peers.has(peer) ? this.linked(peer) : undefined;
        return other === undefined ? undefined : Math.max(other.sinceMs, link.sinceMs);
      },
      promote: (leader, learner) => {
        const other = this.linked(leader);
        return other === undefined
          ? Promise.reject(new Error("down"))
          : other.receiver.promote(learner);
      },
      renewLease: (leader, lease) =>
        this.linked(leader)?.receiver.renewLease(lease) ?? Promise.reject(new Error("down")),
      leaseTimes: (leader, lease, withKeys) =>
        this.linked(leader)?.receiver.leaseTimes(lease, withKeys) ??
        Promise.reject(new Error("down")),
      versions: async () =>
        new Map([...peers].map((peer) => [peer, this.linked(peer) && serverVersion])),
      isEtcdTs: (peer) => this.linked(peer) !== undefined,
      close: () => {
        if (isUp()) machine.link = undefined;
      },
    };
  }

  private async carry(message: Message, body: BackendSnapshot): Promise<"finished" | "failed"> {
    try {
      const to = this.linked(message.to);
      if (to === undefined) return "failed";
      const writing = await to.receiver.receiveSnapshot();
      for await (const chunk of body.chunks()) await writing.write(chunk);
      await writing.finish();
      to.receiver.receive(message);
      return "finished";
    } catch {
      return "failed";
    } finally {
      body.release();
    }
  }
}
