/**
 * The families of /metrics and where their numbers come from. The member counts in plain numbers of its own; here they are read when a scrape
 * comes, so that nothing on the way of a request knows of Prometheus. How the lines are written is metric-text.ts.
 */
import { assert } from "../lib/assert.ts";
import type { Histogram } from "../lib/histogram.ts";
import { type Labels, lineOfSample, linesOfHistogram, writeText } from "./metric-text.ts";

export type { Labels };

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface LabelledHistogram {
  readonly labels: Labels;
  readonly histogram: Histogram;
}

export interface FamilyNames {
  readonly name: string;
  readonly help: string;
}

export interface Family extends FamilyNames {
  readonly type: "counter" | "gauge" | "histogram";
  /** The family as it is now, without its head; each element is of one moment, and ends with a newline. */
  lines(): Iterable<string>;
}

export class MetricRegistry {
  private readonly byName = new Map<string, Family>();

  /** In the order of their names. */
  families(): readonly Family[] {
    return [...this.byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The whole of it, in Prometheus' text format. */
  text(): Promise<string> {
    return writeText(this.families());
  }

  gauge(name: string, help: string, read: () => number): void {
    this.add({ name, help, type: "gauge", lines: () => [lineOfSample(name, {}, read())] });
  }

  /** `read` gives a number that never falls while the process lives. */
  counter(name: string, help: string, read: () => number): void {
    this.add({ name, help, type: "counter", lines: () => [lineOfSample(name, {}, read())] });
  }

  /** All samples have the same labels. What `read` gives is gone through in several turns: it must not change meanwhile. */
  samples(type: "gauge" | "counter", about: FamilyNames, read: () => Iterable<Sample>): void {
    const { name } = about;
    const lines = function* (): Generator<string> {
      for (const { labels, value } of read()) yield lineOfSample(name, labels, value);
    };
    this.add({ ...about, type, lines });
  }

  histogram(name: string, help: string, histogram: Histogram): void {
    this.histograms({ name, help }, () => [{ labels: {}, histogram }]);
  }

  /** One for each set of labels. */
  histograms(about: FamilyNames, read: () => Iterable<LabelledHistogram>): void {
    const { name } = about;
    const lines = function* (): Generator<string> {
      for (const { labels, histogram } of read()) yield linesOfHistogram(name, labels, histogram);
    };
    this.add({ ...about, type: "histogram", lines });
  }

  add(family: Family): void {
    assert(!this.byName.has(family.name), "a metric family twice", family.name);
    this.byName.set(family.name, family);
  }
}
