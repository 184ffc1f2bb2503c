/** Where the chart's files are, read as text or as objects. */
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseAllDocuments, parse as parseYaml } from "yaml";

/** Anything that YAML or JSON can hold as an object. */
export type Json = Readonly<Record<string, unknown>>;

/** A Kubernetes object as YAML holds it. */
export interface KubeObject extends Json {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** The project's folder. */
export const projectDir = resolve(import.meta.dirname, "../..");
/** The chart's folder, as helm takes it. */
export const chartDir = join(projectDir, "charts/etcd-ts");

/** A file of the chart; throws where it is missing. */
export function chartText(path: string): string {
  return readFileSync(join(chartDir, path), "utf8");
}

/** A YAML or JSON file of the chart with one document. */
export function chartJson(path: string): Json {
  return parseYaml(chartText(path)) as Json;
}

/** All objects of a stream of YAML documents; throws at the first that does not parse. Keys that stand twice do not parse. */
export function kubeObjects(stream: string): KubeObject[] {
  const documents = parseAllDocuments(stream, { uniqueKeys: true });
  return [...documents].flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const object = document.toJS() as KubeObject | null;
    return object === null ? [] : [object];
  });
}

/** The CustomResourceDefinitions of the chart's crds/ by kind. */
export function chartCrds(): ReadonlyMap<string, KubeObject> {
  const objects = globSync("crds/*.yaml", { cwd: chartDir }).flatMap((path) =>
    kubeObjects(chartText(path)),
  );
  return new Map(objects.map((crd) => [kindServedBy(crd), crd]));
}

function kindServedBy(crd: KubeObject): string {
  return (crd["spec"] as { readonly names: { readonly kind: string } }).names.kind;
}
