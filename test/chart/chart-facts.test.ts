/** Chart.yaml against the rest of the project: one version, the CRDs that are really there, examples that helm and the API server take. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse as parseYaml } from "yaml";

import { needs, peer } from "../support/peers.ts";
import {
  chartCrds,
  chartDir,
  chartJson,
  chartText,
  type Json,
  type KubeObject,
  projectDir,
} from "./chart-files.ts";
import { crdsExamples, template } from "./render.ts";

const chart = chartJson("Chart.yaml");
const annotations = chart["annotations"] as Readonly<Record<string, string>>;
const annotation = (name: string): unknown =>
  parseYaml(annotations[`artifacthub.io/${name}`] ?? "");

test("the chart, the image and the package have one version", () => {
  const manifest = JSON.parse(readFileSync(join(projectDir, "package.json"), "utf8")) as Json;
  assert.equal(chart["version"], manifest["version"]);
  assert.equal(chart["appVersion"], manifest["version"]);
  const { repository } = chartJson("values.yaml")["image"] as { readonly repository: string };
  assert.deepEqual(annotation("images"), [
    { name: "etcd-ts", image: `${repository}:${String(manifest["version"])}` },
  ]);
});

test("the chart installs the CRDs of crds/, as they are", () => {
  const files = globSync("crds/*.yaml", { cwd: projectDir }).sort();
  assert.deepEqual(globSync("crds/*.yaml", { cwd: chartDir }).sort(), files);
  for (const file of files) {
    assert.equal(chartText(file), readFileSync(join(projectDir, file), "utf8"), file);
  }
});

test("Artifact Hub is told of all CRDs, with an example of those that people make", () => {
  const told = annotation("crds") as readonly { kind: string; name: string; version: string }[];
  const served = [...chartCrds()].map(([kind, crd]) => ({
    kind,
    name: crd.metadata.name,
    version: versionOf(crd),
  }));
  assert.deepEqual(
    told.map(({ kind, name, version }) => ({ kind, name, version })),
    served,
  );
  const kinds = new Set(crdsExamples().map(({ kind }) => kind));
  assert.deepEqual([...kinds], ["EtcdCluster"]);
});

test("the examples pass the schema of cluster.spec", needs("helm4"), () => {
  for (const { metadata, spec } of crdsExamples()) {
    const values = { cluster: { create: true, name: metadata.name, spec } };
    const result = template(peer("helm4"), { values, release: "etcd-ts", namespace: "default" });
    assert.ok(result.ok, result.ok ? "" : result.error);
  }
});

function versionOf(crd: KubeObject): string | undefined {
  return (crd["spec"] as { readonly versions: readonly { readonly name: string }[] }).versions[0]
    ?.name;
}
