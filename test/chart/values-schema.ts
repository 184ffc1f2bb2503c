/**
 * The types of the chart's values: values.schema.json without the texts and defaults, which values.yaml has. A null takes a default away, so
 * nothing is required.
 */
import assert from "node:assert/strict";

import type { Json } from "./chart-files.ts";
import { etcdClusterSpecSchema } from "./crd-schema.ts";
import {
  anyBoolean,
  anyString,
  dnsLabel,
  emptyOr,
  environmentVariable,
  group,
  integer,
  listOf,
  oneOf,
  openObject,
  resources,
  stringMap,
  toleration,
} from "./schema-parts.ts";
import { type ValueDoc, valueDocs } from "./values-docs.ts";

const operator = group({
  create: anyBoolean,
  replicas: integer(0, 9),
  logLevel: oneOf("debug", "info", "warn", "error"),
  workers: integer(1, 64),
  extraArgs: listOf({ type: "string", pattern: "^--[a-z]" }),
  extraEnv: listOf(environmentVariable),
  nodeOptions: anyString,
  resources,
  runAsUser: { type: ["integer", "null"], minimum: 1, maximum: 4294967294 },
  affinityPreset: oneOf("Soft", "Hard", "None"),
  affinity: group({
    nodeAffinity: openObject,
    podAffinity: openObject,
    podAntiAffinity: openObject,
  }),
  topologySpreadConstraints: listOf(openObject),
  nodeSelector: stringMap,
  tolerations: listOf(toleration),
  priorityClassName: anyString,
  podLabels: stringMap,
  podAnnotations: stringMap,
  podDisruptionBudget: group({ create: anyBoolean }),
});

const metrics = group({
  service: group({ create: anyBoolean, annotations: stringMap }),
  podMonitor: group({
    create: anyBoolean,
    labels: stringMap,
    interval: { type: "string", pattern: "^([0-9]+(ms|s|m|h))+$" },
  }),
});

const networkPolicy = group({
  create: anyBoolean,
  metricsFrom: listOf(
    group({ namespaceSelector: openObject, podSelector: openObject, ipBlock: openObject }),
  ),
  apiServerPorts: { ...listOf(integer(1, 65535), true), minItems: 1 },
  extraEgress: listOf(group({ ports: listOf(openObject), to: listOf(openObject) })),
});

const image = group({
  repository: { type: "string", pattern: "^[a-z0-9._-]+(:[0-9]+/)?[a-z0-9._/-]*$" },
  tag: emptyOr("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"),
  digest: emptyOr("sha256:[a-f0-9]{64}"),
  pullPolicy: oneOf("Always", "IfNotPresent", "Never"),
  pullSecrets: listOf(group({ name: { type: "string", minLength: 1 } }, ["name"])),
});

function structure(): Json {
  return group({
    nameOverride: emptyOr(dnsLabel),
    fullnameOverride: emptyOr(dnsLabel),
    commonLabels: stringMap,
    image,
    watchNamespaces: listOf({ type: "string", pattern: `^${dnsLabel}$` }, true),
    clusterDomain: emptyOr("[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"),
    operator,
    serviceAccount: group({ create: anyBoolean, name: anyString, annotations: stringMap }),
    rbac: group({ create: anyBoolean }),
    crds: group({ upgrade: anyBoolean }),
    metrics,
    networkPolicy,
    cluster: group({
      create: anyBoolean,
      name: emptyOr("[a-z]([-a-z0-9]{0,43}[a-z0-9])?"),
      labels: stringMap,
      annotations: stringMap,
      spec: etcdClusterSpecSchema(),
    }),
    // What helm itself adds when the chart is another one's dependency.
    global: openObject,
  });
}

/** values.schema.json: the types of here with the texts and defaults of values.yaml. Throws for a comment about nothing. */
export function valuesSchema(): Json {
  // Parts are shared between values; their texts are not.
  const schema = JSON.parse(JSON.stringify(structure())) as Json;
  for (const doc of valueDocs()) describe(schema, doc);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the chart etcd-ts",
    ...schema,
  };
}

function describe(schema: Json, { path, text, byDefault }: ValueDoc): void {
  const target = schemaAt(schema, path);
  assert(target !== undefined, `values.yaml describes ${path}, which the schema does not have`);
  Object.assign(target, { description: text, default: byDefault });
}

/** The schema of one value; undefined if there is none. */
export function schemaAt(schema: Json, path: string): Json | undefined {
  return path.split(".").reduce<Json | undefined>((node, key) => propertiesOf(node)[key], schema);
}

/** Paths of the values that a user sets: where a group ends. */
export function leafPaths(schema: Json, path = ""): string[] {
  const children = Object.entries(propertiesOf(schema));
  const isLeaf = children.length === 0 || (path !== "" && schema["description"] !== undefined);
  if (isLeaf) return [path];
  return children.flatMap(([key, child]) => leafPaths(child, path === "" ? key : `${path}.${key}`));
}

function propertiesOf(schema: Json | undefined): Readonly<Record<string, Json>> {
  return (schema?.["properties"] ?? {}) as Readonly<Record<string, Json>>;
}
