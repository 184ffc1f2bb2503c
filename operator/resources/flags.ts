/** The command line of a member. */
import {
  groupFlags,
  operatorFlagPrefixes,
  operatorFlags,
} from "../api/v1alpha1/spec/reserved-flags.ts";
import type { EtcdCluster, EtcdClusterSpec, EtcdMember } from "../api/v1alpha1/types.ts";
import { assert } from "../kernel/assert.ts";
import { tlsFlags } from "./tls-volume.ts";
import { clientPort, clientUrlOf, hasTls, metricsPort, peerPort } from "./urls.ts";

/** Where the claim is mounted. The data directory is one below: the root of a file system may hold lost+found, and belongs to root. */
export const volumeMountPath = "/var/lib/etcd";
const dataDir = `${volumeMountPath}/data`;

/** How a member without data comes into a cluster; a member that has a log does not read it. */
export interface InitialCluster {
  readonly state: "new" | "existing";
  /** Name and peer URL of each member, this one among them. */
  readonly members: readonly { readonly name: string; readonly peerUrl: string }[];
}

/** What a Pod is told beside the spec. */
export interface PodStart {
  readonly initialCluster: InitialCluster;
  /**
   * Quorum recovery: the member makes a cluster of itself alone out of the data that it has. Its Pod does so once: it is not restarted in place, and is to
   * be replaced by one without this before another member is added.
   */
  readonly forceNewCluster?: boolean;
  /** The latched id of the cluster, lower-case hex: a member without data then joins this cluster or refuses to start, and never founds another one. */
  readonly expectedClusterId?: string;
}

/**
 * Flags that a user's extraArgs must not hold: what the operator sets, and what would change a member's identity. The CRD refuses them, the plan does
 * too (the CRD of another version may be installed), and memberFlags asserts it.
 */
export function isReservedFlag(flag: string): boolean {
  return (
    operatorFlags.includes(flag) ||
    operatorFlagPrefixes.some((prefix) => flag.startsWith(prefix)) ||
    Object.values(groupFlags).some((flags) => flags.includes(flag)) ||
    Object.hasOwn(etcdFlags({}), flag)
  );
}

/** All flags, each as --flag=value: ours, those of spec.etcd where set, extraArgs by name. */
export function memberFlags(
  cluster: EtcdCluster,
  member: EtcdMember,
  { initialCluster, forceNewCluster, expectedClusterId }: PodStart,
): readonly string[] {
  const { etcd } = cluster.spec;
  const { extraArgs = {} } = etcd;
  const scheme = hasTls(cluster) ? "https" : "http";
  for (const flag of Object.keys(extraArgs)) {
    assert(!isReservedFlag(flag), "extraArgs never override a flag of the operator", flag);
  }
  const flags: readonly (readonly [string, string | number | boolean | undefined])[] = [
    ["name", member.metadata.name],
    ["data-dir", dataDir],
    ["listen-peer-urls", `${scheme}://0.0.0.0:${peerPort}`],
    ["listen-client-urls", `${scheme}://0.0.0.0:${clientPort}`],
    ["listen-metrics-urls", `http://0.0.0.0:${metricsPort}`],
    ["advertise-client-urls", clientUrlOf(member)],
    ["initial-advertise-peer-urls", member.spec.peerURL],
    ["initial-cluster", initialClusterText(initialCluster)],
    ["initial-cluster-token", member.spec.clusterToken],
    ["initial-cluster-state", initialCluster.state],
    ["expected-cluster-id", expectedClusterId],
    ["force-new-cluster", forceNewCluster === true ? true : undefined],
    ...tlsFlags(cluster),
    ...Object.entries(etcdFlags(etcd)),
    ...Object.entries(extraArgs).sort(([left], [right]) => (left < right ? -1 : 1)),
  ];
  return flags.flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}=${value}`]));
}

/** Flags that stand for fields of spec.etcd. */
function etcdFlags(
  etcd: EtcdClusterSpec["etcd"],
): Readonly<Record<string, string | number | undefined>> {
  const { autoCompaction } = etcd;
  return {
    "quota-backend-bytes": etcd.quotaBackendBytes,
    "snapshot-count": etcd.snapshotCount,
    "heartbeat-interval": etcd.heartbeatIntervalMs,
    "election-timeout": etcd.electionTimeoutMs,
    "log-level": etcd.logLevel,
    "auto-compaction-mode": autoCompaction?.mode.toLowerCase(),
    "auto-compaction-retention": retentionOf(autoCompaction),
    // Basic is etcd's default.
    metrics: etcd.metrics === "Extensive" ? "extensive" : undefined,
  };
}

/** A time has its unit: etcd takes a plain number for hours. */
function retentionOf(
  autoCompaction: EtcdClusterSpec["etcd"]["autoCompaction"],
): string | undefined {
  if (autoCompaction === undefined) return undefined;
  const { mode, retentionMinutes, retentionRevisions } = autoCompaction;
  return mode === "Periodic" ? `${retentionMinutes ?? 0}m` : String(retentionRevisions ?? 0);
}

function initialClusterText({ members }: InitialCluster): string {
  return members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
}
