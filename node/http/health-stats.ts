/** What health checks have found, counted for /metrics by etcd's names. */
import type { MetricRegistry, Sample } from "./metric-registry.ts";

interface CheckCount {
  readonly type: string;
  readonly name: string;
  passed: number;
  failed: number;
  hasPassedLast: boolean;
}

export class HealthStats {
  /** Answers of /health. */
  successes = 0;
  failures = 0;
  private readonly checks = new Map<string, CheckCount>();

  /** One run of one check of /livez or /readyz. */
  record(type: string, name: string, hasPassed: boolean): void {
    const key = `${type}/${name}`;
    const count = this.checks.get(key) ?? { type, name, passed: 0, failed: 0, hasPassedLast: true };
    this.checks.set(key, count);
    if (hasPassed) count.passed += 1;
    else count.failed += 1;
    count.hasPassedLast = hasPassed;
  }

  /** Of each check that has run: 1 if it passed the last time, else 0. */
  lastOutcomes(): Sample[] {
    return [...this.checks.values()].map(({ type, name, hasPassedLast }) => ({
      labels: { type, name },
      value: Number(hasPassedLast),
    }));
  }

  /** Runs of each check by outcome; outcomes that were never seen are left out, as on etcd. */
  totals(): Sample[] {
    return [...this.checks.values()].flatMap(({ type, name, passed, failed }) =>
      [
        { labels: { type, name, status: "success" }, value: passed },
        { labels: { type, name, status: "error" }, value: failed },
      ].filter(({ value }) => value > 0),
    );
  }
}

export function registerHealth(to: MetricRegistry, stats: HealthStats): void {
  to.counter("etcd_server_health_success", "Times that /health said true.", () => stats.successes);
  to.counter("etcd_server_health_failures", "Times that /health said false.", () => stats.failures);
  to.samples(
    "gauge",
    {
      name: "etcd_server_healthcheck",
      help: "Whether a check of /livez or /readyz passed the last time: 1 or 0.",
    },
    () => stats.lastOutcomes(),
  );
  to.samples(
    "counter",
    {
      name: "etcd_server_healthchecks_total",
      help: "Runs of the checks of /livez and /readyz, by outcome.",
    },
    () => stats.totals(),
  );
}
