/**
 * Flags of the node that spec.etcd.extraArgs must not hold, because the operator sets them or because a field of the spec does. Everything
 * else is an escape hatch, also for images newer than this operator; a flag that the node does not know stops the node with its name.
 */

/** What the operator sets itself, what would break the identity of a member, or the promise of its writes. */
export const operatorFlags: readonly string[] = [
  "name",
  "data-dir",
  "wal-dir",
  "force-new-cluster",
  "expected-cluster-id",
  "expected-cluster-id",
  "strict-reconfig-check",
  "config-file",
  // An acknowledged write would not be safe.
  "unsafe-no-fsync",
  // They end the process at once.
  "help",
  "version",
];

/** Families of such flags. */
export const operatorFlagPrefixes: readonly string[] = [
  "listen-",
  "advertise-",
  "initial-",
  "discovery",
];

/** Flags that a group of the spec stands for, whether it is served already or not. */
export const groupFlags: Readonly<Record<string, readonly string[]>> = {
  "spec.tls": [
    "auto-tls",
    "self-signed-cert-validity",
    "cipher-suites",
    "tls-min-version",
    "tls-max-version",
    "cert-file",
    "key-file",
    "client-cert-file",
    "client-key-file",
    "client-cert-auth",
    "client-cert-allowed-cn",
    "client-cert-allowed-hostname",
    "client-crl-file",
    "peer-skip-client-san-verification",
    "trusted-ca-file",
    "peer-auto-tls",
    "peer-cert-file",
    "peer-key-file",
    "peer-client-cert-file",
    "peer-client-key-file",
    "peer-client-cert-auth",
    "peer-cert-allowed-cn",
    "peer-cert-allowed-hostname",
    "peer-crl-file",
    "peer-trusted-ca-file",
  ],
  "spec.access": ["auth-token", "auth-token-ttl", "bcrypt-cost"],
};

/** Flag ▸ the field to set in its place. */
export const fieldFlags: Readonly<Record<string, string>> = {
  "quota-backend-bytes": "spec.etcd.quotaBackendBytes",
  "snapshot-count": "spec.etcd.snapshotCount",
  "heartbeat-interval": "spec.etcd.heartbeatIntervalMs",
  "election-timeout": "spec.etcd.electionTimeoutMs",
  "log-level": "spec.etcd.logLevel",
  "auto-compaction-mode": "spec.etcd.autoCompaction",
  "auto-compaction-retention": "spec.etcd.autoCompaction",
  metrics: "spec.etcd.metrics",
};
