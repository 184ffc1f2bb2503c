/** Who owns which field (managedFields), and server-side apply upon it: conflicts, forcing, dropping what a manager gives no more. */
import {
  clone,
  isEqual,
  leavesOf,
  type Path,
  removeAt,
  setAt,
  type Tree,
} from "./fake-api-json.ts";

interface Owner {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly subresource: string;
  readonly fields: Set<string>;
}

export type Owners = readonly Owner[];

export interface ApplyInput {
  readonly live: Tree;
  readonly owners: Owners;
  readonly config: Tree;
  readonly manager: string;
  readonly subresource: string;
  readonly isForced: boolean;
}

export type ApplyResult =
  | { readonly object: Tree; readonly owners: Owners }
  | { readonly conflicts: readonly { readonly field: string; readonly manager: string }[] };

function nameOf(field: string): string {
  return (JSON.parse(field) as Path)
    .map((step) => step.replace(/^f:/, ".").replace(/^[kv]:(.*)$/, "[$1]"))
    .join("");
}

export function applyFields(input: ApplyInput): ApplyResult {
  const { live, owners, config, manager, subresource, isForced } = input;
  const isSelf = (owner: Owner): boolean =>
    owner.manager === manager && owner.operation === "Apply" && owner.subresource === subresource;
  const others = owners
    .filter((owner) => !isSelf(owner))
    .map((owner) => ({ ...owner, fields: new Set(owner.fields) }));
  const wanted = leavesOf(config);
  const present = leavesOf(live);
  const conflicts: { field: string; manager: string }[] = [];
  for (const [field, value] of wanted) {
    if (isEqual(present.get(field), value)) continue;
    for (const owner of others) {
      if (!owner.fields.has(field)) continue;
      if (isForced) owner.fields.delete(field);
      else conflicts.push({ field: nameOf(field), manager: owner.manager });
    }
  }
  if (conflicts.length > 0) return { conflicts };
  const object = clone(live);
  const before = owners.find(isSelf)?.fields ?? new Set();
  for (const field of [...before].sort(keysLast)) {
    const isOwned = wanted.has(field) || others.some((owner) => owner.fields.has(field));
    if (!isOwned) removeAt(object, JSON.parse(field) as Path);
  }
  for (const [field, value] of wanted) setAt(object, JSON.parse(field) as Path, value);
  const self: Owner = { manager, operation: "Apply", subresource, fields: new Set(wanted.keys()) };
  return { object, owners: [...others, self].filter((owner) => owner.fields.size > 0) };
}

/** An item of a keyed list is found by its key, so that goes after its other fields. */
function keysLast(left: string, right: string): number {
  return Number(isKeyField(left)) - Number(isKeyField(right));
}

function isKeyField(field: string): boolean {
  const [item = "", last = ""] = (JSON.parse(field) as Path).slice(-2);
  return item.startsWith("k:") && last.slice(2) in (JSON.parse(item.slice(2)) as Tree);
}

/** Owners after a change by other means: whoever changed a field owns it alone. */
export function updateFields(
  owners: Owners,
  change: { readonly before: Tree; readonly after: Tree },
  by: { readonly manager: string; readonly subresource: string },
): Owners {
  const before = leavesOf(change.before);
  const after = leavesOf(change.after);
  const changed = [...after].filter(([field, value]) => !isEqual(before.get(field), value));
  const changedFields = new Set(changed.map(([field]) => field));
  const kept = owners.map((owner) => ({
    ...owner,
    fields: new Set(
      [...owner.fields].filter((field) => after.has(field) && !changedFields.has(field)),
    ),
  }));
  const isSelf = (owner: Owner): boolean =>
    owner.manager === by.manager &&
    owner.operation === "Update" &&
    owner.subresource === by.subresource;
  const own = kept.find(isSelf)?.fields ?? new Set();
  const self: Owner = { ...by, operation: "Update", fields: new Set([...own, ...changedFields]) };
  return [...kept.filter((owner) => !isSelf(owner)), self].filter((owner) => owner.fields.size > 0);
}

function nameOfOwner({ manager, operation, subresource }: Owner): string {
  return JSON.stringify([operation, manager, subresource]);
}

/** metadata.managedFields, in an order that does not depend on who wrote last. */
export function managedFieldsOf(owners: Owners, apiVersion: unknown): Tree[] {
  const sorted = [...owners].sort((a, b) => (nameOfOwner(a) < nameOfOwner(b) ? -1 : 1));
  return sorted.map(({ manager, operation, subresource, fields }) => {
    const fieldsV1: Tree = {};
    for (const field of fields) {
      let at = fieldsV1;
      for (const step of JSON.parse(field) as Path) at = (at[step] ??= {}) as Tree;
    }
    const entry: Tree = { manager, operation, apiVersion, fieldsType: "FieldsV1", fieldsV1 };
    return subresource === "" ? entry : { ...entry, subresource };
  });
}
