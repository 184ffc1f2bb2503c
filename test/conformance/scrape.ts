/** One scrape of a member, and questions to it. */
import assert from "node:assert/strict";
import { type Family, parseExposition } from "./exposition.ts";

export type Families = ReadonlyMap<string, Family>;

/** `address` is host:port. */
export async function scrape(address: string): Promise<Families> {
  const response = await fetch(`http://${address}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  return parseExposition(await response.text());
}

/** Sum of the samples called `name` that have all these labels; 0 for none. `name` may be that of a histogram's line. */
export function sumOf(
  families: Families,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = families.get(name) ?? families.get(name.replace(/_(count|sum|bucket)$/, ""));
  const wanted = Object.entries(labels);
  let sum = 0;
  for (const sample of family?.samples ?? []) {
    const isWanted = wanted.every(([label, value]) => sample.labels.get(label) === value);
    if (sample.name === name && isWanted) sum += sample.value;
  }
  return sum;
}

/** Observations of a histogram up to `bound`, which is one of its bounds, over all labels. */
export const bucketCount = (families: Families, name: string, bound: number): number =>
  sumOf(families, `${name}_bucket`, { le: String(bound) });
