/** A whole simulated cluster: machines, the network between them, and what is remembered of them for the checkers. */
import type { Message } from "../../node/raft/messages.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { HashChecker } from "./checkers/hash-checker.ts";
import { LeaseChecker } from "./checkers/lease-checker.ts";
import { LogChecker } from "./checkers/log-checker.ts";
import { TrueHistory } from "./checkers/true-history.ts";
import { VoteChecker } from "./checkers/vote-checker.ts";
import type { ClientDoor } from "./client-door.ts";
import { Counters } from "./counters.ts";
import { type Birth, Machine } from "./machine.ts";
import type { NetworkObserver, PeerLink } from "./peer-link.ts";
import { membersMax, type Plan, tickMs } from "./plan.ts";
import type { SimProcess } from "./process.ts";
import type { KvServer } from "./requests.ts";
import { SimNetwork } from "./sim-network.ts";
import type { World } from "./world.ts";

/** Machines beyond those of the largest cluster, so that dead ones can be replaced. */
const spares = 2;

export class SimCluster {
  readonly world: World;
  readonly plan: Plan;
  readonly random: SeededRandom;
  readonly network: SimNetwork;
  readonly links = new Map<number, PeerLink>();
  readonly machines: readonly Machine[];
  readonly checker = new LogChecker();
  readonly votes = new VoteChecker();
  readonly hashes = new HashChecker();
  readonly counters = new Counters();
  readonly history: TrueHistory;
  readonly leases: LeaseChecker;
  /** What must never happen, as it was found. */
  readonly violations: string[] = [];
  founding: Birth = { initialCluster: new Map(), initialClusterState: "new" };
  readonly observer: NetworkObserver = {
    sent: (from, to, message) => this.sent(from, to, message),
    received: (machine, message) => this.received(machine, message),
    snapshotEnded: (outcome) =>
      this.counters.add(outcome === "finished" ? "snapshotReceived" : "snapshotFailed"),
  };

  constructor(world: World, plan: Plan) {
    this.world = world;
    this.plan = plan;
    this.random = world.randomFor("cluster");
    const nowMs = (): number => world.nowMs;
    const { electionTicks } = plan.tuning;
    this.leases = new LeaseChecker({
      nowMs,
      clockDriftMax: plan.machine.clockDriftMax,
      electionTimeoutMs: electionTicks * tickMs,
      onViolation: (text) => this.violations.push(text),
    });
    this.history = new TrueHistory({
      nowMs,
      // Half as much again as an election takes, in whole seconds (etcd server.go).
      minTtlSeconds: Math.ceil((Math.floor((3 * electionTicks) / 2) * tickMs) / 1000),
      onRevoked: (lease, isByClient) => {
        this.counters.add(isByClient ? "leaseRevoked" : "leaseExpired");
        this.leases.revoked(lease, isByClient);
      },
    });
    this.checker.onCommitted = (entry) => this.history.committed(entry);
    this.network = new SimNetwork(world, plan.network);
    this.machines = Array.from({ length: membersMax + spares }, (_, at) => new Machine(this, at));
  }

  /** The first members found the cluster. */
  start(): void {
    const first = this.machines.slice(0, this.plan.members);
    const initialCluster = new Map(first.map(({ name, peerUrl }) => [name, [peerUrl]]));
    this.founding = { initialCluster, initialClusterState: "new" };
    for (const machine of first) {
      machine.state = "inUse";
      machine.isFounder = true;
      machine.startLater(this.random.below(300));
    }
  }

  /** What a new member on this machine is told of the cluster: the list of the member that has applied most. */
  joining(machine: Machine): Birth {
    const views = this.processes.flatMap(({ view }) => (view === undefined ? [] : [view]));
    const newest = views.toSorted((one, other) => other.applied - one.applied)[0];
    const initialCluster = new Map([[machine.name, [machine.peerUrl]]]);
    for (const { peerUrls } of newest?.cluster.members ?? []) {
      const number = this.network.machineAt(peerUrls);
      const name = number === undefined ? String(peerUrls[0]) : this.machines[number]?.name;
      initialCluster.set(name ?? "", [...peerUrls]);
    }
    return { initialCluster, initialClusterState: "existing" };
  }

  /** Machines whose member runs or will run again. */
  get inUse(): readonly Machine[] {
    return this.machines.filter(({ state }) => state === "inUse");
  }

  get processes(): readonly SimProcess[] {
    return this.machines.flatMap(({ process }) => (process === undefined ? [] : [process]));
  }

  /** What clients can call now. */
  readonly servers = (): readonly KvServer[] =>
    this.processes.flatMap(({ server }) => (server === undefined ? [] : [server]));

  /** As `servers`, for what is not a key-value request. */
  readonly doors = (): readonly ClientDoor[] =>
    this.processes.flatMap(({ door }) => (door === undefined ? [] : [door]));

  /** The one that leads the newest term. */
  get leader(): SimProcess | undefined {
    let leader: SimProcess | undefined;
    for (const process of this.processes) {
      const { view } = process;
      if (view?.role !== "leader") continue;
      if (leader === undefined || view.term > (leader.view?.term ?? 0)) leader = process;
    }
    return leader;
  }

  /** Something went wrong: the run may end. */
  get hasFailed(): boolean {
    return (
      this.violations.length > 0 ||
      this.checker.violations.length > 0 ||
      this.votes.violations.length > 0 ||
      this.hashes.violations.length > 0
    );
  }

  private received(machine: number, message: Message): void {
    const process = this.machines[machine]?.process;
    const log = process?.view?.log;
    if (log !== undefined) this.votes.asked(message, { term: log.lastTerm, index: log.lastIndex });
    process?.watch?.received(message);
  }

  private sent(from: number, to: number, message: Message): void {
    const { world, checker, counters } = this;
    checker.sawMessage(message);
    this.votes.answered(message);
    world.trace.number(from * 16 + to);
    world.trace.number(message.index);
    world.trace.number(message.term * 32 + message.entries.length);
    switch (message.type) {
      case "MsgProp":
        counters.add("proposalForwarded");
        break;
      case "MsgReadIndexResp":
        counters.add("readByFollower");
        break;
      case "MsgSnap":
        counters.add("snapshotSent");
        break;
      case "MsgPreVoteResp":
        if (message.reject) counters.add("preVoteRejected");
        break;
      case "MsgVoteResp":
        if (message.reject) counters.add("voteRejected");
        break;
      case "MsgAppResp":
        if (message.reject) counters.add("appendRejected");
        break;
      default:
    }
    if (world.trace.isWatched) world.trace.detail(world.nowMs, describe(from, to, message));
  }
}

function describe(from: number, to: number, message: Message): string {
  const { type, term, logTerm, index, entries, commit, reject, rejectHint } = message;
  const rest = [
    entries.length === 0 ? "" : ` entries=${entries.length}`,
    commit === 0 ? "" : ` commit=${commit}`,
    reject ? ` reject hint=${rejectHint}` : "",
  ].join("");
  return `m${from} -> m${to} ${type} term=${term} index=${index}/${logTerm}${rest}`;
}
