/** The schemas inside a CustomResourceDefinition, one by one. */
import type { KubernetesObject } from "../../../../../operator/kernel/resource.ts";

export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly maxProperties?: number;
  readonly minimum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly "x-kubernetes-int-or-string"?: true;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly {
    readonly rule: string;
    readonly message: string;
  }[];
}

export interface SchemaNode {
  /** "" for the object itself, "spec.backup.schedules[].name" further in. */
  readonly path: string;
  readonly schema: Schema;
}

interface Definition {
  readonly spec: {
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** All of them, outer ones first. */
export function nodesOf(definition: KubernetesObject): readonly SchemaNode[] {
  const { versions } = (definition as unknown as Definition).spec;
  return versions.flatMap(({ schema }) => inside({ path: "", schema: schema.openAPIV3Schema }));
}

function inside(node: SchemaNode): readonly SchemaNode[] {
  const { path, schema } = node;
  const below: SchemaNode[] = Object.entries(schema.properties ?? {}).map(([name, field]) => ({
    path: path === "" ? name : `${path}.${name}`,
    schema: field,
  }));
  if (schema.items !== undefined) below.push({ path: `${path}[]`, schema: schema.items });
  if (schema.additionalProperties !== undefined) {
    below.push({ path: `${path}.*`, schema: schema.additionalProperties });
  }
  return [node, ...below.flatMap(inside)];
}

/** What the API server fills into an empty object of this schema. */
export function defaultsOf(schema: Schema): Readonly<Record<string, unknown>> {
  const filled = Object.entries(schema.properties ?? {}).filter(
    ([, field]) => field.default !== undefined,
  );
  return Object.fromEntries(
    filled.map(([name, field]) => [
      name,
      field.properties === undefined ? field.default : defaultsOf(field),
    ]),
  );
}
