/**
 * The verbs of the Kubernetes API on raw JSON: what the server sent is what the caller gets, and what the caller gives is what the
 * server gets. Every failure is an ApiError; a guard (see withGuard) refuses mutations outside of the leader's term.
 */
import { ApiError } from "./api-error.ts";
import {
  type CallOptions,
  Exchange,
  type ExchangeOptions,
  type MutationGuard,
} from "./exchange.ts";
import {
  apiVersionOf,
  isStoredObject,
  type KubernetesObject,
  type ObjectRef,
  pathOf,
  type ResourceType,
} from "./resource.ts";
import { type WatchEvent, watchEvents } from "./watch-events.ts";

export interface ListOptions {
  /** Undefined lists all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continueToken?: string | undefined;
}

export interface ListPage {
  readonly items: readonly KubernetesObject[];
  /** Of the whole list, the same on each of its pages. */
  readonly resourceVersion: string;
  /** "" on the last page. */
  readonly continueToken: string;
}

export interface WatchOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly resourceVersion: string;
  /** After this the server ends the watch by itself. */
  readonly timeoutSeconds: number;
}

export interface WriteOptions extends CallOptions {
  readonly subresource?: string | undefined;
  readonly isDryRun?: boolean | undefined;
}

export interface PatchOptions extends WriteOptions {
  /** "merge" is RFC 7386 (`null` removes; put metadata.resourceVersion into it for optimism), "json" is RFC 6902. */
  readonly type: "merge" | "json";
  readonly fieldManager?: string | undefined;
}

export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  /** Takes fields away from other managers instead of failing with "Conflict". */
  readonly isForced?: boolean | undefined;
}

export interface DeleteOptions extends CallOptions {
  /** Only this very object, never a later one of the same name. */
  readonly uid?: string | undefined;
  /** Only if nothing changed since. */
  readonly resourceVersion?: string | undefined;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan" | undefined;
  readonly gracePeriodSeconds?: number | undefined;
}

const patchContentType = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
};

export class ApiClient {
  private readonly exchange: Exchange;

  constructor(options: ExchangeOptions) {
    this.exchange = new Exchange(options);
  }

  /** The same client, whose mutations ask `guard` first: before the call, and again when the connection stands. */
  withGuard(guard: MutationGuard): ApiClient {
    return new ApiClient({ ...this.exchange.options, guard });
  }

  async get(
    resource: ResourceType,
    ref: ObjectRef,
    call: CallOptions = {},
  ): Promise<KubernetesObject> {
    return objectOf(await this.exchange.json({ method: "GET", path: pathOf(resource, ref) }, call));
  }

  /** The object, or undefined when there is none. */
  async find(
    resource: ResourceType,
    ref: ObjectRef,
    call: CallOptions = {},
  ): Promise<KubernetesObject | undefined> {
    try {
      return await this.get(resource, ref, call);
    } catch (error) {
      if (error instanceof ApiError && error.kind === "NotFound") return undefined;
      throw error;
    }
  }

  /** One page, read from the store by quorum: never older than what the caller has seen. Fails with "Expired" for an old token. */
  async list(
    resource: ResourceType,
    options: ListOptions,
    call: CallOptions = {},
  ): Promise<ListPage> {
    const { namespace, labelSelector, fieldSelector, limit, continueToken } = options;
    const query = { labelSelector, fieldSelector, limit, continue: continueToken };
    const path = pathOf(resource, { namespace });
    return pageOf(resource, await this.exchange.json({ method: "GET", path, query }, call));
  }

  /** Events after a resourceVersion, bookmarks included, until the server ends it or `signal` does. */
  async watch(
    resource: ResourceType,
    options: WatchOptions,
    signal: AbortSignal,
  ): Promise<AsyncIterable<WatchEvent>> {
    const { namespace, ...rest } = options;
    const query = { watch: true, allowWatchBookmarks: true, ...rest };
    const path = pathOf(resource, { namespace });
    return watchEvents(await this.exchange.stream({ method: "GET", path, query }, signal));
  }

  async create(
    resource: ResourceType,
    object: KubernetesObject | Record<string, unknown>,
    options: WriteOptions & { readonly namespace?: string | undefined } = {},
  ): Promise<KubernetesObject> {
    const { namespace } = (object as KubernetesObject).metadata;
    const path = pathOf(resource, { namespace: options.namespace ?? namespace });
    const query = { dryRun: dryRunOf(options) };
    return objectOf(
      await this.exchange.json({ method: "POST", path, query, body: object }, options),
    );
  }

  /** Replaces the whole object; its metadata.resourceVersion must still be the stored one, or it fails with "Conflict". */
  async replace(
    resource: ResourceType,
    object: KubernetesObject,
    options: WriteOptions = {},
  ): Promise<KubernetesObject> {
    const path = pathOf(resource, { ...refIn(object), subresource: options.subresource });
    const query = { dryRun: dryRunOf(options) };
    return objectOf(
      await this.exchange.json({ method: "PUT", path, query, body: object }, options),
    );
  }

  async patch(
    resource: ResourceType,
    ref: ObjectRef,
    body: unknown,
    options: PatchOptions,
  ): Promise<KubernetesObject> {
    const path = pathOf(resource, { ...ref, subresource: options.subresource });
    const query = { fieldManager: options.fieldManager, dryRun: dryRunOf(options) };
    const contentType = patchContentType[options.type];
    return objectOf(
      await this.exchange.json({ method: "PATCH", path, query, body, contentType }, options),
    );
  }

  /**
   * Server-side apply: creates the object or makes the given fields hold, and drops fields that this manager applied before and gives no
   * more. Repeating it is harmless. `object` may lack apiVersion and kind.
   */
  async apply(
    resource: ResourceType,
    object: KubernetesObject,
    options: ApplyOptions,
  ): Promise<KubernetesObject> {
    const path = pathOf(resource, { ...refIn(object), subresource: options.subresource });
    const query = {
      fieldManager: options.fieldManager,
      force: options.isForced === true ? true : undefined,
      dryRun: dryRunOf(options),
    };
    const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
    const contentType = "application/apply-patch+yaml";
    return objectOf(
      await this.exchange.json({ method: "PATCH", path, query, body, contentType }, options),
    );
  }

  /** Asks for deletion; with finalizers the object lives on until they are gone. Fails with "Conflict" when a precondition does not hold. */
  async delete(resource: ResourceType, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, propagationPolicy, gracePeriodSeconds } = options;
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions:
        uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion },
      propagationPolicy,
      gracePeriodSeconds,
    };
    await this.exchange.json({ method: "DELETE", path: pathOf(resource, ref), body }, options);
  }

  /**
   * Asks for the deletion of a Pod by way of the PodDisruptionBudgets (policy/v1 Eviction). Fails with "TooManyRequests" while they do not let it go, and
   * with "ServerError" where more than one budget is about it.
   */
  async evict(resource: ResourceType, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, gracePeriodSeconds } = options;
    const body = {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name: ref.name, namespace: ref.namespace },
      deleteOptions: { preconditions: { uid, resourceVersion }, gracePeriodSeconds },
    };
    const path = pathOf(resource, { ...ref, subresource: "eviction" });
    await this.exchange.json({ method: "POST", path, body }, options);
  }
}

function refIn(object: KubernetesObject): ObjectRef {
  return { namespace: object.metadata.namespace, name: object.metadata.name };
}

function dryRunOf(options: WriteOptions): "All" | undefined {
  return options.isDryRun === true ? "All" : undefined;
}

function objectOf(answer: unknown): KubernetesObject {
  if (isStoredObject(answer)) return answer;
  throw new ApiError({ kind: "Unanswered", message: "the answer is no Kubernetes object" });
}

function pageOf(resource: ResourceType, answer: unknown): ListPage {
  const list = answer as {
    readonly items?: readonly unknown[] | null;
    readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  } | null;
  const version = list?.metadata?.resourceVersion;
  const items = list?.items ?? [];
  if (version === undefined || !items.every(isStoredObject)) {
    throw new ApiError({ kind: "Unanswered", message: "the answer is no list of objects" });
  }
  const typeMeta = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  return {
    // Items of the built-in kinds come without the two fields.
    items: items.map((item) => ({ ...typeMeta, ...item })),
    resourceVersion: version,
    continueToken: list?.metadata?.continue ?? "",
  };
}
