/** One life of a machine's member, from the start of the process to its end, however it ends. */
import { GrpcServer } from "../../node/grpc/server.ts";
import type { Logger } from "../../node/lib/ports.ts";
import { registerServices } from "../../node/rpc/services.ts";
import { Member } from "../../node/server/member.ts";
import { recoverReceived } from "../../node/server/received-state.ts";
import { ClientDoor } from "./client-door.ts";
import { DirectServer } from "./direct-server.ts";
import { EventLoop } from "./event-loop.ts";
import { GrpcKvServer } from "./grpc-server.ts";
import type { Machine } from "./machine.ts";
import { MemberView } from "./member-view.ts";
import { MemberWatch } from "./member-watch.ts";
import type { PeerLink } from "./peer-link.ts";
import { tickMs } from "./plan.ts";
import { ProcessPeers } from "./process-peers.ts";
import type { KvServer } from "./requests.ts";

const paths = { wal: "/member/wal", snap: "/member/snap", backend: "memory" };
const requestBytesMax = 1024 * 1024;

/** How a process ended by itself. */
export type ProcessEnd =
  | { readonly kind: "failed"; readonly error: Error }
  | { readonly kind: "removed" }
  | { readonly kind: "stopped" };

export class SimProcess {
  readonly loop: EventLoop;
  /** The member, once it has published itself: from then on it serves clients. */
  member: Member | undefined;
  /** From the moment it takes part in raft. */
  view: MemberView | undefined;
  watch: MemberWatch | undefined;
  /** What clients call; undefined until it serves. */
  server: KvServer | undefined;
  /** As `server`, for watches and leases. */
  door: ClientDoor | undefined;
  private readonly machine: Machine;
  private readonly onEnd: (end: ProcessEnd) => void;
  private isOver = false;
  private closeServer: () => void = () => undefined;

  constructor(machine: Machine, onEnd: (end: ProcessEnd) => void) {
    this.machine = machine;
    this.onEnd = onEnd;
    const { world, plan, random } = machine.cluster;
    const { busyMsMax } = plan.machine;
    this.loop = new EventLoop({
      world,
      clock: machine.clock,
      busyMs: () => (busyMsMax === 0 ? 0 : (random.uint32() / 2 ** 32) ** 4 * busyMsMax),
      onTurn: () => this.watch?.turn(),
      onUncaught: (error) => this.end({ kind: "failed", error }),
    });
  }

  start(): void {
    this.machine.cluster.world.promised();
    this.run().catch((error: unknown) => this.end({ kind: "failed", error: error as Error }));
  }

  /** Nothing of it runs any more. */
  kill(): void {
    this.isOver = true;
    this.loop.kill();
    this.link?.close();
    this.closeServer();
  }

  /** As SIGTERM: leadership is handed over, everything applied is made durable. */
  stop(): void {
    const { member } = this;
    this.machine.cluster.world.note(`${this.machine.name} is to stop`);
    // Nobody connects to it any more.
    this.server = undefined;
    this.door = undefined;
    if (member === undefined) {
      this.end({ kind: "stopped" });
      return;
    }
    this.loop.dispatch(() => {
      this.machine.cluster.world.promised();
      member.stop().then(
        () => this.end({ kind: "stopped" }),
        (error: unknown) => this.end({ kind: "failed", error: error as Error }),
      );
    });
  }

  get link(): PeerLink | undefined {
    const link = this.machine.cluster.links.get(this.machine.number);
    return link?.options.loop === this.loop ? link : undefined;
  }

  private async run(): Promise<void> {
    const { machine, loop } = this;
    const { world, plan, network, links, observer } = machine.cluster;
    const { tuning } = plan;
    const { clock } = machine;
    const logger = this.logger();
    const home = machine.disk.attach(loop);
    const { fs } = machine.disk;
    const walOptions = { fs, timers: loop, logger, segmentBytes: tuning.segmentBytes, maxWals: 1 };
    const parts = { fs, logger, paths, walOptions, home };
    const backend = await recoverReceived({ ...parts, backend: await home.open() });
    const peers = new ProcessPeers({
      world,
      network,
      links,
      machine: machine.number,
      loop,
      clock,
      observer,
      onOpen: ({ memberId }, receiver) => {
        this.view = new MemberView(memberId, receiver);
        this.watch = this.newWatch(this.view);
      },
    });
    const member = await Member.start({
      ports: { clock, timers: loop, random: machine.random, fs, logger },
      config: {
        ...tuning,
        ...machine.birth,
        name: machine.name,
        peerUrls: [machine.peerUrl],
        clientUrls: [`http://${machine.name}:2379`],
        clusterToken: "sim",
        tickMs,
        maxSnapshots: 2,
        requestBytesMax,
        compactionBatchRecords: 20,
        strictReconfigCheck: plan.strictReconfigCheck,
        leaseCheckpointIntervalMs: plan.leaseCheckpointIntervalMs,
        maxLearners: 2,
      },
      paths,
      walOptions,
      home,
      backend,
      peers,
      onFatal: (error) => this.end({ kind: "failed", error }),
      onRemoved: () => this.removed(),
    });
    this.member = member;
    this.serve(member);
    world.note(
      `${machine.name} serves revision=${member.store.currentRevision} applied=${member.raft.applied}`,
    );
  }

  /** The member knows that it was removed: it closes its files and ends. */
  private removed(): void {
    if (this.member === undefined) this.end({ kind: "removed" });
    else {
      const ended = (): void => this.end({ kind: "removed" });
      this.member.stop().then(ended, ended);
    }
  }

  private end(end: ProcessEnd): void {
    if (this.isOver) return;
    this.kill();
    this.onEnd(end);
  }

  private serve(member: Member): void {
    const { machine, loop } = this;
    const { world, plan, network } = machine.cluster;
    if (plan.usesGrpc) {
      const grpc = new GrpcServer({
        clock: machine.clock,
        timers: loop,
        logger: this.logger(),
        receiveMessageBytesMax: requestBytesMax,
        maxConcurrentStreams: 1000,
      });
      registerServices(grpc, member, { txnOpsMax: 128 });
      const server = new GrpcKvServer({
        world,
        loop,
        random: machine.random,
        accept: (socket) => grpc.serve(socket),
      });
      this.open(member, server);
    } else {
      const server = new DirectServer({ world, loop, member, delayMs: () => network.delayMs() });
      this.open(member, server);
    }
  }

  private open(member: Member, server: KvServer & { close(): void }): void {
    const { loop } = this;
    const { world, network } = this.machine.cluster;
    const delayMs = (): number => network.delayMs();
    const door = new ClientDoor({ world, loop, member, server, delayMs });
    this.server = server;
    this.door = door;
    this.closeServer = () => {
      server.close();
      door.close();
    };
  }

  private newWatch(view: MemberView): MemberWatch {
    const { world, checker, counters, network, violations } = this.machine.cluster;
    return new MemberWatch({
      world,
      name: this.machine.name,
      view,
      checker,
      counters,
      revision: () =>
        this.member?.isInstalling === false ? this.member.store.currentRevision : undefined,
      pendingProposals: () => this.member?.pendingProposals ?? 0,
      isPartitioned: () => network.cutCount > 0,
      onViolation: (text) => violations.push(text),
    });
  }

  /** Counts by what the member tells, and shows it to who watches. */
  private logger(): Logger {
    const { machine } = this;
    const { world, counters } = machine.cluster;
    const at =
      (level: string): Logger["info"] =>
      (message, fields) => {
        if (world.trace.isWatched) {
          const text = fields === undefined ? "" : ` ${JSON.stringify(fields, printable)}`;
          world.trace.detail(world.nowMs, `${machine.name} ${level} ${message}${text}`);
        }
        if (this.isOver) return;
        if (message.startsWith("repaired the log") || message.startsWith("zeroing the rest"))
          counters.add("walRepaired");
        else if (message === "applied snapshot") counters.add("snapshotInstalled");
        else if (message === "finished scheduled compaction") counters.add("compaction");
        else if (message === "starting local member" && Number(fields?.["replayed-entries"]) > 0) {
          counters.add("backendReplayed");
        }
      };
    return { debug: () => undefined, info: at("info"), warn: at("warn"), error: at("error") };
  }
}

const printable = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? value.toString(16) : value;
