/**
 * The fake API server without its socket: requests in, answers and watches out, and everything that can go wrong between. Used through
 * HTTP (fake-api-server.ts) and without (direct-transport.ts).
 */
import type { Ports } from "../../operator/kernel/ports.ts";
import { evict } from "./fake-api-eviction.ts";
import { isTree, jsonPatch, mergePatch, type Tree } from "./fake-api-json.ts";
import { authorize } from "./fake-api-rights.ts";
import { FakeStore } from "./fake-api-store.ts";
import {
  type FakeResource,
  type Mutation,
  StatusError,
  type StoredObject,
  type Target,
} from "./fake-api-types.ts";
import { FakeWatch, fieldSelects, labelSelects, type Sink } from "./fake-api-watch.ts";

export interface FakeRequest {
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly contentType: string;
  readonly userAgent: string;
  readonly body: string;
}

/** What happens to a request that matches. "before" and "after" say whether it took effect. */
export type FaultAction =
  | {
      readonly kind: "status";
      readonly code: number;
      readonly reason?: string;
      readonly retryAfterSeconds?: number;
    }
  | { readonly kind: "slow"; readonly beforeMs: number; readonly afterMs: number }
  | { readonly kind: "hang"; readonly effect: "before" | "after" }
  | { readonly kind: "break"; readonly effect: "before" | "after" };

export interface Fault {
  readonly matches: (request: FakeRequest) => boolean;
  readonly action: FaultAction;
  /** How many requests it meets. */
  count: number;
}

interface Route extends Target {
  readonly query: URLSearchParams;
  readonly allNamespaces: boolean;
}

interface PendingPage {
  readonly version: number;
  readonly rest: readonly StoredObject[];
}

export class FakeApi {
  readonly store: FakeStore;
  readonly faults: Fault[] = [];
  /** Every request that arrived, "GET /path". */
  readonly requests: string[] = [];
  /** Called after each mutation that took effect; "break" lets the client see a broken connection instead of the answer. */
  afterMutation: (mutation: Mutation, count: number) => "answer" | "break" = () => "answer";
  /** Called when a request has arrived, before anything is done with it. */
  onRequest: (request: FakeRequest) => void = () => undefined;
  /** What the one who asks may do, as in test/chart/access-rules.ts. Everything where it is left out. */
  rights: ReadonlySet<string> | undefined;
  private readonly ports: Pick<Ports, "clock" | "timers">;
  private readonly resources: readonly FakeResource[];
  private readonly watches = new Set<FakeWatch>();
  private readonly pages = new Map<string, PendingPage>();
  private tokenCount = 0;

  constructor(ports: Pick<Ports, "clock" | "timers">, resources: readonly FakeResource[]) {
    this.ports = ports;
    this.resources = resources;
    this.store = new FakeStore(ports.clock);
  }

  /** RFC 3339, in seconds. */
  now(): string {
    return new Date(this.ports.clock.unixMs()).toISOString().replace(/\.\d+Z$/, "Z");
  }

  get watchCount(): number {
    return this.watches.size;
  }

  fail(action: FaultAction, matches: Fault["matches"] = () => true, count = 1): Fault {
    const fault = { action, matches, count };
    this.faults.push(fault);
    return fault;
  }

  /** Does something to every open watch. */
  eachWatch(action: (watch: FakeWatch) => void): void {
    for (const watch of [...this.watches]) {
      action(watch);
    }
  }

  sendBookmarks(): void {
    this.eachWatch((watch) => watch.bookmark());
  }

  closeWatches(how: "end" | "break"): void {
    this.eachWatch((watch) => watch.close(how));
    this.watches.clear();
  }

  /** Compacts, and tells the open watches that they are too old. */
  expire(): void {
    this.store.compact();
    this.pages.clear();
    this.eachWatch((watch) => watch.error(expired().status));
    this.watches.clear();
  }

  /** Gives back what to call when the client goes away. */
  serve(request: FakeRequest, sink: Sink): () => void {
    this.requests.push(`${request.method} ${request.path}`);
    this.onRequest(request);
    let hasLeft = false;
    let leave = (): void => undefined;
    const guarded = (run: () => void) => () => {
      if (!hasLeft) run();
    };
    const fault = this.faults.find((entry) => entry.count > 0 && entry.matches(request));
    if (fault !== undefined) fault.count -= 1;
    const action = fault?.action;
    if (action?.kind === "slow") {
      // What arrived is carried out even if the client leaves.
      this.ports.timers.after(action.beforeMs, () => {
        const answers = this.buffered((late) => {
          leave = this.handle(request, late);
        });
        if (hasLeft) leave();
        this.ports.timers.after(
          action.afterMs,
          guarded(() => answers(sink)),
        );
      });
    } else if (action?.kind === "status") {
      refuse(sink, injected(action), action.retryAfterSeconds);
    } else if (action?.kind === "hang" || action?.kind === "break") {
      if (action.effect === "after") {
        this.buffered((late) => {
          leave = this.handle(request, late);
        });
      }
      if (action.kind === "break") {
        leave();
        sink.break();
      }
    } else {
      leave = this.handle(request, sink);
    }
    return () => {
      hasLeft = true;
      leave();
    };
  }

  /** Runs with a sink that keeps what comes until the given function passes it on. */
  private buffered(run: (sink: Sink) => void): (to: Sink) => void {
    const kept: ((sink: Sink) => void)[] = [];
    let target: Sink | undefined;
    const pass = (call: (sink: Sink) => void): void => {
      if (target === undefined) kept.push(call);
      else call(target);
    };
    run({
      head: (status, headers) => pass((sink) => sink.head(status, headers)),
      chunk: (text) => pass((sink) => sink.chunk(text)),
      end: () => pass((sink) => sink.end()),
      break: () => pass((sink) => sink.break()),
    });
    return (to) => {
      target = to;
      for (const call of kept) call(to);
    };
  }

  private handle(request: FakeRequest, sink: Sink): () => void {
    const mutationCount = this.store.mutations.length;
    try {
      const route = this.route(request);
      const isWatch = route.query.get("watch") === "true";
      if (this.rights !== undefined) {
        const { method, contentType } = request;
        const isApply = contentType === "application/apply-patch+yaml";
        const isThere = this.store.has(route);
        authorize(this.rights, route, { method, isApply, isWatch, isThere });
      }
      const isCollection = route.name === "";
      if (request.method === "GET" && isCollection && isWatch) {
        return this.watch(route, sink);
      }
      const answer =
        request.method === "GET" && isCollection ? this.list(route) : this.act(request, route);
      const isBroken = this.hasMutated(mutationCount) === "break";
      if (isBroken) sink.break();
      else reply(sink, request.method === "POST" ? 201 : 200, answer);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      refuse(sink, error);
    }
    return () => undefined;
  }

  private hasMutated(before: number): "answer" | "break" {
    const mutation = this.store.mutations[before];
    if (mutation === undefined) return "answer";
    return this.afterMutation(mutation, this.store.mutations.length);
  }

  private route(request: FakeRequest): Route {
    const url = new URL(request.path, "http://fake");
    const match =
      /^\/(?:api|apis\/([^/]+))\/([^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/(status|eviction))?$/.exec(
        url.pathname,
      );
    const [, group = "", version, namespace, plural, name = "", subresource = ""] = match ?? [];
    const resource = this.resources.find(
      (known) => known.group === group && known.version === version && known.plural === plural,
    );
    const isEviction = subresource === "eviction" && plural === "pods";
    if (resource === undefined || (subresource !== "" && !resource.hasStatus && !isEviction)) {
      throw new StatusError(404, "NotFound", "the server could not find the requested resource");
    }
    return {
      resource,
      namespace: namespace === undefined ? "" : decodeURIComponent(namespace),
      allNamespaces: namespace === undefined,
      name: decodeURIComponent(name),
      subresource,
      manager: url.searchParams.get("fieldManager") ?? managerOf(request.userAgent),
      query: url.searchParams,
    };
  }

  private act(request: FakeRequest, route: Route): unknown {
    const { store } = this;
    const body = request.body === "" ? {} : (JSON.parse(request.body) as Tree);
    switch (request.method) {
      case "GET":
        return store.get(route);
      case "POST": {
        if (route.subresource !== "eviction") return store.create(route, body);
        const isBudget = ({ plural }: FakeResource): boolean => plural === "poddisruptionbudgets";
        return evict(store, route, body, this.resources.find(isBudget));
      }
      case "PUT":
        return store.update(route, body, "update");
      case "PATCH":
        return this.patch(request, route, body);
      case "DELETE": {
        const preconditions = isTree(body["preconditions"]) ? body["preconditions"] : {};
        const left = store.delete(route, preconditions, body["gracePeriodSeconds"] === 0);
        return left ?? { kind: "Status", apiVersion: "v1", status: "Success" };
      }
      default:
        throw new StatusError(405, "MethodNotAllowed", "the server does not allow this method");
    }
  }

  private patch(request: FakeRequest, route: Route, body: Tree): unknown {
    const { store } = this;
    switch (request.contentType) {
      case "application/apply-patch+yaml":
        if (route.query.get("fieldManager") === null) {
          throw new StatusError(400, "BadRequest", "fieldManager is required for apply patch");
        }
        if (body["apiVersion"] === undefined || body["kind"] === undefined) {
          throw new StatusError(400, "BadRequest", "apiVersion and kind are required");
        }
        return store.apply(route, body, route.query.get("force") === "true");
      case "application/merge-patch+json":
        return store.update(route, mergePatch(store.get(route), body) as Tree, "patch");
      case "application/json-patch+json": {
        const patched = jsonPatch(store.get(route), body as unknown as []);
        if (patched === undefined) {
          throw new StatusError(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request",
          );
        }
        return store.update(route, patched, "patch");
      }
      default:
        throw new StatusError(
          415,
          "UnsupportedMediaType",
          "the body of the request was in an unknown format",
        );
    }
  }

  private selects(route: Route): (object: StoredObject) => boolean {
    const labels = route.query.get("labelSelector");
    const fields = route.query.get("fieldSelector");
    return (object) => labelSelects(labels, object) && fieldSelects(fields, object);
  }

  private list(route: Route): unknown {
    const token = route.query.get("continue");
    const limit = Number(route.query.get("limit") ?? "0");
    let page: PendingPage;
    if (token === null) {
      const namespace = route.allNamespaces ? undefined : route.namespace;
      const rest = this.store.list(route.resource, namespace, this.selects(route));
      page = { version: this.store.version, rest };
    } else {
      const known = this.pages.get(token);
      if (known === undefined || known.version < this.store.compactedVersion) throw expired();
      page = known;
    }
    const items = limit > 0 ? page.rest.slice(0, limit) : page.rest;
    const rest = page.rest.slice(items.length);
    const metadata: Tree = { resourceVersion: String(page.version) };
    if (rest.length > 0) {
      this.tokenCount += 1;
      metadata["continue"] = `token-${this.tokenCount}`;
      this.pages.set(`token-${this.tokenCount}`, { version: page.version, rest });
    }
    // As the real one does, items come without apiVersion and kind.
    const bare = items.map((item) => ({ ...item, apiVersion: undefined, kind: undefined }));
    return { kind: `${route.resource.kind}List`, apiVersion: "v1", metadata, items: bare };
  }

  private watch(route: Route, sink: Sink): () => void {
    const text = route.query.get("resourceVersion") ?? "";
    const from = text === "" || text === "0" ? undefined : Number(text);
    const namespace = route.allNamespaces ? undefined : route.namespace;
    const selection = { resource: route.resource, namespace, selects: this.selects(route) };
    const watch = new FakeWatch(this.store, selection, sink);
    if (from !== undefined && from < this.store.compactedVersion) {
      // The watch cache answers so: 200, and the error as the first event.
      sink.head(200, { "content-type": "application/json" });
      watch.error(expired().status);
      return () => undefined;
    }
    this.watches.add(watch);
    watch.start(from);
    const seconds = Number(route.query.get("timeoutSeconds") ?? "3600");
    const timer = this.ports.timers.after(seconds * 1000, () => {
      if (this.watches.delete(watch)) watch.close("end");
    });
    return () => {
      timer.cancel();
      watch.stop();
      this.watches.delete(watch);
    };
  }
}

/** Who says no fieldManager is known by the program's name. */
function managerOf(userAgent: string): string {
  return userAgent.split("/")[0] ?? "";
}

function expired(): StatusError {
  return new StatusError(410, "Expired", "The resourceVersion for the provided watch is too old.");
}

function injected(action: { readonly code: number; readonly reason?: string }): StatusError {
  return new StatusError(action.code, action.reason ?? "", "injected by the test");
}

function reply(sink: Sink, status: number, body: unknown): void {
  sink.head(status, { "content-type": "application/json" });
  sink.chunk(JSON.stringify(body));
  sink.end();
}

function refuse(sink: Sink, error: StatusError, retryAfterSeconds?: number): void {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (retryAfterSeconds !== undefined) headers["retry-after"] = String(retryAfterSeconds);
  sink.head(error.code, headers);
  sink.chunk(JSON.stringify(error.status));
  sink.end();
}
