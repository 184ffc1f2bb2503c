/** Makes a member of a configuration: the real ports, the data directory, and what each flag means for the server. */
import { getHeapStatistics } from "node:v8";
import type { MemberBackend } from "./backend/backend-snapshot.ts";
import { LevelHome } from "./backend/level-home.ts";
import type { Config } from "./config/config.ts";
import { patientResolve, resolveInitialCluster } from "./config/initial-cluster.ts";
import { type TestFaults, testFaults } from "./config/test-faults.ts";
import { checkWalDir, prepareDataDir } from "./data-dir.ts";
import { memoryBytes } from "./heap-limit.ts";
import { SystemRandom, systemClock } from "./lib/platform/clock.ts";
import { SystemFs } from "./lib/platform/fs.ts";
import type { Logger, Timers } from "./lib/ports.ts";
import { planMemory } from "./memory-plan.ts";
import { NameResolver } from "./name-resolver.ts";
import { Member } from "./server/member.ts";
import type { MemberConfig, MemberOptions } from "./server/member-options.ts";
import { startOrRebuild } from "./server/rebuild.ts";

/** etcd's 64,000,000 bytes for a log file. */
const segmentBytesDefault = 64_000_000;

/** Resolves once the member has published itself; `onOpen` runs before. Errors: those of the data directory, and of `Member.start`. */
export async function startMember(
  config: Config,
  timers: Timers,
  logger: Logger,
  wires: Pick<MemberOptions, "peers" | "onOpen" | "onFatal" | "onRemoved">,
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
  const fs = new SystemFs({
    durableWrites: !faults.noWalSync,
    durableWriteDelayMs: faults.logWriteDelayMs,
  });
  const random = new SystemRandom();
  await checkWalDir(fs, config.walDir);
  const dataDir = await prepareDataDir(fs, config.dataDir);
  const paths = { wal: config.walDir, snap: dataDir.snap, backend: dataDir.backend };
  const resolving = { resolver: new NameResolver(), logger, clock: systemClock, timers };
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
      config: memberConfig(config, memory.valueCacheBytes),
      paths,
      walOptions,
      home,
      backend,
      initialCluster: () => resolveInitialCluster(config, resolving),
      resolveHost: patientResolve(resolving),
      unsafeEarlyRelease: faults.earlyWalRelease,
      ...wires,
    });
  return startOrRebuild({ fs, timers, logger, paths, walOptions, home, start });
}

function memberConfig(config: Config, valueCacheBytesMax: number): MemberConfig {
  const { raw } = config;
  return {
    name: config.name,
    peerUrls: config.advertisePeerUrls,
    clientUrls: config.advertiseClientUrls,
    clusterToken: config.clusterToken,
    expectedClusterId: raw["expected-cluster-id"],
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
    valueCacheBytesMax,
    requestBytesMax: raw["max-request-bytes"],
    quotaBackendBytes: raw["quota-backend-bytes"],
    autoCompaction: config.autoCompaction,
    bootstrapDefragThresholdBytes: raw["bootstrap-defrag-threshold-megabytes"] * 1024 ** 2,
    leaseCheckpointIntervalMs: raw["feature-gates"].leaseCheckpoint
      ? leaseCheckpointIntervalMs
      : undefined,
    compactionBatchRecords: raw["compaction-batch-limit"],
    compactionSleepMs: raw["compaction-sleep-interval"],
    warnApplyMs: config.warnApplyMs,
  };
}

/** etcd's defaultLeaseCheckpointInterval. */
const leaseCheckpointIntervalMs = 300_000;

function backendFaults(faults: TestFaults): { unsafeNoSync?: boolean; writeBufferBytes?: number } {
  return {
    ...(faults.noBackendSync ? { unsafeNoSync: true } : {}),
    ...(faults.writeBufferBytes === undefined ? {} : { writeBufferBytes: faults.writeBufferBytes }),
  };
}
