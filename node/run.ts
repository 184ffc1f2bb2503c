/** Runs a member in the real world: options in, parts wired, listeners opened, signals heard. */
import { LevelBackend } from "./backend/level-backend.ts";
import { type Address, type Config, checkConfig } from "./config/config.ts";
import { helpText, parseOptions } from "./config/parse.ts";
import { type TestFaults, testFaults } from "./config/test-faults.ts";
import { prepareDataDir } from "./data-dir.ts";
import { GrpcServer } from "./grpc/server.ts";
import { ClientHttp } from "./http/client-http.ts";
import { PeerHttp } from "./http/peer-http.ts";
import { SystemRandom, SystemTimers, systemClock } from "./lib/platform/clock.ts";
import { SystemFs } from "./lib/platform/fs.ts";
import { jsonLogger } from "./lib/platform/logger.ts";
import { systemNet } from "./lib/platform/net.ts";
import type { ByteSocket, Listener, Logger, Timers } from "./lib/ports.ts";
import { registerServices } from "./rpc/services.ts";
import { Member } from "./server/member.ts";
import { serverVersion } from "./server/version.ts";

/** Memory for values that are read without a look at the disk. */
const valueCacheBytesMax = 256 * 1024 * 1024;
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
  const member = await startMember(config, timers, logger, onFatal);
  const grpc = grpcServer(config, member, timers, logger);
  const http = new ClientHttp(member);
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
  stopOnSignals({ listeners, grpc, http, peerHttp, member, logger });
}

async function startMember(
  config: Config,
  timers: Timers,
  logger: Logger,
  onFatal: (error: Error) => void,
): Promise<Member> {
  const { raw } = config;
  const faults = testFaults(process.env, logger);
  const fs = new SystemFs({ durableWrites: !faults.noWalSync });
  const random = new SystemRandom();
  const backendDir = await prepareDataDir(fs, config.dataDir);
  const backend = await LevelBackend.open(backendDir, {
    fs,
    timers,
    logger,
    ...backendFaults(faults),
  });
  const segmentBytes = faults.segmentBytes ?? segmentBytesDefault;
  return Member.start({
    ports: { clock: systemClock, timers, random, fs, logger },
    config: {
      name: config.name,
      peerUrls: config.advertisePeerUrls,
      clientUrls: config.advertiseClientUrls,
      clusterToken: config.clusterToken,
      tickMs: config.tickMs,
      electionTicks: config.electionTicks,
      snapshotCount: raw["snapshot-count"],
      catchupEntries: raw["snapshot-catchup-entries"],
      backendBatchIntervalMs: config.backendBatchIntervalMs,
      backendBatchOps: config.backendBatchOps,
      valueCacheBytesMax,
      requestBytesMax: raw["max-request-bytes"],
    },
    paths: { wal: config.walDir, backend: backendDir },
    walOptions: { fs, timers, logger, segmentBytes, maxWals: raw["max-wals"] },
    backend,
    unsafeEarlyRelease: faults.earlyWalRelease,
    onFatal,
  });
}

function backendFaults(faults: TestFaults): { unsafeNoSync?: boolean; writeBufferBytes?: number } {
  return {
    ...(faults.noBackendSync ? { unsafeNoSync: true } : {}),
    ...(faults.writeBufferBytes === undefined ? {} : { writeBufferBytes: faults.writeBufferBytes }),
  };
}

function grpcServer(config: Config, member: Member, timers: Timers, logger: Logger): GrpcServer {
  const { raw, quotaBytes } = config;
  const grpc = new GrpcServer({
    clock: systemClock,
    timers,
    logger,
    receiveMessageBytesMax: raw["max-request-bytes"] + grpcOverheadBytes,
    maxConcurrentStreams: raw["max-concurrent-streams"],
  });
  registerServices(grpc, member, { txnOpsMax: raw["max-txn-ops"], quotaBytes });
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
  readonly grpc: GrpcServer;
  readonly http: ClientHttp;
  readonly peerHttp: PeerHttp;
  readonly member: Member;
  readonly logger: Logger;
}

/** The first signal stops in order: no new connections, calls under way, then the member with everything durable. */
function stopOnSignals({ listeners, grpc, http, peerHttp, member, logger }: Running): void {
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
}
