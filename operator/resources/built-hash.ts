/** How it is seen that an object which we keep by server-side apply is no longer as we built it. */
import { templateHashAnnotation } from "../api/v1alpha1/names.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { hasFields } from "./fields.ts";
import { hashOf } from "./template-hash.ts";

/** The object with a hash of itself in an annotation: what a user took out of the spec is still in the object, and only the hash tells it. */
export function withBuiltHash(object: KubernetesObject): KubernetesObject {
  const { metadata } = object;
  const annotations = { ...metadata.annotations, [templateHashAnnotation]: hashOf(object) };
  return { ...object, metadata: { ...metadata, annotations } };
}

/** Whether all that `built` says is so in the object that was found. Both name the same object of the same kind. */
export function isAsBuilt(found: KubernetesObject, built: KubernetesObject): boolean {
  // Items of lists come without apiVersion and kind.
  return Object.entries(built).every(
    ([field, value]) =>
      field === "apiVersion" || field === "kind" || hasFields(found[field], value),
  );
}
