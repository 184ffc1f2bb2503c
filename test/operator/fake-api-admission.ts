/** What the fake API server lets into an object that is there. Refusals are Kubernetes' Status objects, thrown. */
import { clone, isEqual, isTree, type Tree } from "./fake-api-json.ts";
import { StatusError, type StoredObject, type Target } from "./fake-api-types.ts";

export function invalid(
  message: string,
  reason: string,
  ...fields: readonly string[]
): StatusError {
  const causes = fields.map((field) => ({ reason, field, message }));
  return new StatusError(422, "Invalid", message, { causes });
}

/** What an applied object says of the one that it is for. */
export function checkApplied(
  target: Target,
  config: Tree,
  live: StoredObject["metadata"] | undefined,
): void {
  const { uid, resourceVersion } = (config["metadata"] ?? {}) as Tree;
  if ((resourceVersion ?? live?.resourceVersion) !== live?.resourceVersion) {
    throw new StatusError(409, "Conflict", "the object has been modified");
  }
  if (target.subresource !== "" || uid === undefined || uid === live?.uid) return;
  if (live === undefined) {
    throw new StatusError(409, "Conflict", "uid mismatch: no existing object was found");
  }
  throw invalid(
    "metadata.uid: field is immutable",
    "FieldValueInvalid",
    "metadata.uid",
    "metadata.uid",
  );
}

/** What of `input` the server takes: the status or everything else, and never the fields that are its own. */
export function admit(target: Target, before: StoredObject, input: Tree): Tree {
  const given = isTree(input["metadata"]) ? input["metadata"] : {};
  const own = ["name", "namespace", "uid", "generation", "creationTimestamp", "deletionTimestamp"];
  const kept = Object.fromEntries(own.map((field) => [field, before.metadata[field]]));
  const set = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
  const metadata: Tree = { ...given, ...set, resourceVersion: before.metadata.resourceVersion };
  if (target.subresource === "status") {
    return { ...clone(before), status: clone(input["status"]) };
  }
  const object: Tree = { ...clone(input), metadata };
  if (target.resource.hasStatus) {
    delete object["status"];
    if (before["status"] !== undefined) object["status"] = clone(before["status"]);
  }
  const withoutServers = (tree: Tree): Tree => ({
    ...tree,
    metadata: undefined,
    status: undefined,
  });
  if (!isEqual(withoutServers(object), withoutServers(before))) {
    metadata["generation"] = Number(before.metadata["generation"] ?? 0) + 1;
  }
  return object;
}
