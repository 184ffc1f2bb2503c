/** The spec of an EtcdCluster: its groups, and the rules between them. */
import { Type } from "typebox";
import { boolean, choice, group, integer, type Rule, text } from "../schema/fields.ts";
import { notServed } from "../schema/served.ts";
import { access } from "./access.ts";
import { backup } from "./backup.ts";
import { bootstrap } from "./bootstrap.ts";
import { etcdOptions } from "./etcd-options.ts";
import { image } from "./image.ts";
import { maintenance } from "./maintenance.ts";
import { monitoring } from "./monitoring.ts";
import { pod } from "./pod.ts";
import { recovery } from "./recovery.ts";
import { services } from "./services.ts";
import { storage } from "./storage.ts";
import { tls } from "./tls.ts";

/**
 * 1 by default: what an empty spec asks for has to become ready on a cluster of one node as well, and a member is added to it at any time without
 * an interruption. Who needs a cluster that survives a node says so.
 */
const replicas = integer(
  "Number of members: 1, 3, 5 or 7. Three survive the loss of one, five of two. May be changed at any time; members are added and removed one by one. 0 hibernates the cluster: no pod runs, the volumes stay, and any other number wakes it.",
  { minimum: 0, maximum: 7, default: 1 },
);

const clusterDomain = text(
  'DNS domain of the Kubernetes cluster, which stands in the members\' URLs. Default: that of the operator, from its resolv.conf ("cluster.local"). Immutable.',
  {
    maxLength: 253,
    minLength: 1,
    rules: [
      {
        rule: "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
        message: 'must be a DNS name such as "cluster.local", without a dot at either end',
      },
    ],
  },
);

const quota = "(has(self.etcd.quotaBackendBytes) ? self.etcd.quotaBackendBytes : 2147483648)";
const quotaMessage =
  "quotaBackendBytes (default 2147483648) must be at most 80 % of storage.size, because log, snapshots and defragmentation need room too";

const rules: readonly Rule[] = [
  {
    rule: "self.replicas % 2 == 1 || self.replicas == 0 || self.allowEvenReplicas",
    fieldPath: ".replicas",
    message:
      "an even number of members survives no more failures than one less: set replicas to 1, 3, 5 or 7, or set allowEvenReplicas",
  },
  {
    rule: "has(self.clusterDomain) == has(oldSelf.clusterDomain) && (!has(self.clusterDomain) || self.clusterDomain == oldSelf.clusterDomain)",
    fieldPath: ".clusterDomain",
    message:
      "clusterDomain cannot change, because it is part of the members' URLs: set it back, or create a new EtcdCluster",
  },
  {
    rule: `!isQuantity(self.storage.size) || double(${quota}) <= 0.8 * quantity(self.storage.size).asApproximateFloat()`,
    fieldPath: ".etcd.quotaBackendBytes",
    message: `${quotaMessage}: lower it, or raise storage.size`,
    messageExpression: `'${quotaMessage}: lower it, or raise storage.size (' + self.storage.size + ')'`,
  },
  {
    rule: "has(self.bootstrap) == has(oldSelf.bootstrap) && (!has(self.bootstrap) || self.bootstrap == oldSelf.bootstrap)",
    needs: "bootstrap",
    fieldPath: ".bootstrap",
    message:
      "bootstrap cannot change, because a cluster is born once: set it back, or create a new EtcdCluster",
  },
  {
    rule: "!has(self.access) || !self.access.auth.isEnabled || self.tls.mode != 'Disabled'",
    needs: "access",
    fieldPath: ".access.auth",
    message:
      "authentication sends passwords, so it needs TLS: set tls.mode, or access.auth.isEnabled to false",
  },
  {
    rule: "!has(self.etcd.autoCompaction) || !has(self.maintenance) || !has(self.maintenance.compaction)",
    fieldPath: ".maintenance.compaction",
    message:
      "the members and the operator would both compact: remove etcd.autoCompaction or maintenance.compaction",
  },
  {
    rule: "self.storage.medium != 'Memory' || (self.replicas > 0 && !has(self.bootstrap))",
    needs: "bootstrap",
    fieldPath: ".storage.medium",
    message:
      "data in memory is gone when no pod runs, and nothing to restore a backup into: set storage.medium to Disk, or replicas above 0 and no bootstrap",
  },
];

export const clusterSpec = group(
  "What you want. Every field has a default or may be absent: an empty spec is a cluster.",
  {
    replicas,
    allowEvenReplicas: boolean(
      "Whether an even number of replicas is allowed. It survives no more losses than one less.",
      { default: false },
    ),
    image: Type.Optional(image),
    paused: boolean("Whether the operator leaves the cluster alone. The members go on.", {
      default: false,
    }),
    clusterDomain: Type.Optional(clusterDomain),
    deletionProtection: notServed(
      boolean("Whether the deletion of this object is refused.", { default: false }),
    ),
    updateStrategy: notServed(
      choice(
        ["RollingUpdate", "OnDelete"],
        "How a change comes to the members: one by one, or when somebody deletes their pods.",
        { default: "RollingUpdate" },
      ),
    ),
    storage,
    tls,
    etcd: etcdOptions,
    pod,
    services,
    maintenance: Type.Optional(maintenance),
    backup: notServed(backup),
    bootstrap: notServed(bootstrap),
    recovery,
    monitoring: notServed(monitoring),
    access: notServed(access),
  },
  { default: {}, rules },
);
