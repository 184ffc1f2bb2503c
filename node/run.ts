/** Runs a member in the real world: options in, parts wired, listeners opened, signals heard. */
import { getHeapStatistics } from "node:v8";
import type { MemberBackend } from "./backend/backend-snapshot.ts";
import { LevelHome } from "./backend/level-home.ts";
import { type Address, type Config, checkConfig } from "./config/config.ts";
import { helpText, parseOptions } from "./config/parse.ts";
import {
  blocksLoopOnSignal,
  type TestFaults,
  testFaults,
  usesNodeHttp2,
} from "./config/test-faults.ts";
import { checkWalDir, prepareDataDir } from "./data-dir.ts";
import { NodeHttp2Server } from "./grpc/node-http2/server.ts";
import { GrpcServer } from "./grpc/server.ts";
import type { GrpcTransport } from "./grpc/transport.ts";
import { memoryBytes } from "./heap-limit.ts";
import { ClientHttp } from "./http/client-http.ts";
import { Metrics } from "./http/metrics.ts";
import { PeerHttp } from "./http/peer-http.ts";
import { SystemRandom, SystemTimers, systemClock } from "./lib/platform/clock.ts";
import { SystemFs } from "./lib/platform/fs.ts";
import { jsonLogger } from "./lib/platform/logger.ts";
import { systemNet } from "./lib/platform/net.ts";
import type { ByteSocket, Listener, Logger, Timers } from "./lib/ports.ts";
import { planMemory } from "./memory-plan.ts";
import { registerServices } from "./rpc/services.ts";
import { loneNetwork } from "./server/lone-transport.ts";
import { Member } from "./server/member.ts";
import type { MemberOptions } from "./server/member-options.ts";
import { startOrRebuild } from "./server/rebuild.ts";
import { StallWatch } from "./server/stall-watch.ts";
import { serverVersion } from "./server/version.ts";

/** etcd's 64,000,000 bytes for a log file. */
const segmentBytesDefault = 64_000_000;
/** What a gRPC message may have beyond --max-request-bytes: etcd's 512 KiB of overhead. */
const grpcOverheadBytes = 512 * 1024;

export async function run(args: readonly string[]): Promise<void> {
  const parsed = parseOptions(args, process.env);
  if (parsed.kind === "help") {
    process.stdout.write(helpText());
    return;
  }
  if (parsed.kind === "version") {
    process.stdout.write(`etcd-ts, speaks etcd ${serverVersion}\nNode.js ${process.version}\n`);
    return;
  }
  const checked = parsed.kind === "ok" ? checkConfig(parsed.values, parsed.given) : parsed;
  if (checked.kind === "problems") {
    for (const problem of checked.problems) process.stderr.write(`etcd-ts: ${problem}\n`);
    process.exitCode = 2;
    return;
  }
  const { config } = checked;
  const logger = jsonLogger(
    config.logLevel,
    (line) => process.stderr.write(line),
    () => systemClock.unixMs(),
  );
  if (parsed.kind === "ok") {
    for (const variable of parsed.unrecognized) {
      logger.warn("unrecognized environment variable", { "environment-variable": variable });
    }
  }
  try {
    await serve(config, logger);
  } catch (error) {
    logger.error("etcd-ts could not start", { error });
    // Listeners or timers of a half-started member must not keep the process.
    process.exit(1);
  }
}

async function serve(config: Config, logger: Logger): Promise<void> {
  const onFatal = (error: Error): void => {
    logger.error("the member cannot go on", { error, stack: error.stack });
    process.exit(1);
  };
  // Corruption that a read outside of the log has met, or a bug: the process stops, with a word in its log.
  process.on("uncaughtException", onFatal);
  const timers = new SystemTimers();
  const stalls = new StallWatch({ clock: systemClock, timers, logger });
  blocksLoopOnSignal(process.env, { logger, clock: systemClock });
  // A member may hear of its removal before it serves: then nothing needs to be stopped in order.
  const removal = { stop: (): void => process.exit(0) };
  const onRemoved = (): void => {
    logger.warn("data-dir used by this member must be removed", { "data-dir": config.dataDir });
    removal.stop();
  };
  const member = await startMember(config, timers, logger, { onFatal, onRemoved });
  const grpc = grpcServer(config, member, timers, logger);
  const { quotaBytes } = config;
  const http = new ClientHttp(member, new Metrics({ member, grpc, stalls, quotaBytes }));
  grpc.onHttp1((socket, unread) => {
    http.serve(socket, unread);
  });
  const peerHttp = new PeerHttp(member);
  const peerListeners = await listenAll("--listen-peer-urls", config.listenPeer, (socket) => {
    peerHttp.serve(socket);
  });
  const clientListeners = await listenAll("--listen-client-urls", config.listenClient, (socket) => {
    grpc.serve(socket);
  });
  for (const { address } of clientListeners) {
    logger.info("serving client traffic insecurely; this is strongly discouraged!", {
      traffic: "grpc+http",
      address: `${address.host}:${address.port}`,
    });
  }
  logger.info("ready to serve client requests");
  const listeners = [...clientListeners, ...peerListeners];
  const stop = stopOnSignals({ listeners, grpc, http, peerHttp, member, logger });
  removal.stop = () => stop("member removed");
}

async function startMember(
  config: Config,
  timers: Timers,
  logger: Logger,
  { onFatal, onRemoved }: Pick<MemberOptions, "onFatal" | "onRemoved">,
): Promise<Member> {
  const { raw } = config;
  const memory = planMemory(memoryBytes());
  logger.info("divided memory", {
    "memory-bytes": memoryBytes(),
    "value-cache-bytes": memory.valueCacheBytes,
    "heap-limit-bytes": getHeapStatistics().heap_size_limit,
    "thread-pool-size": process.env["UV_THREADPOOL_SIZE"],
  });
  const faults = testFaults(process.env, logger);
  const fs = new SystemFs({ durableWrites: !faults.noWalSync });
  const random = new SystemRandom();
  await checkWalDir(fs, config.walDir);
  const dataDir = await prepareDataDir(fs, config.dataDir);
  const paths = { wal: config.walDir, snap: dataDir.snap, backend: dataDir.backend };
  const home = new LevelHome({
    dir: paths.backend,
    fs,
    timers,
    logger,
    ...backendFaults(faults),
  });
  const segmentBytes = faults.segmentBytes ?? segmentBytesDefault;
  const walOptions = { fs, timers, logger, segmentBytes, maxWals: raw["max-wals"] };
  const start = (backend: MemberBackend): Promise<Member> =>
    Member.start({
      ports: { clock: systemClock, timers, random, fs, logger },
      config: {
        name: config.name,
        peerUrls: config.advertisePeerUrls,
        clientUrls: config.advertiseClientUrls,
        clusterToken: config.clusterToken,
        initialCluster: config.initialCluster,
        initialClusterState: config.initialClusterState,
        strictReconfigCheck: config.strictReconfigCheck,
        maxLearners: config.maxLearners,
        forceNewCluster: config.forceNewCluster,
        preVote: config.preVote,
        initialElectionTickAdvance: config.initialElectionTickAdvance,
        tickMs: config.tickMs,
        electionTicks: config.electionTicks,
        snapshotCount: raw["snapshot-count"],
        maxSnapshots: raw["max-snapshots"],
        catchupEntries: raw["snapshot-catchup-entries"],
        backendBatchIntervalMs: config.backendBatchIntervalMs,
        backendBatchOps: config.backendBatchOps,
        valueCacheBytesMax: memory.valueCacheBytes,
        requestBytesMax: raw["max-request-bytes"],
        compactionBatchRecords: raw["compaction-batch-limit"],
        compactionSleepMs: raw["compaction-sleep-interval"],
      },
      paths,
      walOptions,
      home,
      backend,
      // The network between members comes with etcd's peer protocol; until then config/ refuses several of them.
      peers: loneNetwork,
      unsafeEarlyRelease: faults.earlyWalRelease,
      onFatal,
      onRemoved,
    });
  return startOrRebuild({ fs, timers, logger, paths, walOptions, home, start });
}

function backendFaults(faults: TestFaults): { unsafeNoSync?: boolean; writeBufferBytes?: number } {
  return {
    ...(faults.noBackendSync ? { unsafeNoSync: true } : {}),
    ...(faults.writeBufferBytes === undefined ? {} : { writeBufferBytes: faults.writeBufferBytes }),
  };
}

function grpcServer(config: Config, member: Member, timers: Timers, logger: Logger): GrpcTransport {
  const { raw, quotaBytes } = config;
  const Server = usesNodeHttp2(process.env, logger) ? NodeHttp2Server : GrpcServer;
  const grpc = new Server({
    clock: systemClock,
    timers,
    logger,
    receiveMessageBytesMax: raw["max-request-bytes"] + grpcOverheadBytes,
    maxConcurrentStreams: raw["max-concurrent-streams"],
    keepaliveMinTimeMs: raw["grpc-keepalive-min-time"],
    keepaliveIntervalMs: raw["grpc-keepalive-interval"],
    keepaliveTimeoutMs: raw["grpc-keepalive-timeout"],
  });
  registerServices(grpc, member, {
    txnOpsMax: raw["max-txn-ops"],
    quotaBytes,
    quotaBackendBytes: raw["quota-backend-bytes"],
  });
  return grpc;
}

function listenAll(
  flag: string,
  addresses: readonly Address[],
  serve: (socket: ByteSocket) => void,
): Promise<Listener[]> {
  const listen = async (address: Address): Promise<Listener> => {
    try {
      return await systemNet.listen(address, serve);
    } catch (error) {
      throw new Error(`${flag}: cannot listen on ${address.host}:${address.port}`, {
        cause: error,
      });
    }
  };
  return Promise.all(addresses.map(listen));
}

interface Running {
  readonly listeners: readonly Listener[];
  readonly grpc: GrpcTransport;
  readonly http: ClientHttp;
  readonly peerHttp: PeerHttp;
  readonly member: Member;
  readonly logger: Logger;
}

/**
 * The first signal stops in order: no new connections, calls under way, then the member with everything durable. Returns what does the
 * same for another reason.
 */
function stopOnSignals({
  listeners,
  grpc,
  http,
  peerHttp,
  member,
  logger,
}: Running): (reason: string) => void {
  let isStopping = false;
  const stop = async (signal: string): Promise<void> => {
    if (isStopping) process.exit(1);
    isStopping = true;
    logger.info("received signal; shutting down", { signal });
    await Promise.all(listeners.map((listener) => listener.close()));
    await grpc.shutdown();
    http.close();
    peerHttp.close();
    await member.stop();
    logger.info("closed etcd server");
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(signal));
  return (reason) => void stop(reason);
}
