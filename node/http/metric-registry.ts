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
    this.histograms({ name, help }, () => [{ labels: {}, histogram }]);
  }

  /** One for each set of labels. */
  histograms(
    about: { readonly name: string; readonly help: string },
    read: () => Iterable<{ readonly labels: Labels; readonly histogram: Histogram }>,
  ): void {
    const shape = { ...about, type: "histogram", aggregator: "sum" };
    const values = (): object[] =>
      [...read()].flatMap(({ labels, histogram }) => valuesOf(about.name, labels, histogram));
    const metric = {
      ...shape,
      get: () => Promise.resolve({ ...shape, values: values() }),
      reset: () => undefined,
    };
    this.registry.registerMetric(metric as unknown as Metric);
  }
}

/** The lines of a histogram, cumulated as Prometheus wants them. */
function valuesOf(name: string, labels: Labels, histogram: Histogram): object[] {
  const { bounds, counts, sum, count } = histogram;
  let below = 0;
  const buckets = bounds.map((bound, index) => {
    below += counts[index] ?? 0;
    return { labels: { ...labels, le: bound }, value: below, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { labels: { ...labels, le: "+Inf" }, value: count, metricName: `${name}_bucket` },
    { labels, value: sum, metricName: `${name}_sum` },
    { labels, value: count, metricName: `${name}_count` },
  ];
}
