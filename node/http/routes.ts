/** Paths and what answers them, for the ports that serve probes and scrapers: the client port and those of --listen-metrics-urls. */
import { methodNotAllowed, type PatientAnswer, plainError } from "../lib/http-answers.ts";
import type { Member } from "../server/member.ts";
import { writeVersion } from "./answers.ts";
import { parseTarget } from "./http1.ts";
import type { Metrics } from "./metrics.ts";
import { answerScrape } from "./metrics-answer.ts";

export interface Route {
  /** Must not throw: whatever goes wrong is an answer. */
  readonly answer: (query: URLSearchParams, response: PatientAnswer) => void;
  /** Without it, methods other than GET are a 405. */
  readonly isForAnyMethod?: true;
}

/** By path, which must be the whole one. */
export type Routes = ReadonlyMap<string, Route>;

/** What routes are found by, over HTTP/1 and HTTP/2 alike. */
export interface RoutedRequest {
  readonly method: string;
  /** As it came, with the query. */
  readonly target: string;
}

/**
 * /metrics, to any method, as Prometheus' own handler in etcd. Those who ask while a text is being made get that text: a client that sends
 * thousands of requests at once, which HTTP/2 and pipelining allow, does not make the loop write thousands.
 */
export function metricsRoutes(metrics: Pick<Metrics, "text">): Routes {
  let making: ReturnType<Metrics["text"]> | undefined;
  const text = (): ReturnType<Metrics["text"]> => {
    making ??= metrics.text().finally(() => {
      making = undefined;
    });
    return making;
  };
  const write = (_query: URLSearchParams, response: PatientAnswer): void => {
    text().then(
      (scrape) => answerScrape(response, scrape),
      (error: unknown) => plainError(response, 500, String(error)),
    );
  };
  return new Map([["/metrics", { answer: write, isForAnyMethod: true }]]);
}

export function versionRoutes(member: Member): Routes {
  return new Map([["/version", { answer: (_query, response) => writeVersion(member, response) }]]);
}

/** A path that is none of these is Go's 404. */
export function serveRoute(routes: Routes, request: RoutedRequest, response: PatientAnswer): void {
  const { path, query } = parseTarget(request.target);
  const route = routes.get(path);
  if (route === undefined) plainError(response, 404, "404 page not found");
  else if (request.method !== "GET" && route.isForAnyMethod !== true) methodNotAllowed(response);
  else route.answer(query, response);
}
