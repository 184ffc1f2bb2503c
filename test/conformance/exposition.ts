/**
 * A strict reader of Prometheus' text format 0.0.4, for what a member exposes: it takes less than a scraper does, so that whatever it takes every
 * scraper takes too.
 */
import assert from "node:assert/strict";

type FamilyType = "counter" | "gauge" | "histogram" | "summary" | "untyped";

interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: FamilyType;
  readonly samples: readonly Sample[];
}

const suffixes: Readonly<Record<FamilyType, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  untyped: [""],
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"],
};

/** Families by name. Throws an AssertionError that names the line. */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  assert.ok(text.endsWith("\n"), "the last line has no end");
  const families = new Map<string, Family & { readonly samples: Sample[] }>();
  const seen = new Set<string>();
  let helped: string | undefined;
  let family: (Family & { readonly samples: Sample[] }) | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const [mark, keyword, name = "", rest = ""] = line.split(" ");
    if (line === "") continue;
    if (mark !== "#") {
      assert.ok(family !== undefined, `a sample before its family: ${line}`);
      const sample = parseSample(line);
      const { name: of, type } = family;
      const isOfFamily = suffixes[type].some((suffix) => of + suffix === sample.name);
      assert.ok(isOfFamily, `a sample among those of ${of}: ${line}`);
      const key = line.slice(0, line.lastIndexOf(" "));
      assert.ok(!seen.has(key), `twice: ${key}`);
      seen.add(key);
      family.samples.push(sample);
    } else if (keyword === "HELP") {
      assert.ok(!families.has(name), `HELP twice: ${name}`);
      helped = name;
    } else {
      assert.equal(keyword, "TYPE", line);
      assert.equal(name, helped, `TYPE without HELP before it: ${name}`);
      assert.ok(!families.has(name), `TYPE twice: ${name}`);
      assert.ok(Object.hasOwn(suffixes, rest), line);
      family = { name, type: rest as FamilyType, samples: [] };
      families.set(name, family);
    }
  }
  for (const one of families.values()) check(one);
  return families;
}

function parseSample(line: string): Sample {
  const match =
    /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(line);
  assert.ok(match !== null, `no sample: ${line}`);
  const [, name = "", inner = "", number = ""] = match;
  const labels = new Map<string, string>();
  let at = 0;
  while (at < inner.length) {
    const label = /^([a-zA-Z_]\w*)="((?:[^"\\]|\\[\\"n])*)"(?:,(?=.)|$)/.exec(inner.slice(at));
    assert.ok(label !== null, `no label at ${at}: ${line}`);
    const [whole, key = "", value = ""] = label;
    assert.ok(!labels.has(key), `a label twice: ${line}`);
    labels.set(key, value);
    at += whole.length;
  }
  return { name, labels, value: Number(number.replace("Inf", "Infinity")) };
}

/** Names of a family's labels, in order of the alphabet; undefined while it has no sample. */
export function labelNames({ samples, type }: Family): readonly string[] | undefined {
  const [first] = samples;
  if (first === undefined) return undefined;
  const own = type === "histogram" ? "le" : type === "summary" ? "quantile" : undefined;
  return [...first.labels.keys()].filter((name) => name !== own).sort();
}

/** Upper bounds of a histogram's buckets, +Inf among them. */
export function boundsOf({ name, samples }: Family): readonly number[] {
  const [first] = series(samples, `${name}_bucket`).values();
  return (first ?? []).map(boundOf);
}

const boundOf = ({ labels }: Sample): number => {
  const le = labels.get("le");
  assert.ok(le !== undefined, "a bucket without a bound");
  return Number(le.replace("Inf", "Infinity"));
};

/** Samples of one name by their labels without the histogram's own. */
function series(samples: readonly Sample[], name: string): Map<string, Sample[]> {
  const found = new Map<string, Sample[]>();
  for (const sample of samples) {
    if (sample.name !== name) continue;
    const key = JSON.stringify([...sample.labels].filter(([label]) => label !== "le").sort());
    found.set(key, [...(found.get(key) ?? []), sample]);
  }
  return found;
}

function check(family: Family): void {
  const { name, type, samples } = family;
  const [first] = samples;
  for (const { labels } of type === "histogram" || type === "summary" ? [] : samples) {
    const names = [...labels.keys()].sort();
    assert.deepEqual(names, [...(first?.labels.keys() ?? [])].sort(), `labels of ${name}`);
  }
  if (type === "counter")
    for (const { value } of samples) assert.ok(value >= 0, `${name} is ${value}`);
  if (type === "histogram") checkHistogram(family);
}

function checkHistogram({ name, samples }: Family): void {
  const buckets = series(samples, `${name}_bucket`);
  const counts = series(samples, `${name}_count`);
  const sums = series(samples, `${name}_sum`);
  assert.deepEqual([...counts.keys()], [...buckets.keys()], `counts of ${name}`);
  assert.deepEqual([...sums.keys()], [...buckets.keys()], `sums of ${name}`);
  for (const [labels, list] of buckets) {
    const bounds = list.map(boundOf);
    assert.deepEqual(
      bounds,
      bounds.toSorted((a, b) => a - b),
      `bounds of ${name} grow`,
    );
    assert.equal(bounds.at(-1), Infinity, `the last bucket of ${name}`);
    let below = 0;
    for (const { value } of list) {
      assert.ok(value >= below, `buckets of ${name} cumulate`);
      below = value;
    }
    assert.equal(counts.get(labels)?.[0]?.value, below, `count of ${name}`);
  }
}
