/**
 * Flags of etcd 3.5.2 and 3.6 that 3.7 does not know any more. Those that only changed their names work on, with a warning; those whose absence
 * would make another cluster, or another API, are refused; etcd's own list of what is ignored is ignored with a warning (etcdmain/config.go).
 */
import type { Refused } from "./unserved.ts";

/** Old name ▸ new name. */
export const renamed: Readonly<Record<string, string>> = {
  "experimental-bootstrap-defrag-threshold-megabytes": "bootstrap-defrag-threshold-megabytes",
  "experimental-compact-hash-check-time": "compact-hash-check-time",
  "experimental-compaction-batch-limit": "compaction-batch-limit",
  "experimental-compaction-sleep-interval": "compaction-sleep-interval",
  "experimental-corrupt-check-time": "corrupt-check-time",
  "experimental-distributed-tracing-address": "distributed-tracing-address",
  "experimental-distributed-tracing-instance-id": "distributed-tracing-instance-id",
  "experimental-distributed-tracing-sampling-rate": "distributed-tracing-sampling-rate",
  "experimental-distributed-tracing-service-name": "distributed-tracing-service-name",
  "experimental-downgrade-check-time": "downgrade-check-time",
  "experimental-enable-distributed-tracing": "enable-distributed-tracing",
  "experimental-max-learners": "max-learners",
  "experimental-memory-mlock": "memory-mlock",
  "experimental-peer-skip-client-san-verification": "peer-skip-client-san-verification",
  // 3.6 has the first as a flag, the second in the configuration file.
  "experimental-snapshot-catchup-entries": "snapshot-catchup-entries",
  "experimental-snapshot-catch-up-entries": "snapshot-catchup-entries",
  "experimental-warning-apply-duration": "warning-apply-duration",
  "experimental-warning-unary-request-duration": "warning-unary-request-duration",
  "experimental-watch-progress-notify-interval": "watch-progress-notify-interval",
};

/** Old boolean flag ▸ the feature gate that it became. */
export const becameGates: Readonly<Record<string, string>> = {
  "experimental-compact-hash-check-enabled": "CompactHashCheck",
  "experimental-enable-lease-checkpoint": "LeaseCheckpoint",
  "experimental-enable-lease-checkpoint-persist": "LeaseCheckpointPersist",
  "experimental-initial-corrupt-check": "InitialCorruptCheck",
  "experimental-stop-grpc-service-on-defrag": "StopGRPCServiceOnDefrag",
  "experimental-txn-mode-write-with-shared-buffer": "TxnModeWriteWithSharedBuffer",
};

const listMembers = "list the members in --initial-cluster, or use --discovery-srv";
const noV2 = "clients speak the v3 API";
const noProxy = "run a TCP load balancer, or etcd grpc-proxy of etcd, in its place";
/** Means nothing without --proxy. */
const proxyTime: Refused = { kind: "integer", harmless: "any", instead: noProxy };

/** What each of them has for its default asks for nothing, and is taken with a warning. */
export const gone: Readonly<Record<string, Refused>> = {
  discovery: { kind: "text", harmless: [""], instead: listMembers },
  "discovery-proxy": { kind: "text", harmless: [""], instead: listMembers },
  "enable-v2": { kind: "boolean", harmless: ["false"], instead: noV2 },
  "experimental-enable-v2v3": { kind: "text", harmless: [""], instead: noV2 },
  proxy: { kind: "text", harmless: ["", "off"], instead: noProxy },
  "proxy-dial-timeout": proxyTime,
  "proxy-failure-wait": proxyTime,
  "proxy-read-timeout": proxyTime,
  "proxy-refresh-interval": proxyTime,
  "proxy-write-timeout": proxyTime,
};

/** Etcd takes them as booleans and does nothing with them. */
export const ignored: ReadonlySet<string> = new Set([
  "cluster-active-size",
  "cluster-remove-delay",
  "cluster-sync-interval",
  "config",
  "force",
  "max-result-buffer",
  "max-retry-attempts",
  "peer-election-timeout",
  "peer-heartbeat-interval",
  "retry-interval",
  "snapshot",
  "test.coverprofile",
  "test.outputdir",
  "v",
  "vv",
]);
