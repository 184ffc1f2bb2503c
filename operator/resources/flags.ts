/** The command line of a member. */
import { operatorFlagPrefixes, operatorFlags } from "../api/v1alpha1/spec/reserved-flags.ts";
import type { EtcdClusterSpec, EtcdMember } from "../api/v1alpha1/types.ts";
import { assert } from "../kernel/assert.ts";
import { clientPort, clientUrlOf, metricsPort, peerPort } from "./urls.ts";

/** Where the claim is mounted. The data directory is one below: the root of a file system may hold lost+found, and belongs to root. */
export const volumeMountPath = "/var/lib/etcd";
const dataDir = `${volumeMountPath}/data`;

/** How a member without data comes into a cluster; a member that has a log does not read it. */
export interface InitialCluster {
  readonly state: "new" | "existing";
  /** Name and peer URL of each member, this one among them. */
  readonly members: readonly { readonly name: string; readonly peerUrl: string }[];
}

/**
 * Flags that a user's extraArgs must not hold: what the operator sets, and what would change a member's identity. The CRD refuses them, the plan does
 * too (the CRD of another version may be installed), and memberFlags asserts it.
 */
export function isReservedFlag(flag: string): boolean {
  return (
    operatorFlags.includes(flag) ||
    operatorFlagPrefixes.some((prefix) => flag.startsWith(prefix)) ||
    Object.hasOwn(etcdFlags({}), flag)
  );
}

/** All flags, each as --flag=value: ours, those of spec.etcd where set, extraArgs by name. */
export function memberFlags(
  spec: EtcdClusterSpec,
  member: EtcdMember,
  initialCluster: InitialCluster,
): readonly string[] {
  const { extraArgs = {} } = spec.etcd;
  for (const flag of Object.keys(extraArgs)) {
    assert(!isReservedFlag(flag), "extraArgs never override a flag of the operator", flag);
  }
  const flags: readonly (readonly [string, string | number | undefined])[] = [
    ["name", member.metadata.name],
    ["data-dir", dataDir],
    ["listen-peer-urls", `http://0.0.0.0:${peerPort}`],
    ["listen-client-urls", `http://0.0.0.0:${clientPort}`],
    ["listen-metrics-urls", `http://0.0.0.0:${metricsPort}`],
    ["advertise-client-urls", clientUrlOf(member)],
    ["initial-advertise-peer-urls", member.spec.peerURL],
    ["initial-cluster", initialClusterText(initialCluster)],
    ["initial-cluster-token", member.spec.clusterToken],
    ["initial-cluster-state", initialCluster.state],
    ...Object.entries(etcdFlags(spec.etcd)),
    ...Object.entries(extraArgs).sort(([left], [right]) => (left < right ? -1 : 1)),
  ];
  return flags.flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}=${value}`]));
}

/** Flags that stand for fields of spec.etcd. */
function etcdFlags(
  etcd: EtcdClusterSpec["etcd"],
): Readonly<Record<string, string | number | undefined>> {
  return {
    "quota-backend-bytes": etcd.quotaBackendBytes,
    "snapshot-count": etcd.snapshotCount,
    "heartbeat-interval": etcd.heartbeatIntervalMs,
    "election-timeout": etcd.electionTimeoutMs,
    "log-level": etcd.logLevel,
  };
}

function initialClusterText({ members }: InitialCluster): string {
  return members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
}
