/** What a member's options mean for its bootstrap, with who counts for /metrics. */
import { SnapDir } from "../snap/snap-dir.ts";
import type { BootstrapOptions } from "./bootstrap.ts";
import { type MemberOptions, membershipSettings, newMemberOf } from "./member-options.ts";
import type { MemberStats } from "./member-stats.ts";

export function bootOptions(options: MemberOptions, stats: MemberStats): BootstrapOptions {
  const { ports, config, backend, paths, walOptions, peers: network } = options;
  const { clock, logger, fs } = ports;
  const { maxLearners, forceNewCluster } = membershipSettings(config);
  const { maxSnapshots, expectedClusterId } = config;
  const meter = { clock, stats: stats.snap };
  return {
    fs,
    paths,
    walOptions: { ...walOptions, meter: { clock, stats: stats.wal } },
    backend,
    snaps: new SnapDir(paths.snap, { fs, logger, maxSnapshots, meter }),
    newMember: newMemberOf(config),
    initialCluster: options.initialCluster,
    resolveHost: options.resolveHost,
    network,
    maxLearners,
    forceNewCluster,
    expectedClusterId,
  };
}
