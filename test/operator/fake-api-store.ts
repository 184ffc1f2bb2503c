/**
 * The objects of the fake API server: one growing resourceVersion, a history for watches that can be compacted, generations, status as a
 * part of its own, finalizers, garbage collection by owner references. Refusals are Kubernetes' Status objects, thrown.
 */
import type { Clock } from "../../operator/kernel/ports.ts";
import { admit, checkApplied, invalid } from "./fake-api-admission.ts";
import {
  type ApplyInput,
  applyFields,
  managedFieldsOf,
  type Owners,
  updateFields,
} from "./fake-api-fields.ts";
import { clone, isEqual, isTree, type Tree } from "./fake-api-json.ts";
import {
  type FakeResource,
  type HistoryEvent,
  type Mutation,
  StatusError,
  type StoredObject,
  type Target,
} from "./fake-api-types.ts";

interface Stored {
  readonly resource: FakeResource;
  readonly object: StoredObject;
  readonly owners: Owners;
}

export class FakeStore {
  readonly mutations: Mutation[] = [];
  private readonly clock: Clock;
  private readonly objects = new Map<string, Stored>();
  private history: HistoryEvent[] = [];
  private readonly listeners = new Set<(event: HistoryEvent) => void>();
  private lastVersion = 1000;
  private compacted = 0;
  private uidCount = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get version(): number {
    return this.lastVersion;
  }

  get compactedVersion(): number {
    return this.compacted;
  }

  /** Forgets the history up to now: watches and lists from before get 410. */
  compact(): void {
    this.compacted = this.lastVersion;
    this.history = [];
  }

  listen(listener: (event: HistoryEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Events of this resource after `version`, oldest first. */
  since(resource: FakeResource, version: number): HistoryEvent[] {
    return this.history.filter(
      (event) => event.version > version && event.resource.plural === resource.plural,
    );
  }

  /** Sorted as etcd would: by namespace and name. */
  list(
    resource: FakeResource,
    namespace?: string,
    selects: (object: StoredObject) => boolean = () => true,
  ): StoredObject[] {
    const isIn = ({ metadata }: StoredObject): boolean =>
      namespace === undefined || metadata["namespace"] === namespace;
    return [...this.objects]
      .filter(([, each]) => each.resource.plural === resource.plural)
      .filter(([, { object }]) => isIn(object) && selects(object))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { object }]) => clone(object));
  }

  has(target: Pick<Target, "resource" | "namespace" | "name">): boolean {
    return this.objects.has(keyOf(target));
  }

  get(target: Pick<Target, "resource" | "namespace" | "name">): StoredObject {
    return clone(this.mustHave(target).object);
  }

  create(target: Target, input: Tree): StoredObject {
    const metadata = isTree(input["metadata"]) ? clone(input["metadata"]) : {};
    if (metadata["resourceVersion"] !== undefined) {
      // With 500, as the real one has it.
      throw new StatusError(500, "", "resourceVersion should not be set on objects to be created");
    }
    this.uidCount += 1;
    const prefix = metadata["generateName"];
    const name =
      metadata["name"] ?? (typeof prefix === "string" ? `${prefix}${this.uidCount}` : "");
    if (typeof name !== "string" || name === "") {
      throw invalid("name or generateName is required", "FieldValueRequired", "metadata.name");
    }
    const at = { ...target, name };
    if (this.objects.has(keyOf(at))) {
      throw new StatusError(
        409,
        "AlreadyExists",
        `${target.resource.plural} "${name}" already exists`,
      );
    }
    const object: Tree = {
      ...clone(input),
      metadata: {
        ...metadata,
        name,
        ...(target.resource.isNamespaced ? { namespace: target.namespace } : {}),
        uid: `uid-${this.uidCount}`,
        generation: 1,
        creationTimestamp: this.now(),
      },
    };
    if (target.resource.hasStatus) delete object["status"];
    const owners = updateFields([], { before: {}, after: object }, target);
    this.log("create", at);
    return this.put(at, { object, owners });
  }

  /** `verb` says how the caller came to the new object. Without a resourceVersion the write is unconditional where `isPatch`. */
  update(target: Target, input: Tree, verb: "update" | "patch"): StoredObject {
    const stored = this.mustHave(target);
    const metadata = isTree(input["metadata"]) ? input["metadata"] : {};
    const { resourceVersion, uid } = stored.object.metadata;
    if (metadata["resourceVersion"] === undefined && verb === "update") {
      const message = "metadata.resourceVersion: must be specified for an update";
      throw invalid(message, "FieldValueInvalid", "metadata.resourceVersion");
    }
    if ((metadata["resourceVersion"] ?? resourceVersion) !== resourceVersion) {
      throw new StatusError(409, "Conflict", "the object has been modified");
    }
    // The status has no metadata: the real one does not look at the uid there.
    if (target.subresource === "" && (metadata["uid"] ?? uid) !== uid) {
      throw new StatusError(409, "Conflict", "Precondition failed: UID in precondition differs");
    }
    const object = admit(target, stored.object, input);
    const owners = updateFields(stored.owners, { before: stored.object, after: object }, target);
    return this.replace(target, stored, { object, owners }, verb);
  }

  apply(target: Target, config: Tree, isForced: boolean): StoredObject {
    const stored = this.objects.get(keyOf(target));
    if (stored === undefined && target.subresource !== "") throw notFound(target);
    checkApplied(target, config, stored?.object.metadata);
    const live = stored?.object ?? {};
    const part =
      target.subresource === "status"
        ? { status: config["status"] }
        : target.resource.hasStatus
          ? { ...config, status: undefined }
          : config;
    const given = Object.fromEntries(
      Object.entries(part).filter(([, value]) => value !== undefined),
    );
    const input: ApplyInput = {
      ...target,
      live,
      owners: stored?.owners ?? [],
      config: given,
      isForced,
    };
    const result = applyFields(input);
    if ("conflicts" in result) {
      const causes = result.conflicts.map(({ field, manager }) => ({
        reason: "FieldManagerConflict",
        field,
        message: `conflict with "${manager}"`,
      }));
      throw new StatusError(409, "Conflict", "Apply failed with conflicts", { causes });
    }
    if (stored === undefined) {
      const { apiVersion, kind } = config;
      const metadata = { ...(result.object["metadata"] as Tree | undefined), name: target.name };
      const created = this.create(target, { apiVersion, kind, ...result.object, metadata });
      const at = this.mustHave({ ...target, name: created.metadata.name });
      const object = withManagedFields(at.object, result.owners);
      this.objects.set(keyOf(target), { ...at, object, owners: result.owners });
      return clone(object);
    }
    const object = admit(target, stored.object, result.object);
    return this.replace(target, stored, { object, owners: result.owners }, "apply");
  }

  /** Undefined when the object is gone; otherwise its state while finalizers, or a grace period that is not `isFinal`, hold it. */
  delete(target: Target, preconditions: Tree, isFinal = false): StoredObject | undefined {
    const stored = this.mustHave(target);
    const { metadata } = stored.object;
    for (const name of ["uid", "resourceVersion"]) {
      if ((preconditions[name] ?? metadata[name]) !== metadata[name]) {
        throw new StatusError(409, "Conflict", `Precondition failed: ${name} differs`);
      }
    }
    if (hasFinalizers(stored.object) || (!isFinal && isOnNode(stored))) {
      if (metadata["deletionTimestamp"] !== undefined) return clone(stored.object);
      this.log("delete", target);
      const generation = Number(metadata["generation"] ?? 0) + 1;
      const ending = { ...metadata, generation, deletionTimestamp: this.now() };
      const marked = { ...stored.object, metadata: ending };
      return this.put(target, { object: marked, owners: stored.owners });
    }
    this.log("delete", target);
    this.remove(target, stored);
    return undefined;
  }

  private replace(
    target: Target,
    stored: Stored,
    next: { readonly object: Tree; readonly owners: Owners },
    verb: Mutation["verb"],
  ): StoredObject {
    const candidate = withManagedFields(next.object as StoredObject, next.owners);
    if (isEqual(candidate, stored.object)) return clone(stored.object);
    this.log(verb, target);
    const isEnding = stored.object.metadata["deletionTimestamp"] !== undefined;
    const isHeld = hasFinalizers(next.object) || isOnNode(stored);
    if (isEnding && !isHeld) {
      this.remove(target, { ...stored, object: next.object as StoredObject });
      return clone(next.object as StoredObject);
    }
    return this.put(target, next);
  }

  private put(
    target: Pick<Target, "resource" | "namespace" | "name">,
    next: { readonly object: Tree; readonly owners: Owners },
  ): StoredObject {
    const before = this.objects.get(keyOf(target))?.object;
    this.lastVersion += 1;
    const metadata = next.object["metadata"] as Tree;
    const versioned = {
      ...clone(next.object),
      metadata: { ...metadata, resourceVersion: String(this.lastVersion) },
    } as unknown as StoredObject;
    const object = withManagedFields(versioned, next.owners);
    this.objects.set(keyOf(target), { resource: target.resource, object, owners: next.owners });
    this.publish({ resource: target.resource, before, after: object, last: object });
    return clone(object);
  }

  private remove(target: Pick<Target, "resource" | "namespace" | "name">, stored: Stored): void {
    this.objects.delete(keyOf(target));
    this.lastVersion += 1;
    const metadata = { ...stored.object.metadata, resourceVersion: String(this.lastVersion) };
    const last = { ...stored.object, metadata };
    this.publish({ resource: target.resource, before: stored.object, after: undefined, last });
    this.collectGarbage(stored.object.metadata.uid);
  }

  private publish(event: Omit<HistoryEvent, "version">): void {
    const entry = { ...event, version: this.lastVersion };
    this.history.push(entry);
    for (const listener of this.listeners) listener(entry);
  }

  private collectGarbage(ownerUid: string): void {
    for (const { resource, object } of [...this.objects.values()]) {
      const references = object.metadata["ownerReferences"];
      const owners = Array.isArray(references) ? (references as Tree[]) : [];
      if (owners.length === 0 || owners.some((owner) => owner["uid"] !== ownerUid)) continue;
      const namespace = object.metadata["namespace"] as string;
      const at = { resource, namespace, name: object.metadata.name };
      this.delete({ ...at, subresource: "", manager: "garbage-collector" }, {});
    }
  }

  private mustHave(target: Pick<Target, "resource" | "namespace" | "name">): Stored {
    const stored = this.objects.get(keyOf(target));
    if (stored === undefined) throw notFound(target);
    return stored;
  }

  private log(verb: Mutation["verb"], target: Target): void {
    this.mutations.push({
      verb,
      plural: target.resource.plural,
      name: target.name,
      by: target.manager,
    });
  }

  private now(): string {
    return new Date(this.clock.unixMs()).toISOString().replace(/\.\d+Z$/, "Z");
  }
}

function keyOf(target: Pick<Target, "resource" | "namespace" | "name">): string {
  const namespace = target.resource.isNamespaced ? target.namespace : "";
  return `${target.resource.plural} ${namespace} ${target.name}`;
}

function notFound(target: Pick<Target, "resource" | "name">): StatusError {
  return new StatusError(404, "NotFound", `${target.resource.plural} "${target.name}" not found`);
}

function hasFinalizers(object: Tree): boolean {
  const { finalizers } = object["metadata"] as { finalizers?: unknown[] };
  return finalizers !== undefined && finalizers.length > 0;
}

function isOnNode({ resource, object }: Stored): boolean {
  const { nodeName } = (object["spec"] ?? {}) as { nodeName?: string };
  return resource.isGraceful === true && nodeName !== undefined;
}

function withManagedFields(object: StoredObject, owners: Owners): StoredObject {
  const managedFields = managedFieldsOf(owners, object["apiVersion"]);
  return { ...object, metadata: { ...object.metadata, managedFields } };
}
