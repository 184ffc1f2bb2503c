/** The methods that are served, found by :path. */
import { assert } from "../lib/assert.ts";
import { quote, type Refusal, statusCode } from "./status.ts";
import type { UnaryHandler } from "./unary-call.ts";

/** One kind so far; server-streaming and bidirectional calls become further members of this union. */
export interface Route {
  readonly kind: "unary";
  readonly path: string;
  readonly handler: UnaryHandler;
}

export class Routes {
  private readonly byPath = new Map<string, Route>();
  private readonly services = new Set<string>();

  add(route: Route): void {
    const { path } = route;
    const slash = path.lastIndexOf("/");
    assert(
      path.startsWith("/") && slash > 1 && slash < path.length - 1,
      "not a gRPC method path",
      path,
    );
    assert(!this.byPath.has(path), "method added twice", path);
    this.byPath.set(path, route);
    this.services.add(path.slice(1, slash));
  }

  find(path: string): Route | null {
    return this.byPath.get(path) ?? null;
  }

  /** What grpc-go answers to a path that `find` does not know. */
  refuse(path: string): Refusal {
    const slash = path.lastIndexOf("/");
    const service = path.slice(1, slash);
    let text: string;
    if (!path.startsWith("/") || slash < 1) text = `malformed method name: ${quote(path)}`;
    else if (!this.services.has(service)) text = `unknown service ${service}`;
    else text = `unknown method ${path.slice(slash + 1)} for service ${service}`;
    return { httpStatus: 200, code: statusCode.unimplemented, text };
  }
}
