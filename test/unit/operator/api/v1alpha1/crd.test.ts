/** What a CustomResourceDefinition must be to be taken by an API server, as far as it can be seen without one; test/e2e/crd.e2e.ts asks a real one. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { parse } from "yaml";

import { generatedFiles, staleFiles } from "../../../../../crds/generate.ts";
import {
  customResourceDefinitions,
  definitionsIn,
} from "../../../../../operator/api/v1alpha1/crd.ts";
import { defaultsOf, nodesOf, type SchemaNode } from "./schema-nodes.ts";

const views = ["marked", "all"] as const;
const nodes = views.flatMap((view) => definitionsIn(view).flatMap(nodesOf));

/** Keywords of structural schemas that we use (apiextensions v1 JSONSchemaProps). */
const keywords = [
  ...["additionalProperties", "anyOf", "default", "description", "enum", "format", "items"],
  ...["maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength", "minimum"],
  ...["pattern", "properties", "required", "type", "x-kubernetes-int-or-string"],
  ...["x-kubernetes-list-map-keys", "x-kubernetes-list-type"],
  ...["x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations"],
];

function each(what: string, check: (node: SchemaNode) => void): void {
  test(what, () => {
    for (const node of nodes) check(node);
  });
}

test("the generated files are those of the source", () => {
  assert.deepEqual(staleFiles(), [], "run: node crds/generate.ts");
});

test("the YAML says the same as the source", () => {
  const texts = [...generatedFiles().values()];
  const definitions = texts.map((text): unknown => parse(text));
  assert.deepEqual(
    definitions,
    customResourceDefinitions.flatMap((crd) => [crd, crd]),
  );
});

test("the walk sees the fields of both kinds", () => {
  const paths = nodes.map(({ path }) => path);
  for (const path of [
    "spec.storage.size",
    "spec.backup.schedules[].retention.keep",
    "spec.peerURL",
  ]) {
    assert.ok(paths.includes(path), path);
  }
});

each("a schema holds only what structural schemas may", ({ path, schema }) => {
  for (const keyword of Object.keys(schema))
    assert.ok(keywords.includes(keyword), `${path}: ${keyword}`);
});

each("every field has a type and tells what it is, in a whole sentence", ({ path, schema }) => {
  assert.ok(schema.type !== undefined || schema["x-kubernetes-int-or-string"] === true, path);
  if (path === "metadata" || path === "metadata.name") return;
  assert.match(schema.description ?? "", /^["A-Z-a-z].*\.$/, path);
});

each("everything has a limit, from which the cost of rules is estimated", ({ path, schema }) => {
  const isLeaf = ["apiVersion", "kind"].includes(path);
  if (schema.type === "string" && !isLeaf) {
    assert.ok(schema.enum !== undefined || schema.maxLength !== undefined, path);
  }
  if (schema.type === "array") assert.ok(schema.maxItems !== undefined, path);
  if (schema.additionalProperties !== undefined)
    assert.ok(schema.maxProperties !== undefined, path);
  if (schema.type === "integer") assert.ok(schema.minimum !== undefined, path);
});

each("a list says how it is merged, by keys that each item has", ({ path, schema }) => {
  if (schema.type !== "array") return;
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  assert.equal(schema["x-kubernetes-list-type"] === "map", keys.length > 0, path);
  for (const key of keys)
    assert.ok((schema.items?.required ?? []).includes(key), `${path}: ${key}`);
});

each(
  "a field with a default is not demanded, and what is demanded is there",
  ({ path, schema }) => {
    for (const name of schema.required ?? []) {
      const field = schema.properties?.[name];
      assert.ok(field !== undefined && field.default === undefined, `${path}: ${name}`);
    }
  },
);

each(
  "a default of an object holds the defaults of its fields, on which rules rest",
  ({ path, schema }) => {
    if (schema.properties === undefined || schema.default === undefined) return;
    assert.deepEqual(schema.default, defaultsOf(schema), path);
  },
);

each("a rule has a message of one line that says what to do", ({ path, schema }) => {
  for (const { rule, message } of schema["x-kubernetes-validations"] ?? []) {
    assert.ok(rule.length > 0 && !/[\n\r]/.test(message), path);
    assert.match(
      message,
      /\b(must|set|remove|write|choose|leave|raise|lower)\b/i,
      `${path}: ${message}`,
    );
  }
});

test("the short names are those of one kind each", () => {
  const names = customResourceDefinitions.map((crd) => (crd["spec"] as { names: unknown }).names);
  assert.deepEqual(names, [
    {
      kind: "EtcdCluster",
      listKind: "EtcdClusterList",
      plural: "etcdclusters",
      singular: "etcdcluster",
      shortNames: ["etcdc"],
      categories: ["etcd"],
    },
    {
      kind: "EtcdMember",
      listKind: "EtcdMemberList",
      plural: "etcdmembers",
      singular: "etcdmember",
      shortNames: ["etcdm"],
      categories: ["etcd"],
    },
  ]);
});
