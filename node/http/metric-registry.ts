/**
 * The exposition of /metrics, on prom-client. The member counts in plain numbers of its own; here they are read when a scrape comes, so that
 * nothing on the way of a request knows of Prometheus.
 */
import { Counter, Gauge, type Metric, Registry } from "prom-client";
import type { Histogram } from "../lib/histogram.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export class MetricRegistry {
  readonly registry = new Registry();

  /** prom-client's own watch of the event loop, which says "Nan" before it has seen anything; ours is etcd_ts_event_loop_delay_seconds. */
  dropEventLoopLag(): void {
    for (const { name } of this.registry.getMetricsAsArray()) {
      if (name.startsWith("nodejs_eventloop_lag")) this.registry.removeSingleMetric(name);
    }
  }

  gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect: () => {
        gauge.set(read());
      },
    });
  }

  /** `read` gives a number that never falls while the process lives. */
  counter(name: string, help: string, read: () => number): void {
    this.samples("counter", { name, help, labels: [] }, () => [{ labels: {}, value: read() }]);
  }

  samples(
    kind: "gauge" | "counter",
    about: { readonly name: string; readonly help: string; readonly labels: readonly string[] },
    read: () => Iterable<Sample>,
  ): void {
    const { name, help, labels } = about;
    const configuration = { name, help, labelNames: [...labels], registers: [this.registry] };
    if (kind === "gauge") {
      const gauge: Gauge = new Gauge({
        ...configuration,
        collect: () => {
          gauge.reset();
          for (const sample of read()) gauge.set(sample.labels, sample.value);
        },
      });
      return;
    }
    const counter: Counter = new Counter({
      ...configuration,
      collect: () => {
        counter.reset();
        for (const sample of read()) counter.inc(sample.labels, sample.value);
      },
    });
  }

  histogram(name: string, help: string, histogram: Histogram): void {
    const metric = {
      name,
      help,
      type: "histogram",
      aggregator: "sum",
      get: () =>
        Promise.resolve({
          name,
          help,
          type: "histogram",
          aggregator: "sum",
          values: valuesOf(name, histogram),
        }),
      reset: () => undefined,
    };
    this.registry.registerMetric(metric as unknown as Metric);
  }
}

/** The lines of a histogram, cumulated as Prometheus wants them. */
function valuesOf(name: string, { bounds, counts, sum, count }: Histogram): object[] {
  let below = 0;
  const buckets = bounds.map((bound, index) => {
    below += counts[index] ?? 0;
    return { labels: { le: bound }, value: below, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { labels: { le: "+Inf" }, value: count, metricName: `${name}_bucket` },
    { labels: {}, value: sum, metricName: `${name}_sum` },
    { labels: {}, value: count, metricName: `${name}_count` },
  ];
}
