/** The methods that are served, found by :path, and what each has counted. */
import { assert } from "../lib/assert.ts";
import type { Histogram } from "../lib/histogram.ts";
import type { Clock } from "../lib/ports.ts";
import { HandlingTime, type TimedCall } from "./handling-time.ts";
import { quote, type Refusal, statusCode } from "./status.ts";
import type { StreamHandler } from "./stream-call.ts";
import type { UnaryHandler } from "./unary-call.ts";

/** A unary method may be served as a stream too: its handler then learns that the client went away. It sends one message, and finishes. */
export type StreamKind = "unary" | "serverStream" | "clientStream" | "bidi";

export interface MethodHandlers {
  readonly kind: StreamKind;
  readonly unary?: UnaryHandler;
  readonly stream?: StreamHandler;
}

/** gRPC's codes are 0 to 16. */
const statusCodes = 17;

/** grpc_type of etcd's grpc_server_* metrics. */
const metricTypes = {
  unary: "unary",
  serverStream: "server_stream",
  clientStream: "client_stream",
  bidi: "bidi_stream",
} as const;

/** What a method has counted since the server began; `handled[code]` are calls that ended with that gRPC code. */
export interface RouteStats {
  readonly service: string;
  readonly method: string;
  readonly type: (typeof metricTypes)[keyof typeof metricTypes];
  readonly started: number;
  readonly messagesReceived: number;
  readonly messagesSent: number;
  /** Of messages as the service sees them: no prefix, not compressed. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly handled: readonly number[];
  /** How long the calls took that have ended; undefined when that is not measured. */
  readonly handlingSeconds: Histogram | undefined;
}

/** `path` is "/package.Service/Method". */
export class Route {
  readonly path: string;
  readonly service: string;
  readonly method: string;
  readonly kind: StreamKind;
  readonly unary: UnaryHandler | null;
  readonly stream: StreamHandler | null;

  /** Calls that a handler has begun. A unary one begins with its message. */
  started = 0;
  /** Messages of streaming calls. */
  streamMessagesReceived = 0;
  streamMessagesSent = 0;
  /** Bytes of messages without prefix, before compression. */
  bytesReceived = 0;
  bytesSent = 0;
  /** Begun calls that ended, by gRPC code. */
  readonly handled: Float64Array = new Float64Array(statusCodes);
  private readonly handling: HandlingTime | null;

  /** `handling` measures the calls; not given: nobody does. */
  constructor(path: string, handlers: MethodHandlers, handling?: HandlingTime) {
    const slash = path.lastIndexOf("/");
    assert(
      path.startsWith("/") && slash > 1 && slash < path.length - 1,
      "not a gRPC method path",
      path,
    );
    this.path = path;
    this.service = path.slice(1, slash);
    this.method = path.slice(slash + 1);
    this.kind = handlers.kind;
    this.unary = handlers.unary ?? null;
    this.stream = handlers.stream ?? null;
    this.handling = handling ?? null;
  }

  /** The handler begins with the call. */
  begin(call: TimedCall): void {
    this.started++;
    if (this.handling !== null) this.handling.began(call);
  }

  /** A call that had begun is answered, or will not be. */
  end(call: TimedCall, code: number): void {
    (this.handled[code] as number)++;
    if (this.handling !== null) this.handling.ended(call);
  }

  /** Counted as grpc-go's Prometheus interceptors do, on which etcd relies. */
  get stats(): RouteStats {
    const ended = this.handled.reduce((sum, count) => sum + count, 0);
    const isUnary = this.kind === "unary";
    return {
      service: this.service,
      method: this.method,
      type: metricTypes[this.kind],
      started: this.started,
      // A client's stream is read to its end, and that reading counts as one.
      messagesReceived: isUnary
        ? this.started
        : this.streamMessagesReceived + (this.kind === "serverStream" ? 0 : ended),
      // Every end of a unary call counts as an answer.
      messagesSent: isUnary ? ended : this.streamMessagesSent,
      bytesReceived: this.bytesReceived,
      bytesSent: this.bytesSent,
      handled: [...this.handled],
      handlingSeconds: this.handling?.seconds,
    };
  }
}

export class Routes {
  private readonly byPath = new Map<string, Route>();
  private readonly services = new Set<string>();
  private readonly clock: Clock | undefined;

  /** With a clock the calls of all methods are measured. */
  constructor(clock?: Clock) {
    this.clock = clock;
  }

  add(path: string, handlers: MethodHandlers): void {
    assert(!this.byPath.has(path), "method added twice", path);
    const handling = this.clock === undefined ? undefined : new HandlingTime(this.clock);
    const route = new Route(path, handlers, handling);
    this.byPath.set(path, route);
    this.services.add(route.service);
  }

  find(path: string): Route | null {
    return this.byPath.get(path) ?? null;
  }

  all(): IterableIterator<Route> {
    return this.byPath.values();
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
