/**
 * Prometheus' text format 0.0.4, written in slices: a member with many methods and peers has thousands of lines, and who waits for an answer or a
 * heartbeat must not wait for a scrape. (prom-client writes all of it in one go, at 2 µs a line; it serves what it knows of Node.js,
 * metrics-process.ts.)
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Histogram } from "../lib/histogram.ts";
import type { Family } from "./metric-registry.ts";

export type Labels = Readonly<Record<string, string>>;

/** Characters of one turn of the event loop: well below a millisecond. */
const sliceChars = 32 * 1024;

/** The whole text. Numbers are read as its place in it is reached; those of one line, or of one histogram, belong together. */
export async function writeText(families: readonly Family[]): Promise<string> {
  const slices: string[] = [];
  let slice = "";
  for (const family of families) {
    const { name, help, type } = family;
    // A family without a line is not there, as on etcd.
    let head = `# HELP ${name} ${escapedHelp(help)}\n# TYPE ${name} ${type}\n`;
    for (const line of family.lines()) {
      slice += head + line;
      head = "";
      if (slice.length < sliceChars) continue;
      slices.push(slice);
      slice = "";
      await nextTurn();
    }
  }
  slices.push(slice);
  return slices.join("");
}

export function lineOfSample(name: string, labels: Labels, value: number): string {
  return `${name}${inBraces(textOfLabels(labels))} ${textOfNumber(value)}\n`;
}

/** Buckets cumulated as Prometheus wants them, sum and count. */
export function linesOfHistogram(name: string, labels: Labels, histogram: Histogram): string {
  const { bounds, counts, sum, count } = histogram;
  const own = textOfLabels(labels);
  const others = own === "" ? "" : `${own},`;
  let below = 0;
  let text = "";
  for (let index = 0; index < bounds.length; index++) {
    below += counts[index] ?? 0;
    text += `${name}_bucket{${others}le="${textOfNumber(bounds[index] ?? NaN)}"} ${below}\n`;
  }
  const braced = inBraces(own);
  return (
    `${text}${name}_bucket{${others}le="+Inf"} ${count}\n` +
    `${name}_sum${braced} ${textOfNumber(sum)}\n${name}_count${braced} ${count}\n`
  );
}

function textOfLabels(labels: Labels): string {
  let text = "";
  for (const name in labels) {
    text += `${text === "" ? "" : ","}${name}="${escapedLabel(labels[name] ?? "")}"`;
  }
  return text;
}

const inBraces = (labels: string): string => (labels === "" ? "" : `{${labels}}`);

function textOfNumber(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}

const escapedHelp = (text: string): string => text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n");
const escapedLabel = (text: string): string =>
  /[\\\n"]/.test(text) ? escapedHelp(text).replace(/"/g, '\\"') : text;
