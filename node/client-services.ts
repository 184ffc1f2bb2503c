/** What a member has for its clients: the gRPC services, and the paths that are served over HTTP. */
import type { Config } from "./config/config.ts";
import { usesNodeHttp2 } from "./config/test-faults.ts";
import { NodeHttp2Server } from "./grpc/node-http2/server.ts";
import { GrpcServer } from "./grpc/server.ts";
import type { GrpcTransport } from "./grpc/transport.ts";
import { ClientHttp } from "./http/client-http.ts";
import { debugVarsRoutes } from "./http/debug-vars.ts";
import { Health } from "./http/health.ts";
import { HealthStats } from "./http/health-stats.ts";
import { Metrics } from "./http/metrics.ts";
import { profileRoutes } from "./http/profile-routes.ts";
import { Profiler } from "./http/profiler.ts";
import { metricsRoutes, type Routes, versionRoutes } from "./http/routes.ts";
import { systemClock } from "./lib/platform/clock.ts";
import type { Logger, Timers } from "./lib/ports.ts";
import type { RaftHttp } from "./peer/raft-http.ts";
import type { HealthService } from "./rpc/health.ts";
import { registerServices } from "./rpc/services.ts";
import type { Member } from "./server/member.ts";
import type { StallWatch } from "./server/stall-watch.ts";
import type { TlsStats } from "./tls/settings.ts";

/** What a gRPC message may have beyond --max-request-bytes: etcd's 512 KiB of overhead. */
const grpcOverheadBytes = 512 * 1024;

export interface ClientServices {
  /** Serves the gRPC services, and HTTP beside them unless that has listeners of its own. */
  readonly grpc: GrpcTransport;
  /** Serves HTTP alone, for --listen-client-http-urls; undefined without. */
  readonly httpOnly: GrpcTransport | undefined;
  readonly http: ClientHttp;
  readonly health: Health;
  readonly grpcHealth: Pick<HealthService, "stop">;
  /** Paths that the metrics listeners have too. */
  readonly probeRoutes: Routes;
}

export interface ClientServicesOptions {
  readonly config: Config;
  readonly member: Member;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly stalls: StallWatch;
  readonly network: RaftHttp;
  readonly tls: () => readonly TlsStats[];
}

export function clientServices(options: ClientServicesOptions): ClientServices {
  const { config, member, timers, logger, stalls, network, tls } = options;
  const { cors, hostWhitelist } = config;
  const grpc = transport(options);
  const limits = {
    txnOpsMax: config.raw["max-txn-ops"],
    watchProgressIntervalMs: config.raw["watch-progress-notify-interval"],
    stopsOnDefrag: config.raw["feature-gates"].stopGrpcServiceOnDefrag,
  };
  const { health: grpcHealth } = registerServices(grpc, member, limits);
  const stats = new HealthStats();
  const health = new Health({ member, stats, logger });
  const isExtensive = config.metrics === "extensive";
  const metrics = new Metrics({
    ...{ member, grpc, stalls, tls },
    peers: network.stats,
    health: stats,
    extensive: isExtensive,
    features: config.raw["feature-gates"],
  });
  const probeRoutes = new Map([...health.routes, ...metricsRoutes(metrics)]);
  const routes = new Map([
    ...probeRoutes,
    ...versionRoutes(member),
    ...debugRoutes(config, member, timers),
  ]);
  const http = new ClientHttp(routes, { cors, hostWhitelist, logger, clock: systemClock });
  const httpOnly = config.listenClientHttp.length === 0 ? undefined : transport(options);
  http.attachTo(httpOnly ?? grpc);
  return { grpc, httpOnly, http, health, grpcHealth, probeRoutes };
}

/** Profiles also at log level debug, as on etcd. */
function debugRoutes(config: Config, member: Member, timers: Timers): Routes {
  const commandLine = process.argv;
  const hasProfiles = config.enablePprof || config.log.level === "debug";
  return new Map([
    ...debugVarsRoutes({ member, commandLine }),
    ...(hasProfiles ? profileRoutes({ profiler: new Profiler(), timers, commandLine }) : []),
  ]);
}

function transport({ config, timers, logger }: ClientServicesOptions): GrpcTransport {
  const { raw, warnUnaryRequestMs, metrics } = config;
  const Server = usesNodeHttp2(process.env, logger) ? NodeHttp2Server : GrpcServer;
  return new Server({
    clock: systemClock,
    timers,
    logger,
    receiveMessageBytesMax: raw["max-request-bytes"] + grpcOverheadBytes,
    maxConcurrentStreams: raw["max-concurrent-streams"],
    keepaliveMinTimeMs: raw["grpc-keepalive-min-time"],
    keepaliveIntervalMs: raw["grpc-keepalive-interval"],
    keepaliveTimeoutMs: raw["grpc-keepalive-timeout"],
    warnUnaryRequestMs,
    extensive: metrics === "extensive",
  });
}
