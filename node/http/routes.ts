/** Paths and what answers them, for the ports that serve probes and scrapers: the client port and those of --listen-metrics-urls. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { answer, methodNotAllowed, plainError } from "../lib/http-answers.ts";
import type { Member } from "../server/member.ts";
import { writeVersion } from "./answers.ts";
import { targetOf } from "./http1.ts";
import type { Metrics } from "./metrics.ts";

export interface Route {
  readonly answer: (query: URLSearchParams, response: ServerResponse) => void;
  /** Without it, methods other than GET are a 405. */
  readonly isForAnyMethod?: true;
}

/** By path, which must be the whole one. */
export type Routes = ReadonlyMap<string, Route>;

/** /metrics, to any method, as Prometheus' own handler in etcd. */
export function metricsRoutes(metrics: Pick<Metrics, "text">): Routes {
  const write = (_query: URLSearchParams, response: ServerResponse): void => {
    metrics.text().then(
      ({ contentType, body }) => answer(response, contentType, body),
      (error: unknown) => plainError(response, 500, String(error)),
    );
  };
  return new Map([["/metrics", { answer: write, isForAnyMethod: true }]]);
}

export function versionRoutes(member: Member): Routes {
  return new Map([["/version", { answer: (_query, response) => writeVersion(member, response) }]]);
}

/** A path that is none of these is Go's 404. */
export function serveRoute(
  routes: Routes,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { path, query } = targetOf(request);
  const route = routes.get(path);
  if (route === undefined) plainError(response, 404, "404 page not found");
  else if (request.method !== "GET" && route.isForAnyMethod !== true) methodNotAllowed(response);
  else route.answer(query, response);
}
