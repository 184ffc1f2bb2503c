/** The two CustomResourceDefinitions: what the API server is told about our objects. crds/ holds the same as YAML. */
import type { TSchema } from "typebox";
import type { KubernetesObject, ResourceType } from "../../kernel/resource.ts";
import { clusterStatus } from "./cluster-status.ts";
import { memberSpec, memberStatus } from "./member.ts";
import { etcdClusters, etcdMembers, group, version } from "./names.ts";
import { type Rule, rulesKey } from "./schema/fields.ts";
import { structural, type View } from "./schema/structural.ts";
import { clusterSpec } from "./spec/cluster-spec.ts";

interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  readonly description: string;
  readonly jsonPath: string;
  /** Above 0: only with `-o wide`. */
  readonly priority?: number;
}

const age: PrinterColumn = {
  name: "Age",
  type: "date",
  description: "Time since it was created.",
  jsonPath: ".metadata.creationTimestamp",
};

/** A column that shows a field of the status. */
const column = (name: string, field: string, description: string): PrinterColumn => ({
  name,
  type: "string",
  description,
  jsonPath: `.status.${field}`,
});

/** The same, with `-o wide` alone. */
const wide = (name: string, field: string, description: string): PrinterColumn => ({
  ...column(name, field, description),
  priority: 1,
});

const clusterColumns: readonly PrinterColumn[] = [
  column("Ready", "ready", "Members that are ready, of those wanted."),
  column("Phase", "phase", "How the cluster is."),
  column("Leader", "leader", "Member that leads."),
  column("Version", "version", "Version of etcd."),
  wide("Certificates", "certificates.phase", "How far a change of the CA is."),
  wide("Next", "plan.step", "What the operator does next."),
  {
    name: "DB Size",
    type: "integer",
    description: "Size of the first member's database, in bytes.",
    jsonPath: ".status.members[*].dbSizeBytes",
    priority: 1,
  },
  age,
];

const memberColumns: readonly PrinterColumn[] = [
  {
    name: "Cluster",
    type: "string",
    description: "The EtcdCluster that it belongs to.",
    jsonPath: ".spec.clusterName",
  },
  column("Role", "role", "Role in Raft."),
  column("Phase", "phase", "How far it is."),
  column("Node", "node", "Node that it runs on."),
  column("Version", "version", "Version of etcd."),
  wide("ID", "memberID", "Its id in etcd."),
  wide("Down since", "downSince", "Since when it does not serve."),
  age,
];

/** A fact in the status that stays as it was once written: what was decided on it cannot be undone. */
const latched = (field: string): Rule => ({
  rule: `oldSelf.?status.?${field}.orValue('') in ['', self.?status.?${field}.orValue('')]`,
  message: `status.${field} was decided on and cannot change: leave it as it is`,
});

const clusterRules: readonly Rule[] = [
  {
    rule: "self.metadata.name.size() <= 45",
    message:
      "the name must have at most 45 characters, because the names of members and Services are made of it: choose a shorter one",
  },
  {
    rule: "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message:
      "the name must be one DNS label, because Services are named after it: lower-case letters, digits and '-', beginning with a letter and without a dot",
  },
  {
    // A CronJob's name has 11 characters less than a DNS label, for those of its Jobs.
    rule: "self.metadata.name.size() <= 44 || !has(self.spec.maintenance) || !has(self.spec.maintenance.compaction)",
    message:
      "the name must have at most 44 characters with maintenance.compaction, because a CronJob is named after it: choose a shorter one, or remove maintenance.compaction",
  },
  latched("clusterID"),
  latched("seedMember"),
];

const memberRules: readonly Rule[] = [
  {
    rule: "self.metadata.name.startsWith(self.spec.clusterName + '-') && self.metadata.name.size() <= 63",
    message:
      "the name must be that of its cluster, '-' and a suffix, and have at most 63 characters. Members are made by the operator: set spec.replicas of the EtcdCluster",
  },
  latched("memberID"),
  latched("volumeClaimUID"),
];

interface Kind {
  readonly resource: ResourceType;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: TSchema;
  readonly status: TSchema;
  readonly rules: readonly Rule[];
  readonly columns: readonly PrinterColumn[];
  /** Beside that for the status. */
  readonly subresources: Readonly<Record<string, unknown>>;
}

const kinds: readonly Kind[] = [
  {
    resource: etcdClusters,
    shortNames: ["etcdc"],
    description:
      "An etcd cluster. The operator makes its members, volumes and Services and keeps them as the spec says.",
    spec: clusterSpec,
    status: clusterStatus,
    rules: clusterRules,
    columns: clusterColumns,
    subresources: {
      scale: {
        specReplicasPath: ".spec.replicas",
        statusReplicasPath: ".status.replicas",
        labelSelectorPath: ".status.selector",
      },
    },
  },
  {
    resource: etcdMembers,
    shortNames: ["etcdm"],
    description:
      "One member of an EtcdCluster. Made by the operator; people read it, and delete it to have the member replaced.",
    spec: memberSpec,
    status: memberStatus,
    rules: memberRules,
    columns: memberColumns,
    subresources: {},
  },
];

/** The definitions in either view. */
export function definitionsIn(view: View): readonly KubernetesObject[] {
  return kinds.map((kind) => definition(kind, view));
}

/** What is applied to the API server, in this order. */
export const customResourceDefinitions: readonly KubernetesObject[] = definitionsIn("marked");

function definition(kind: Kind, view: View): KubernetesObject {
  const { resource } = kind;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${resource.plural}.${group}`,
      labels: { "app.kubernetes.io/name": "etcd-ts", "app.kubernetes.io/part-of": "etcd-ts" },
    },
    spec: {
      group,
      scope: "Namespaced",
      names: {
        kind: resource.kind,
        listKind: `${resource.kind}List`,
        plural: resource.plural,
        singular: resource.kind.toLowerCase(),
        shortNames: kind.shortNames,
        // `kubectl get etcd` lists clusters and members.
        categories: ["etcd"],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: objectSchema(kind, view) },
          subresources: { status: {}, ...kind.subresources },
          additionalPrinterColumns: kind.columns,
        },
      ],
    },
  };
}

function objectSchema(kind: Kind, view: View): Readonly<Record<string, unknown>> {
  const spec = structural(kind.spec, "spec", view);
  return {
    description: kind.description,
    type: "object",
    ...(spec["default"] === undefined ? { required: ["spec"] } : {}),
    properties: {
      apiVersion: { description: "Version of this object's schema.", type: "string" },
      kind: { description: "Kind of this object.", type: "string" },
      // The limit is what the cost of rules on the name is estimated from.
      metadata: { type: "object", properties: { name: { type: "string", maxLength: 253 } } },
      spec,
      status: structural(kind.status, "status", view),
    },
    [rulesKey]: kind.rules,
  };
}
