/**
 * values.schema.json and the table of README.md are made from values.yaml, test/chart/values-schema.ts and the CRD. They are made anew by
 *
 *     ETCD_TS_REWRITE=1 npm test -- test/chart/generated
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { chartDir, type Json, projectDir } from "./chart-files.ts";
import { valueDocs } from "./values-docs.ts";
import { leafPaths, schemaAt, valuesSchema } from "./values-schema.ts";

const isRewriting = process.env["ETCD_TS_REWRITE"] === "1";
const howTo = "to make it anew: ETCD_TS_REWRITE=1 npm test -- test/chart/generated";

test("values.schema.json says what values.yaml, the types of the values and the CRD say", () => {
  const file = join(chartDir, "values.schema.json");
  const schema = valuesSchema();
  if (isRewriting) {
    writeFileSync(file, JSON.stringify(schema));
    format(file);
  }
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), schema, howTo);
});

test("every value of the schema stands in values.yaml with a comment, and the other way round", () => {
  const documented = valueDocs().map(({ path }) => path);
  const declared = leafPaths(valuesSchema()).filter((path) => path !== "global");
  assert.deepEqual(documented.toSorted(), declared.toSorted());
  assert.equal(new Set(documented).size, documented.length);
});

test("no object in the schema takes unknown keys, but where Kubernetes defines them", () => {
  const open = openObjects(valuesSchema(), "").filter((path) => !path.startsWith("cluster.spec"));
  assert.deepEqual(open.toSorted(), [
    "global",
    "networkPolicy.extraEgress[].ports[]",
    "networkPolicy.extraEgress[].to[]",
    "networkPolicy.metricsFrom[].ipBlock",
    "networkPolicy.metricsFrom[].namespaceSelector",
    "networkPolicy.metricsFrom[].podSelector",
    "operator.affinity.nodeAffinity",
    "operator.affinity.podAffinity",
    "operator.affinity.podAntiAffinity",
    "operator.extraEnv[].valueFrom.configMapKeyRef",
    "operator.extraEnv[].valueFrom.fieldRef",
    "operator.extraEnv[].valueFrom.resourceFieldRef",
    "operator.extraEnv[].valueFrom.secretKeyRef",
    "operator.topologySpreadConstraints[]",
  ]);
});

test("the table of README.md lists all values with their defaults", () => {
  const file = join(chartDir, "README.md");
  const marks = /<!-- values (?:begin|end) -->/;
  const [head = "", listed = "", tail = ""] = readFileSync(file, "utf8").split(marks);
  if (isRewriting) {
    writeFileSync(file, `${head}<!-- values begin -->\n\n${table()}\n<!-- values end -->${tail}`);
    format(file);
  } else assert.equal(unpadded(listed), unpadded(table()), howTo);
});

function format(file: string): void {
  const biome = join(projectDir, "node_modules/.bin/biome");
  execFileSync(biome, ["format", "--write", file], { cwd: projectDir });
}

/** A table without the spaces and dashes that align its columns. */
function unpadded(text: string): string {
  return text.trim().replace(/ +/g, " ").replace(/-{3,}/g, "---");
}

function openObjects(schema: Json, path: string): string[] {
  const properties = Object.entries((schema["properties"] ?? {}) as Record<string, Json>);
  const items = schema["items"] as Json | undefined;
  const isOpen = schema["type"] === "object" && schema["additionalProperties"] === undefined;
  return [
    ...(isOpen ? [path] : []),
    ...properties.flatMap(([key, child]) =>
      openObjects(child, path === "" ? key : `${path}.${key}`),
    ),
    ...(items === undefined ? [] : openObjects(items, `${path}[]`)),
  ];
}

function table(): string {
  const schema = valuesSchema();
  const rows = valueDocs().map(({ path, text, byDefault }) => {
    const { type } = schemaAt(schema, path) ?? {};
    const cells = [`\`${path}\``, typeText(type), `\`${JSON.stringify(byDefault)}\``, text];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")} |\n`;
  });
  return `| value | type | default | what it does |\n| --- | --- | --- | --- |\n${rows.join("")}`;
}

function typeText(type: unknown): string {
  return Array.isArray(type) ? type.join(" or ") : String(type);
}
