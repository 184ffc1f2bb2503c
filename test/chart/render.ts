/**
 * The value sets of test/chart/values and what helm makes of them. `renderAll` is also for tests with a real API server, which send all of it in
 * a dry run.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseYaml } from "yaml";

import { chartDir, chartJson, type Json, type KubeObject, kubeObjects } from "./chart-files.ts";

/** One file of test/chart/values: values with what must come out of them. */
export interface ValueSet {
  /** The file's name without .yaml. */
  readonly name: string;
  readonly about: string;
  /** Default: etcd-ts. */
  readonly release: string;
  /** Default: etcd-ts-system. */
  readonly namespace: string;
  readonly values: Json;
  readonly expect: {
    /** Kind/name, or Kind/namespace/name outside of the release's namespace: exactly these. Empty: as other sets say. */
    readonly objects?: readonly string[];
    /** Object as above ▸ JSON pointer ▸ what stands there; null for nothing. */
    readonly where?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    /** Parts of NOTES.txt; with ! in front, what must not be in it. */
    readonly notes?: readonly string[];
  };
}

/** The Kubernetes that helm renders for where no API server is asked. */
const kubeVersion = "1.34.4";
const valuesDir = join(import.meta.dirname, "values");

/** All value sets in the order of their names. */
export function valueSets(): ValueSet[] {
  return globSync("*.yaml", { cwd: valuesDir })
    .sort()
    .map((file) => ({
      name: file.replace(/\.yaml$/, ""),
      release: "etcd-ts",
      namespace: "etcd-ts-system",
      ...(parseYaml(readFileSync(join(valuesDir, file), "utf8")) as Omit<
        ValueSet,
        "name" | "release" | "namespace"
      >),
    }));
}

/** What helm answered; `error` is its standard error when it failed. */
export type Rendered =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly error: string };

/** `helm template` with these values, hooks and tests included. `helm` is the program's path. */
export function template(
  helm: string,
  set: Pick<ValueSet, "values" | "release" | "namespace">,
): Rendered {
  const args = ["template", set.release, chartDir, "--namespace", set.namespace];
  return run(helm, [...args, "--kube-version", kubeVersion, "--values", "-"], set.values);
}

/** NOTES.txt as an installation prints it; only helm 4 can do that without an API server. */
export function notes(helm4: string, set: ValueSet): string {
  const args = ["install", set.release, chartDir, "--namespace", set.namespace];
  const result = run(helm4, [...args, "--dry-run=client", "--values", "-"], set.values);
  if (!result.ok) throw new Error(result.error);
  return result.text.slice(result.text.indexOf("\nNOTES:"));
}

/** The objects that Chart.yaml shows on Artifact Hub. */
export function crdsExamples(): KubeObject[] {
  const annotations = chartJson("Chart.yaml")["annotations"] as Readonly<Record<string, string>>;
  return parseYaml(annotations["artifacthub.io/crdsExamples"] ?? "") as KubeObject[];
}

/** `helm lint --strict`; throws with what it printed if it finds anything. */
export function lint(helm: string): void {
  execFileSync(helm, ["lint", "--strict", "--kube-version", kubeVersion, chartDir], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** The objects of one value set; throws when helm refuses. */
export function render(helm: string, set: ValueSet): KubeObject[] {
  const result = template(helm, set);
  if (!result.ok) throw new Error(`${set.name}: ${result.error}`);
  return kubeObjects(result.text);
}

/** The objects of all value sets. They share names: each set is applied alone, after its namespaces were made. */
export function renderAll(
  helm: string,
): { set: ValueSet; namespaces: string[]; objects: KubeObject[] }[] {
  return valueSets().map((set) => {
    const objects = render(helm, set);
    const namespaces = new Set([set.namespace]);
    for (const { metadata } of objects)
      if (metadata.namespace !== undefined) namespaces.add(metadata.namespace);
    return { set, namespaces: [...namespaces], objects };
  });
}

function run(helm: string, args: readonly string[], values: Json): Rendered {
  const result = spawnSync(helm, args, {
    input: JSON.stringify(values),
    encoding: "utf8",
    // No cluster of the machine is asked.
    env: { ...process.env, KUBECONFIG: "/nonexistent" },
  });
  if (result.error !== undefined) throw result.error;
  return result.status === 0
    ? { ok: true, text: result.stdout }
    : { ok: false, error: result.stderr };
}
