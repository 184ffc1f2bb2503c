/** Small JSON Schemas (draft-07) that values.schema.json is put together from. */
import type { Json } from "./chart-files.ts";

export const anyString: Json = { type: "string" };
export const anyBoolean: Json = { type: "boolean" };
/** Labels, annotations, node selectors. */
export const stringMap: Json = { type: "object", additionalProperties: { type: "string" } };
/** 100m, 1Gi, or a number. */
const quantity: Json = {
  anyOf: [
    { type: "string", pattern: "^[0-9]+([.][0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$" },
    { type: "number", minimum: 0 },
  ],
};
/** Checked by the API server: large, and Kubernetes adds to it. */
export const openObject: Json = { type: "object" };

/** A string that is empty, which means "not set", or matches. */
export function emptyOr(pattern: string): Json {
  return { type: "string", pattern: `^(${pattern})?$` };
}

/** An object with these keys and no others. */
export function group(properties: Readonly<Record<string, Json>>, required?: string[]): Json {
  return {
    type: "object",
    properties,
    ...(required === undefined ? {} : { required }),
    additionalProperties: false,
  };
}

/** An array. */
export function listOf(items: Json, isSet = false): Json {
  return { type: "array", items, ...(isSet ? { uniqueItems: true } : {}) };
}

/** One of these strings. */
export function oneOf(...choices: readonly string[]): Json {
  return { type: "string", enum: choices };
}

/** A whole number in a range. */
export function integer(minimum: number, maximum: number): Json {
  return { type: "integer", minimum, maximum };
}

/** A PersistentVolumeClaim's, Pod's or Namespace's name: a DNS label. */
export const dnsLabel = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";

/** A toleration of a pod. */
export const toleration = group({
  key: anyString,
  operator: oneOf("Exists", "Equal"),
  value: anyString,
  effect: oneOf("NoSchedule", "PreferNoSchedule", "NoExecute"),
  tolerationSeconds: { type: "integer" },
});

/** Resources of a container. */
export const resources = group({
  requests: { type: "object", additionalProperties: quantity },
  limits: { type: "object", additionalProperties: quantity },
});

/** An environment variable of a container. */
export const environmentVariable = group(
  {
    name: { type: "string", minLength: 1 },
    value: anyString,
    valueFrom: group({
      configMapKeyRef: openObject,
      fieldRef: openObject,
      resourceFieldRef: openObject,
      secretKeyRef: openObject,
    }),
  },
  ["name"],
);
