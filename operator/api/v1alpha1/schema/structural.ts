/**
 * From TypeBox schemas to the structural schemas of a CustomResourceDefinition: defaults make a field optional for the writer, markers
 * become rules and sentences.
 */
import type { TSchema } from "typebox";
import { type Rule, rulesKey } from "./fields.ts";
import { type Marker, markerKey, markerOf } from "./served.ts";

/** "marked": what this version serves. "all": the design with all markers taken away, which tests hold against a real API server. */
export type View = "marked" | "all";

export type Structural = Readonly<Record<string, unknown>>;

interface SchemaFields {
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly items?: TSchema;
  readonly additionalProperties?: TSchema;
  readonly [rulesKey]?: readonly Rule[];
}

/** `path` as a user writes it ("spec.backup"): it stands in messages. */
export function structural(schema: TSchema, path: string, view: View): Structural {
  const marker = view === "all" ? undefined : markerOf(schema);
  const {
    properties,
    required,
    items,
    additionalProperties,
    description = "",
    default: byDefault,
    [rulesKey]: rules = [],
    ...plain
  } = without(schema, markerKey) as SchemaFields;
  const kept = rulesOf(rules, { marker, path, isMoot: (rule) => isMoot(rule, properties, view) });
  const fields =
    properties === undefined ? {} : fieldsOf(properties, required ?? [], { path, view });
  return {
    description: described(description, marker),
    ...plain,
    ...(byDefault === undefined || marker?.kind === "not-served"
      ? {}
      : { default: filledIn(byDefault, fields.properties) }),
    ...fields,
    ...(items === undefined ? {} : { items: structural(items, `${path}[]`, view) }),
    ...(additionalProperties === undefined
      ? {}
      : { additionalProperties: structural(additionalProperties, `${path}.*`, view) }),
    ...(kept.length === 0 ? {} : { [rulesKey]: kept }),
  };
}

function fieldsOf(
  properties: Readonly<Record<string, TSchema>>,
  required: readonly string[],
  at: { readonly path: string; readonly view: View },
): { readonly properties?: Readonly<Record<string, Structural>>; readonly required?: string[] } {
  const converted = Object.entries(properties).map(
    ([name, field]) => [name, structural(field, joined(at.path, name), at.view)] as const,
  );
  const fields = Object.fromEntries(converted);
  const demanded = required.filter((name) => fields[name]?.["default"] === undefined);
  return { properties: fields, ...(demanded.length === 0 ? {} : { required: demanded }) };
}

/**
 * The default `{}` with the defaults of its fields: the API server holds rules against a default as it stands, before it fills in more.
 */
function filledIn(
  byDefault: unknown,
  properties: Readonly<Record<string, Structural>> | undefined,
): unknown {
  if (properties === undefined) return byDefault;
  const defaults = Object.entries(properties)
    .filter(([, field]) => field["default"] !== undefined)
    .map(([name, field]) => [name, field["default"]] as const);
  return { ...Object.fromEntries(defaults), ...(byDefault as object) };
}

function without(fields: object, key: string): Structural {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== key));
}

function joined(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

interface RuleContext {
  readonly marker: Marker | undefined;
  readonly path: string;
  readonly isMoot: (rule: Rule) => boolean;
}

function rulesOf(rules: readonly Rule[], { marker, path, isMoot }: RuleContext): Structural[] {
  const kept = rules.filter((rule) => !isMoot(rule)).map((rule) => without(rule, "needs"));
  switch (marker?.kind) {
    case undefined:
      return kept;
    case "not-served":
      return [refusal(path), ...kept];
    case "served-only":
      return [{ rule: `self in ${celList(marker.values)}`, message: marker.message }];
  }
}

/** Stands at the field itself, so that it is asked only where the field is set. */
function refusal(path: string): Structural {
  return {
    rule: "false",
    message: `${path} is not served by this version of etcd-ts: remove it`,
    reason: "FieldValueForbidden",
  };
}

function isMoot(
  rule: Rule,
  properties: Readonly<Record<string, TSchema>> | undefined,
  view: View,
): boolean {
  const needed = rule.needs === undefined ? undefined : properties?.[rule.needs];
  if (rule.needs !== undefined && needed === undefined) {
    throw new Error(`rule "${rule.rule}" needs "${rule.needs}", which is no field beside it`);
  }
  return view === "marked" && needed !== undefined && markerOf(needed)?.kind === "not-served";
}

/** JSON's texts and numbers are CEL's too. */
function celList(values: readonly (string | number | boolean)[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(", ")}]`;
}

function described(description: string, marker: Marker | undefined): string {
  switch (marker?.kind) {
    case undefined:
      return description;
    case "not-served":
      return `Not served by this version of etcd-ts, and refused: ${description}`;
    case "served-only":
      return `${description} This version serves ${marker.values.join(", ")} only.`;
  }
}
