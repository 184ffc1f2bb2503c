/**
 * The kinds of fields that our objects are made of: TypeBox schemas that carry what a structural schema of Kubernetes needs. Every text, list
 * and map takes a limit, because the API server estimates the cost of a CEL rule from the limits of what it reads.
 */
import {
  type Static,
  type TArray,
  type TBoolean,
  type TEnum,
  type TInteger,
  type TObject,
  type TProperties,
  type TSchema,
  type TString,
  type TUnsafe,
  Type,
} from "typebox";

/** A rule in CEL, `self` being the field that it stands at. The message says what to do. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  /** CEL that makes the message, where it names a value. */
  readonly messageExpression?: string;
  /** Path below `self` that the API server reports. */
  readonly fieldPath?: string;
  /** Name of the property of `self` without which the rule has no sense: while that one is not served, the rule is left out. */
  readonly needs?: string;
}

/** Under this key a schema carries its rules. */
export const rulesKey = "x-kubernetes-validations";

interface Common {
  readonly default?: unknown;
  readonly rules?: readonly Rule[];
}

function keywords(
  description: string,
  { rules, ...rest }: Common & Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return { description, ...rest, ...(rules === undefined ? {} : { [rulesKey]: rules }) };
}

interface TextOptions extends Common {
  readonly maxLength: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly format?: "date-time";
}

export function text(description: string, options: TextOptions): TString {
  return Type.String(keywords(description, { ...options }));
}

/** A rule that the whole text matches this pattern (RE2; without anchors). */
export function matching(pattern: string, message: string): Rule {
  return { rule: `self.matches(r'^(${pattern})$')`, message };
}

/** Name of a Kubernetes object that must exist beside ours. */
export function objectName(description: string, options: Common = {}): TString {
  const rule = matching(
    "[a-z0-9]([-a-z0-9.]*[a-z0-9])?",
    "must be the name of a Kubernetes object: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
  );
  return text(description, { maxLength: 253, minLength: 1, rules: [rule], ...options });
}

/** A Kubernetes quantity, written as text: "8Gi". */
export function quantity(description: string, options: Common = {}): TString {
  const rule = { rule: "isQuantity(self)", message: 'must be a quantity such as "8Gi" or "500Mi"' };
  return text(description, {
    maxLength: 20,
    minLength: 1,
    ...options,
    rules: [rule, ...(options.rules ?? [])],
  });
}

/** Five cron fields, or a name such as @daily. */
export function cron(description: string): TString {
  const rule = matching(
    String.raw`@(hourly|daily|midnight|weekly|monthly|yearly|annually)|[-0-9A-Za-z*/,?]+( +[-0-9A-Za-z*/,?]+){4}`,
    'must be five cron fields such as "30 3 * * 0", or one of @hourly, @daily, @weekly, @monthly, @yearly',
  );
  return text(description, { maxLength: 100, minLength: 1, rules: [rule] });
}

export function timeZone(): TString {
  const rule = matching("[A-Za-z][A-Za-z0-9_+/-]*", 'must be a time zone such as "Europe/Berlin"');
  return text('Time zone of the schedule, such as "Europe/Berlin".', {
    maxLength: 64,
    default: "Etc/UTC",
    rules: [rule],
  });
}

export function choice<const Values extends string[]>(
  values: readonly [...Values],
  description: string,
  options: Common = {},
): TEnum<Values> {
  return Type.Enum(values, keywords(description, { type: "string", ...options }));
}

interface IntegerOptions extends Common {
  readonly minimum: number;
  readonly maximum?: number;
  readonly format?: "int32" | "int64";
}

export function integer(description: string, options: IntegerOptions): TInteger {
  return Type.Integer(keywords(description, { format: "int32", ...options }));
}

export function boolean(description: string, options: Common = {}): TBoolean {
  return Type.Boolean(keywords(description, { ...options }));
}

/** An object with fields of its own. With `default: {}` the defaults of its fields are filled in also where it is not written. */
export function group<Fields extends TProperties>(
  description: string,
  fields: Fields,
  options: Common = {},
): TObject<Fields> {
  return Type.Object(fields, keywords(description, { ...options }));
}

interface ListOptions extends Common {
  readonly maxItems: number;
  readonly minItems?: number;
  /** Names of the fields that tell items apart: makes it a map. Without it the list is replaced as a whole. */
  readonly keys?: readonly string[];
  readonly isSet?: boolean;
}

export function list<Item extends TSchema>(
  description: string,
  item: Item,
  { keys, isSet, ...options }: ListOptions,
): TArray<Item> {
  const type = keys === undefined ? (isSet === true ? "set" : "atomic") : "map";
  return Type.Array(
    item,
    keywords(description, {
      ...options,
      "x-kubernetes-list-type": type,
      ...(keys === undefined ? {} : { "x-kubernetes-list-map-keys": keys }),
    }),
  );
}

interface MapOptions extends Common {
  readonly maxProperties: number;
}

/** Keys of any name to values of one schema. */
export function map<Value extends TSchema>(
  description: string,
  value: Value,
  options: MapOptions,
): TUnsafe<Record<string, Static<Value>>> {
  return Type.Unsafe<Record<string, Static<Value>>>({
    ...keywords(description, { type: "object", ...options }),
    additionalProperties: value,
  });
}

/** What Kubernetes takes for an amount: "500m", "1Gi" or a plain integer. */
export function amount(description: string): TUnsafe<string | number> {
  return Type.Unsafe<string | number>({
    description,
    anyOf: [{ type: "integer" }, { type: "string" }],
    pattern: String.raw`^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$`,
    maxLength: 20,
    "x-kubernetes-int-or-string": true,
  });
}

/** Fields of Kubernetes that we pass on without looking at them. */
export function raw(description: string): TUnsafe<Record<string, unknown>> {
  return Type.Unsafe<Record<string, unknown>>({
    description,
    type: "object",
    "x-kubernetes-preserve-unknown-fields": true,
  });
}
