/** Each flag of the node is either the operator's, a field's, or free for spec.etcd.extraArgs: a new one has to be put somewhere. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { options } from "../../../../../node/config/options.ts";
import { unservedOptions } from "../../../../../node/config/unserved.ts";
import {
  fieldFlags,
  groupFlags,
  operatorFlagPrefixes,
  operatorFlags,
} from "../../../../../operator/api/v1alpha1/spec/reserved-flags.ts";
import { isReservedFlag } from "../../../../../operator/resources/flags.ts";

const refusedFlags = [
  ...operatorFlags,
  ...Object.values(groupFlags).flat(),
  ...Object.keys(fieldFlags),
];

function isRefused(flag: string): boolean {
  return (
    refusedFlags.includes(flag) || operatorFlagPrefixes.some((prefix) => flag.startsWith(prefix))
  );
}

const nodeFlags: readonly string[] = Object.keys(options);

test("flags of the node that are free for extraArgs are these", () => {
  assert.deepEqual(nodeFlags.filter((flag) => !isRefused(flag)).sort(), [
    "backend-batch-interval",
    "backend-batch-limit",
    "bootstrap-defrag-threshold-megabytes",
    "compaction-batch-limit",
    "compaction-sleep-interval",
    "cors",
    "enable-log-rotation",
    "enable-pprof",
    "feature-gates",
    "grpc-keepalive-interval",
    "grpc-keepalive-min-time",
    "grpc-keepalive-timeout",
    "host-whitelist",
    "log-format",
    "log-outputs",
    "log-rotation-config-json",
    "logger",
    "max-concurrent-streams",
    "max-learners",
    "max-request-bytes",
    "max-snapshots",
    "max-txn-ops",
    "max-wals",
    "pre-vote",
    "raft-read-timeout",
    "raft-write-timeout",
    "snapshot-catchup-entries",
    "v2-deprecation",
    "warning-apply-duration",
    "warning-unary-request-duration",
    "watch-progress-notify-interval",
  ]);
});

test("what the operator never passes on is refused at the API server already", () => {
  for (const flag of [...nodeFlags, ...unservedOptions, "help", "version"]) {
    if (isReservedFlag(flag)) assert.ok(isRefused(flag), flag);
  }
});

test("no flag about certificates is free", () => {
  const aboutTls = [...nodeFlags, ...unservedOptions].filter((flag) =>
    /cert-|crl|-key-file|auto-tls|trusted-ca|^tls-/.test(flag),
  );
  const free = aboutTls.filter((flag) => !isRefused(flag));
  assert.deepEqual(free, []);
});
