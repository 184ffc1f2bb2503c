/** Kubernetes objects as raw JSON, the kinds they are of, and where the API server keeps them. Nothing here drops a field it does not know. */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Dates stay the strings that the server sent. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly [field: string]: unknown;
}

/** Whatever the server stores. Objects out of a store are shared: nobody changes them in place. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

export interface ResourceType {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
}

export interface ObjectRef {
  /** Absent for kinds without a namespace. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

export function apiVersionOf(resource: ResourceType): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** Path of a collection, or of one object when `name` is given. A namespaced collection without `namespace` is that of all namespaces. */
export function pathOf(
  resource: ResourceType,
  at: {
    readonly namespace?: string | undefined;
    readonly name?: string | undefined;
    readonly subresource?: string | undefined;
  },
): string {
  const root = resource.group === "" ? "/api/" : "/apis/";
  const parts = [`${root}${apiVersionOf(resource)}`];
  if (resource.isNamespaced && at.namespace !== undefined) {
    parts.push("namespaces", encodeURIComponent(at.namespace));
  }
  parts.push(resource.plural);
  if (at.name !== undefined) parts.push(encodeURIComponent(at.name));
  if (at.subresource !== undefined) parts.push(at.subresource);
  return parts.join("/");
}

/** "namespace/name", or "name" without a namespace: the key of stores and work queues. */
export function keyOf(ref: ObjectRef): string {
  return ref.namespace === undefined || ref.namespace === ""
    ? ref.name
    : `${ref.namespace}/${ref.name}`;
}

/** The inverse of keyOf; neither part of a key can hold a slash. */
export function refOf(key: string): ObjectRef {
  const slash = key.indexOf("/");
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** True only where both are decimal numbers, as every API server's are in practice, and `left` is the smaller one. */
export function isOlderVersion(left: string, right: string): boolean {
  const isDecimal = /^\d+$/;
  return isDecimal.test(left) && isDecimal.test(right) && BigInt(left) < BigInt(right);
}

/** Whether a value out of JSON can be kept as an object: it has a name and a resourceVersion. */
export function isStoredObject(
  value: unknown,
): value is KubernetesObject & { metadata: { resourceVersion: string } } {
  if (typeof value !== "object" || value === null || !("metadata" in value)) return false;
  const { metadata } = value;
  return (
    typeof metadata === "object" &&
    metadata !== null &&
    "name" in metadata &&
    typeof metadata.name === "string" &&
    "resourceVersion" in metadata &&
    typeof metadata.resourceVersion === "string"
  );
}

/** Without the API server's notes on who owns which field: often a third of the object, and of no use where it is only read. */
export function withoutManagedFields<Kind extends KubernetesObject>(object: Kind): Kind {
  return { ...object, metadata: { ...object.metadata, managedFields: undefined } };
}
