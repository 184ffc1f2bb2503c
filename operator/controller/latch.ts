/** Writes facts into a status that later decisions rest on: upon the very state that was seen, so that of two operators, or of two tries, one gets through. */
import { fieldManager } from "../api/v1alpha1/names.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { assert } from "../kernel/assert.ts";
import type { KubernetesObject, ResourceType } from "../kernel/resource.ts";

type Fields = Readonly<Record<string, unknown>>;

/** `fields`: null takes one away. Throws ApiError. */
export async function latch(
  client: ApiClient,
  resource: ResourceType,
  seen: KubernetesObject,
  fields: Fields,
): Promise<void> {
  const { uid, resourceVersion } = seen.metadata;
  assert(resourceVersion !== undefined, "only what was read can be latched", seen.metadata.name);
  const status = replacing(fieldsOf(seen["status"]) ?? {}, fields);
  const body = { metadata: { uid, resourceVersion }, status };
  const options = { type: "merge", subresource: "status", fieldManager } as const;
  await client.patch(resource, seen.metadata, body, options);
}

/**
 * A merge patch after which each of `wanted` is as given, and not mixed with what was there: a merge keeps what is not named (RFC 7386), so what is to go is named as
 * null.
 */
function replacing(present: Fields, wanted: Fields): Fields {
  return Object.fromEntries(
    Object.entries(wanted).map(([name, value]) => {
      const before = fieldsOf(present[name]);
      const after = fieldsOf(value);
      if (before === undefined || after === undefined) return [name, value];
      const gone = Object.keys(before).filter((key) => after[key] === undefined);
      return [
        name,
        { ...replacing(before, after), ...Object.fromEntries(gone.map((key) => [key, null])) },
      ];
    }),
  );
}

/** Undefined for what is no object: a merge patch replaces it. */
function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined;
}
