/**
 * A member in the real world, from the first listener to the last byte on disk. Order of the start: certificates; peer port and metrics listeners,
 * which may be asked from then on; the member, which takes part in the cluster; clients, once it has published itself. shutdown.ts has the order of
 * the end.
 */
import { type ClientServices, clientServices } from "./client-services.ts";
import type { Address, Config } from "./config/config.ts";
import { blocksLoopOnSignal } from "./config/test-faults.ts";
import { MetricsHttp } from "./http/metrics-http.ts";
import { PeerHttp } from "./http/peer-http.ts";
import { assert } from "./lib/assert.ts";
import { SystemTimers, systemClock } from "./lib/platform/clock.ts";
import type { ByteSocket, Listener, Timers } from "./lib/ports.ts";
import type { MemberLogger } from "./log/logger.ts";
import { MemberTls } from "./member-tls.ts";
import { RaftHttp } from "./peer/raft-http.ts";
import { StallWatch } from "./server/stall-watch.ts";
import { Shutdown } from "./shutdown.ts";
import { startMember } from "./start-member.ts";
import { tlsConnect } from "./tls/tls-dial.ts";

/** Resolves when clients are served. The process ends by itself from then on: by a signal, by a removal, or when it cannot go on. */
export async function serve(config: Config, logger: MemberLogger): Promise<void> {
  const exit = (code: number): never => {
    logger.flush();
    process.exit(code);
  };
  const shutdown = new Shutdown(logger, exit);
  try {
    await start({ config, logger, shutdown, exit });
  } catch (error) {
    // A member that is stopped while it waits for the others does not come up.
    if (!shutdown.isStopping) throw error;
  }
}

interface Process {
  readonly config: Config;
  readonly logger: MemberLogger;
  readonly shutdown: Shutdown;
  readonly exit: (code: number) => never;
}

async function start(own: Process): Promise<void> {
  const { config, logger, shutdown, exit } = own;
  for (const { level, message, fields } of config.notices) logger[level](message, fields);
  const onFatal = (error: Error): void => {
    logger.error("the member cannot go on", { error, stack: error.stack });
    exit(1);
  };
  // Corruption that a read outside of the log has met, or a bug: the process stops, with a word in its log.
  process.on("uncaughtException", onFatal);
  const timers = new SystemTimers();
  const stalls = new StallWatch({ clock: systemClock, timers, logger });
  blocksLoopOnSignal(process.env, { logger, clock: systemClock });
  const tls = await MemberTls.open(config, { clock: systemClock, timers, logger });
  shutdown.onEnd(() => tls.close());
  const network = peerNetwork(config, tls, { timers, logger });
  const peerHttp = new PeerHttp(network);
  const metricsHttp = new MetricsHttp();
  await listenEarly(own, tls, { peerHttp, metricsHttp });
  let services: ClientServices | undefined;
  await startMember(config, timers, logger, {
    peers: network,
    onOpen: (opened) => {
      peerHttp.member = opened;
      shutdown.member = opened;
      const stats = (): MemberTls["stats"] => tls.stats;
      services = clientServices({
        ...{ config, timers, logger, stalls, network },
        member: opened,
        tls: stats,
      });
      metricsHttp.routes = services.probeRoutes;
    },
    onFatal,
    onRemoved: () => {
      logger.warn("data-dir used by this member must be removed", { "data-dir": config.dataDir });
      shutdown.leave();
    },
  });
  assert(services !== undefined, "a member was started and not opened");
  await listenForClients(own, tls, services);
  logger.info("ready to serve client requests");
}

function peerNetwork(
  config: Config,
  tls: MemberTls,
  { timers, logger }: { readonly timers: Timers; readonly logger: MemberLogger },
): RaftHttp {
  return new RaftHttp({
    clock: systemClock,
    timers,
    logger,
    peerUrls: config.advertisePeerUrls,
    electionMs: config.tickMs * config.electionTicks,
    readTimeoutMs: config.raftReadTimeoutMs,
    writeTimeoutMs: config.raftWriteTimeoutMs,
    secure: tls.peer && tlsConnect(tls.peer, timers),
  });
}

/** The listeners that are asked before there is a member. */
async function listenEarly(
  { config, shutdown, logger }: Process,
  tls: MemberTls,
  { peerHttp, metricsHttp }: { readonly peerHttp: PeerHttp; readonly metricsHttp: MetricsHttp },
): Promise<void> {
  const onPeer = (socket: ByteSocket): void => peerHttp.serve(socket);
  const peers = {
    flag: "--listen-peer-urls",
    endpoint: "peer",
    addresses: config.listenPeer,
  } as const;
  shutdown.peers = { listeners: await listenAll(tls, peers, onPeer), server: peerHttp };
  const onScraper = (socket: ByteSocket): void => metricsHttp.serve(socket);
  const metrics = {
    flag: "--listen-metrics-urls",
    endpoint: "metrics",
    addresses: config.listenMetrics,
  } as const;
  const listeners = await listenAll(tls, metrics, onScraper);
  shutdown.metrics = { listeners, server: metricsHttp };
  for (const [at, { address }] of listeners.entries()) {
    const scheme = config.listenMetrics[at]?.isSecure === true ? "https" : "http";
    logger.info("serving metrics", { address: `${scheme}://${address.host}:${address.port}` });
  }
}

async function listenForClients(
  { config, shutdown, logger }: Process,
  tls: MemberTls,
  { grpc, httpOnly, http, health, grpcHealth }: ClientServices,
): Promise<void> {
  const all = {
    flag: "--listen-client-urls",
    endpoint: "client",
    addresses: config.listenClient,
  } as const;
  const listeners = await listenAll(tls, all, (socket) => grpc.serve(socket));
  const httpUrls = {
    flag: "--listen-client-http-urls",
    endpoint: "client",
    addresses: config.listenClientHttp,
  } as const;
  const httpListeners = await listenAll(tls, httpUrls, (socket) => httpOnly?.serve(socket));
  shutdown.clients = {
    listeners: [...listeners, ...httpListeners],
    transports: httpOnly === undefined ? [grpc] : [grpc, httpOnly],
    ...{ http, health, grpcHealth },
  };
  health.servesClients = true;
  const traffic = httpOnly === undefined ? "grpc+http" : "grpc";
  tellServing(logger, { traffic, listeners, addresses: config.listenClient });
  const httpOnes = {
    traffic: "http",
    listeners: httpListeners,
    addresses: config.listenClientHttp,
  };
  tellServing(logger, httpOnes);
}

/** By these lines tools know that a member is up (etcd server/embed/serve.go). */
function tellServing(
  logger: MemberLogger,
  {
    traffic,
    listeners,
    addresses,
  }: {
    readonly traffic: string;
    readonly listeners: readonly Listener[];
    readonly addresses: readonly Address[];
  },
): void {
  for (const [at, { address }] of listeners.entries()) {
    const fields = { traffic, address: `${address.host}:${address.port}` };
    if (addresses[at]?.isSecure === true) {
      logger.info("serving client traffic securely", fields);
    } else {
      logger.info("serving client traffic insecurely; this is strongly discouraged!", fields);
    }
  }
}

function listenAll(
  tls: MemberTls,
  {
    flag,
    endpoint,
    addresses,
  }: {
    readonly flag: string;
    readonly endpoint: "client" | "peer" | "metrics";
    readonly addresses: readonly Address[];
  },
  serveSocket: (socket: ByteSocket) => void,
): Promise<Listener[]> {
  const listen = async (address: Address): Promise<Listener> => {
    try {
      return await tls.listen(endpoint, address, serveSocket);
    } catch (error) {
      throw new Error(`${flag}: cannot listen on ${address.host}:${address.port}`, {
        cause: error,
      });
    }
  };
  return Promise.all(addresses.map(listen));
}
