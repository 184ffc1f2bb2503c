/**
 * A member in the real world, from the first listener to the last byte on disk. Order of the start: peer port and metrics listeners, which may be
 * asked from then on; the member, which takes part in the cluster; clients, once it has published itself. Order of the end: clients and metrics,
 * then the member, which still needs its peers to hand its leadership over, then the peer port.
 */
import { type Address, type Config } from "./config/config.ts";
import { blocksLoopOnSignal, usesNodeHttp2 } from "./config/test-faults.ts";
import { NodeHttp2Server } from "./grpc/node-http2/server.ts";
import { GrpcServer } from "./grpc/server.ts";
import type { GrpcTransport } from "./grpc/transport.ts";
import { ClientHttp } from "./http/client-http.ts";
import { Health } from "./http/health.ts";
import { HealthStats } from "./http/health-stats.ts";
import { Metrics } from "./http/metrics.ts";
import { MetricsHttp } from "./http/metrics-http.ts";
import { PeerHttp } from "./http/peer-http.ts";
import { metricsRoutes, type Routes, versionRoutes } from "./http/routes.ts";
import { assert } from "./lib/assert.ts";
import { SystemTimers, systemClock } from "./lib/platform/clock.ts";
import { systemNet } from "./lib/platform/net.ts";
import type { ByteSocket, Listener, Logger, Timers } from "./lib/ports.ts";
import { RaftHttp } from "./peer/raft-http.ts";
import { registerServices } from "./rpc/services.ts";
import type { Member } from "./server/member.ts";
import { StallWatch } from "./server/stall-watch.ts";
import { startMember } from "./start-member.ts";

/** What a gRPC message may have beyond --max-request-bytes: etcd's 512 KiB of overhead. */
const grpcOverheadBytes = 512 * 1024;
/** Two signals in such a time are one that came by two ways. */
const sameSignalMs = 500;

/** Resolves when clients are served. The process ends by itself from then on: by a signal, by a removal, or when it cannot go on. */
export async function serve(config: Config, logger: Logger): Promise<void> {
  const shutdown = new Shutdown(logger);
  try {
    await start(config, logger, shutdown);
  } catch (error) {
    // A member that is stopped while it waits for the others does not come up.
    if (!shutdown.isStopping) throw error;
  }
}

async function start(config: Config, logger: Logger, shutdown: Shutdown): Promise<void> {
  for (const { level, message, fields } of config.notices) logger[level](message, fields);
  const onFatal = (error: Error): void => {
    logger.error("the member cannot go on", { error, stack: error.stack });
    process.exit(1);
  };
  // Corruption that a read outside of the log has met, or a bug: the process stops, with a word in its log.
  process.on("uncaughtException", onFatal);
  const timers = new SystemTimers();
  const stalls = new StallWatch({ clock: systemClock, timers, logger });
  blocksLoopOnSignal(process.env, { logger, clock: systemClock });
  const network = new RaftHttp({
    clock: systemClock,
    timers,
    logger,
    peerUrls: config.advertisePeerUrls,
    electionMs: config.tickMs * config.electionTicks,
    readTimeoutMs: config.raftReadTimeoutMs,
    writeTimeoutMs: config.raftWriteTimeoutMs,
  });
  const peerHttp = new PeerHttp(network);
  const metricsHttp = new MetricsHttp();
  await listenEarly(config, shutdown, { peerHttp, metricsHttp, logger });
  let services: ClientServices | undefined;
  const member = await startMember(config, timers, logger, {
    peers: network,
    onOpen: (opened) => {
      peerHttp.member = opened;
      shutdown.member = opened;
      services = clientServices({ config, member: opened, timers, logger, stalls, network });
      metricsHttp.routes = services.routes;
    },
    onFatal,
    onRemoved: () => {
      logger.warn("data-dir used by this member must be removed", { "data-dir": config.dataDir });
      shutdown.leave();
    },
  });
  assert(services !== undefined, "a member was started and not opened");
  const { grpc, health, routes } = services;
  const http = new ClientHttp(new Map([...routes, ...versionRoutes(member)]));
  grpc.onHttp1((socket, unread) => http.serve(socket, unread));
  const onClient = (socket: ByteSocket): void => grpc.serve(socket);
  const listeners = await listenAll("--listen-client-urls", config.listenClient, onClient);
  shutdown.clients = { listeners, grpc, http, health };
  health.servesClients = true;
  for (const { address } of listeners) {
    logger.info("serving client traffic insecurely; this is strongly discouraged!", {
      traffic: "grpc+http",
      address: `${address.host}:${address.port}`,
    });
  }
  logger.info("ready to serve client requests");
}

/** The listeners that are asked before there is a member. */
async function listenEarly(
  config: Config,
  shutdown: Shutdown,
  given: {
    readonly peerHttp: PeerHttp;
    readonly metricsHttp: MetricsHttp;
    readonly logger: Logger;
  },
): Promise<void> {
  const { peerHttp, metricsHttp, logger } = given;
  const onPeer = (socket: ByteSocket): void => peerHttp.serve(socket);
  shutdown.peers = {
    listeners: await listenAll("--listen-peer-urls", config.listenPeer, onPeer),
    peerHttp,
  };
  const onScraper = (socket: ByteSocket): void => metricsHttp.serve(socket);
  const listeners = await listenAll("--listen-metrics-urls", config.listenMetrics, onScraper);
  shutdown.metrics = { listeners, metricsHttp };
  for (const { address } of listeners) {
    logger.info("serving metrics", { address: `http://${address.host}:${address.port}` });
  }
}

/** What there is for clients before they are let in. */
interface ClientServices {
  readonly grpc: GrpcTransport;
  readonly health: Health;
  /** Those that the metrics listeners have too. */
  readonly routes: Routes;
}

function clientServices(given: {
  readonly config: Config;
  readonly member: Member;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly stalls: StallWatch;
  readonly network: RaftHttp;
}): ClientServices {
  const { config, member, timers, logger, stalls, network } = given;
  const grpc = grpcServer(config, member, timers, logger);
  const stats = new HealthStats();
  const health = new Health({ member, stats, logger });
  const peers = network.stats;
  const metrics = new Metrics({ member, grpc, stalls, peers, health: stats });
  return { grpc, health, routes: new Map([...health.routes, ...metricsRoutes(metrics)]) };
}

function grpcServer(config: Config, member: Member, timers: Timers, logger: Logger): GrpcTransport {
  const { raw } = config;
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
  const watchProgressIntervalMs = raw["watch-progress-notify-interval"];
  registerServices(grpc, member, { txnOpsMax: raw["max-txn-ops"], watchProgressIntervalMs });
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

/** Ends the process in order, whatever of it is there already. */
class Shutdown {
  peers: { readonly listeners: readonly Listener[]; readonly peerHttp: PeerHttp } | undefined;
  metrics:
    | { readonly listeners: readonly Listener[]; readonly metricsHttp: MetricsHttp }
    | undefined;
  member: Member | undefined;
  clients:
    | {
        readonly listeners: readonly Listener[];
        readonly grpc: GrpcTransport;
        readonly http: ClientHttp;
        readonly health: Health;
      }
    | undefined;

  private readonly logger: Logger;
  /** It has begun. */
  isStopping = false;

  /** The first signal stops in order, a second one at once. npm passes on what the terminal has sent to both: that is one. */
  constructor(logger: Logger) {
    this.logger = logger;
    let firstMs = Infinity;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (systemClock.monotonicMs() - firstMs > sameSignalMs) process.exit(1);
        firstMs = Math.min(firstMs, systemClock.monotonicMs());
        this.stop(signal);
      });
    }
  }

  /** `reason`: the signal, or what else it is. Twice is fine. */
  stop(reason: string): void {
    this.begin(reason, () => this.end());
  }

  /**
   * The member was removed. Calls that wait for the cluster would wait for ever, and a watch would use up the time that calls have to end:
   * so they are answered with "server stopped" and nothing is waited for. Etcd ends at once, too (etcdmain/etcd.go).
   */
  leave(): void {
    this.begin("member removed", async () => {
      if (this.clients !== undefined) this.clients.health.servesClients = false;
      await closeAll(this.clients?.listeners);
      await this.member?.stop();
    });
  }

  private begin(reason: string, end: () => Promise<void>): void {
    if (this.isStopping) return;
    this.isStopping = true;
    this.logger.info("received signal; shutting down", { signal: reason });
    end().then(
      () => process.exit(0),
      (error: unknown) => {
        this.logger.error("could not stop in order", { error });
        process.exit(1);
      },
    );
  }

  private async end(): Promise<void> {
    const { clients, metrics, member, peers } = this;
    if (clients !== undefined) clients.health.servesClients = false;
    await closeAll(clients?.listeners);
    await clients?.grpc.shutdown();
    clients?.http.close();
    await closeAll(metrics?.listeners);
    metrics?.metricsHttp.close();
    await member?.stop();
    await closeAll(peers?.listeners);
    peers?.peerHttp.close();
    this.logger.info("closed etcd server");
  }
}

async function closeAll(listeners: readonly Listener[] = []): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()));
}
