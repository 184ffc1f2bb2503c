/** One simulated machine: a disk that outlives its process, and the member that runs on it from one crash to the next. */
import { MemoryBackend } from "../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../node/backend/memory-disk.ts";
import { GrpcServer } from "../../node/grpc/server.ts";
import { cloneBytes } from "../../node/lib/bytes.ts";
import type { DurableFile, Logger } from "../../node/lib/ports.ts";
import { registerServices } from "../../node/rpc/services.ts";
import { Member } from "../../node/server/member.ts";
import { MemoryFs } from "../support/memory-fs.ts";
import type { SimNet } from "./network.ts";
import type { World } from "./world.ts";

export const clientPort = 2379;

export interface MachineOptions {
  readonly world: World;
  readonly net: SimNet;
  /** Breaks the member on purpose: the log says "durable" before it is. The checkers must notice. */
  readonly lyingLog: boolean;
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Reports each write as durable although nothing ever syncs it. */
class LyingFs extends MemoryFs {
  override async openDurable(path: string): Promise<DurableFile> {
    const file = await this.open(path, "readWrite");
    return {
      write: (bytes, length, position, done) => {
        file.write(cloneBytes(bytes, 0, length), position).then(
          () => done(null),
          (error: unknown) => done(error as Error),
        );
      },
      close: () => file.close(),
    };
  }
}

export class Machine {
  private readonly options: MachineOptions;
  private fs: MemoryFs;
  private readonly disk = new MemoryDisk();
  private life = 0;
  private isUp = false;
  isServing = false;
  /** Why the member ended by itself; a run must never see this. */
  fatal: Error | undefined;

  constructor(options: MachineOptions) {
    this.options = options;
    this.fs = options.lyingLog ? new LyingFs() : new MemoryFs();
  }

  /** Starts the process, unless it runs: serves as soon as the member has published itself. */
  start(): void {
    if (this.isUp) return;
    this.isUp = true;
    const { world, net } = this.options;
    const life = ++this.life;
    this.fs.setComplete(
      (run) => void world.after(0.1 + world.random.below(20) / 10, () => this.ifAlive(life, run)),
    );
    const timers = {
      after: (delayMs: number, run: () => void) =>
        world.after(delayMs, () => this.ifAlive(life, run)),
      every: (periodMs: number, run: () => void) =>
        world.every(periodMs, () => this.ifAlive(life, run)),
      endOfTurn: (run: () => void) => world.endOfTurn(() => this.ifAlive(life, run)),
    };
    const backend = new MemoryBackend(this.disk, {
      timers,
      commitDelayMs: () => 1 + world.random.below(10),
    });
    const { fs } = this;
    Member.start({
      ports: { clock: world, timers, random: world.random, fs, logger: silent },
      config: {
        name: "sim",
        peerUrls: ["http://sim:2380"],
        clientUrls: ["http://sim:2379"],
        clusterToken: "sim",
        tickMs: 100,
        electionTicks: 10,
        snapshotCount: 50,
        maxSnapshots: 2,
        catchupEntries: 10,
        backendBatchIntervalMs: 20,
        backendBatchOps: 40,
        valueCacheBytesMax: 16 * 1024,
        requestBytesMax: 1024 * 1024,
      },
      paths: { wal: "/member/wal", snap: "/member/snap", backend: "memory" },
      walOptions: { fs, timers, logger: silent, segmentBytes: 8192, maxWals: 1 },
      backend,
      onFatal: (error) => this.died(life, error),
    }).then(
      (member) => {
        if (life !== this.life) return;
        const limits = { txnOpsMax: 128, quotaBytes: 2 ** 31 };
        const grpc = new GrpcServer({
          clock: world,
          timers,
          logger: silent,
          receiveMessageBytesMax: 1024 * 1024,
          maxConcurrentStreams: 1000,
        });
        registerServices(grpc, member, limits);
        this.isServing = true;
        world.trace(
          `serving revision=${member.store.currentRevision} applied=${member.raft.applied}`,
        );
        void net.listen({ host: "sim", port: clientPort }, (socket) => grpc.serve(socket));
      },
      (error: unknown) => this.died(life, error as Error),
    );
  }

  /** Power fails: the process is gone, unsynced writes survive or not, torn by the sector. */
  crash(): void {
    const { world, net } = this.options;
    this.life += 1;
    this.isUp = false;
    this.isServing = false;
    net.crash();
    this.fs = this.fs.crash(world.random);
    this.disk.crash(world.random.chance(0.5) ? "lost" : "durable");
    world.trace("crash");
  }

  private ifAlive(life: number, run: () => void): void {
    if (life === this.life) run();
  }

  private died(life: number, error: Error): void {
    if (life !== this.life) return;
    this.fatal = error;
    this.options.world.trace(`died: ${error.message}`);
  }
}
