/**
 * The schema of EtcdCluster's spec for values.schema.json, made from the CRD: helm then refuses a wrong cluster.spec before anything is sent. CEL
 * rules stay behind; the API server has the last word.
 */
import assert from "node:assert/strict";

import { chartCrds, type Json } from "./chart-files.ts";

interface OpenApi extends Json {
  readonly properties?: Readonly<Record<string, OpenApi>>;
  readonly items?: OpenApi;
  readonly additionalProperties?: OpenApi | boolean;
  readonly type?: string;
}

/** Draft-07, closed wherever the CRD lists the properties, as the API server would drop or refuse others. */
export function etcdClusterSpecSchema(): Json {
  const crd = chartCrds().get("EtcdCluster");
  assert(crd !== undefined, "charts/etcd-ts/crds/ has no CRD of EtcdCluster");
  const { versions } = crd["spec"] as {
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: OpenApi } }[];
  };
  const spec = versions[0]?.schema.openAPIV3Schema.properties?.["spec"];
  assert(spec !== undefined, "the CRD of EtcdCluster describes no spec");
  return draft07(spec);
}

function draft07(schema: OpenApi): Json {
  const kept = Object.entries(schema).filter(
    ([key]) => !key.startsWith("x-kubernetes-") && !["nullable", "format", "default"].includes(key),
  );
  return {
    ...Object.fromEntries(kept),
    ...typeOf(schema),
    ...(schema.items === undefined ? {} : { items: draft07(schema.items) }),
    ...propertiesOf(schema),
  };
}

function typeOf(schema: OpenApi): Json {
  if (schema["x-kubernetes-int-or-string"] === true) return { type: ["integer", "string"] };
  if (schema["nullable"] === true) return { type: [schema.type, "null"] };
  return {};
}

function propertiesOf(schema: OpenApi): Json {
  const { properties, additionalProperties } = schema;
  if (typeof additionalProperties === "object") {
    return { additionalProperties: draft07(additionalProperties) };
  }
  if (properties === undefined) return {};
  const entries = Object.entries(properties).map(([name, child]) => [name, draft07(child)]);
  const isOpen = schema["x-kubernetes-preserve-unknown-fields"] === true;
  return {
    properties: Object.fromEntries(entries) as Json,
    ...(isOpen ? {} : { additionalProperties: false }),
  };
}
