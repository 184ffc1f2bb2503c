/**
 * /health, /livez and /readyz in etcd's words (3.7.1: server/etcdserver/api/etcdhttp/health.go). The two newer ones run named checks, each also
 * under a path of its own; `?exclude=` leaves checks out and may name some that do not exist, `?verbose` lists what passed.
 */
import { type AnswerTo, plainAnswer, plainError } from "../lib/http-answers.ts";
import type { Logger } from "../lib/ports.ts";
import {
  type CheckedMember,
  type CheckType,
  type HealthCheck,
  healthChecks,
  healthReason,
} from "./health-checks.ts";
import type { HealthStats } from "./health-stats.ts";
import type { Route, Routes } from "./routes.ts";

export interface HealthOptions {
  readonly member: CheckedMember;
  readonly stats: HealthStats;
  readonly logger: Logger;
}

const checkTypes: readonly CheckType[] = ["livez", "readyz"];

export class Health {
  readonly routes: Routes;
  /** Set while the client port is up: no member is ready without it. */
  servesClients = false;
  private readonly options: HealthOptions;

  constructor(options: HealthOptions) {
    this.options = options;
    this.routes = new Map<string, Route>([
      ["/health", { answer: (query, response) => void this.answerHealth(query, response) }],
      ...checkTypes.flatMap((type) => this.routesOf(type)),
    ]);
  }

  private routesOf(type: CheckType): [string, Route][] {
    const all = healthChecks[type];
    const root = (query: URLSearchParams, response: AnswerTo): void => {
      const checks = this.filtered(all, query);
      void this.answerChecks({ type, path: `/${type}`, checks }, query, response);
    };
    return [
      [`/${type}`, { answer: root }],
      ...all.map((check): [string, Route] => {
        const path = `/${type}/${check.name}`;
        const one = (query: URLSearchParams, response: AnswerTo): void => {
          void this.answerChecks({ type, path, checks: [check] }, query, response);
        };
        return [path, { answer: one }];
      }),
    ];
  }

  private async answerHealth(query: URLSearchParams, response: AnswerTo): Promise<void> {
    const { member, stats, logger } = this.options;
    const isSerializable = query.get("serializable") === "true";
    const reason = await healthReason(member, excludedBy(query), isSerializable);
    const body = JSON.stringify({ health: reason === "" ? "true" : "false", reason });
    if (reason === "") {
      stats.successes += 1;
      plainAnswer(response, body);
    } else {
      stats.failures += 1;
      logger.warn("/health error", { output: body, "status-code": 503 });
      plainError(response, 503, body);
    }
  }

  /** Runs the checks at the same time, and lists them in their order. */
  private async answerChecks(
    asked: {
      readonly type: CheckType;
      readonly path: string;
      readonly checks: readonly HealthCheck[];
    },
    query: URLSearchParams,
    response: AnswerTo,
  ): Promise<void> {
    const { member, stats, logger } = this.options;
    const { type, path, checks } = asked;
    const state = { member, servesClients: this.servesClients };
    const outcomes = await Promise.all(checks.map((check) => check.run(state)));
    const lines = checks.map(({ name }, at) => {
      const outcome = outcomes[at] ?? "";
      stats.record(type, name, outcome === "");
      return outcome === "" ? `[+]${name} ok\n` : `[-]${name} failed: ${outcome}\n`;
    });
    const report = lines.join("");
    if (outcomes.every((outcome) => outcome === "")) {
      response.setHeader("X-Content-Type-Options", "nosniff");
      plainAnswer(response, `${query.has("verbose") ? report : ""}ok\n`);
    } else {
      logger.error("Health check error", { path, reason: report, "status-code": 503 });
      plainError(response, 503, report);
    }
  }

  /** Excluding a check that does not exist fails nothing: probes are written for several versions. */
  private filtered(all: readonly HealthCheck[], query: URLSearchParams): readonly HealthCheck[] {
    const excluded = excludedBy(query);
    const unknown = [...excluded].filter((name) => !all.some((check) => check.name === name));
    if (unknown.length > 0) {
      this.options.logger.warn("some health checks cannot be excluded", {
        "missing-health-checks": unknown.map((name) => JSON.stringify(name)).join(),
      });
    }
    return all.filter(({ name }) => !excluded.has(name));
  }
}

const excludedBy = (query: URLSearchParams): ReadonlySet<string> =>
  new Set(query.getAll("exclude").filter((name) => name !== ""));
