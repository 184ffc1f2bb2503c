/** What members tell on /metrics, as far as a run is judged by it. */
import { get, type IncomingMessage } from "node:http";
import { get as getSecurely } from "node:https";
import { text } from "node:stream/consumers";
import { clientSide, type ServerTls } from "../support/server-process.ts";

/** Name with its labels ▸ value. */
export type Samples = ReadonlyMap<string, number>;

export async function metricsOf(target: string, tls: ServerTls | undefined): Promise<Samples> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request =
      tls === undefined
        ? get(`http://${target}/metrics`, { agent: false }, resolve)
        : getSecurely(`https://${target}/metrics`, { agent: false, ...clientSide(tls) }, resolve);
    request.once("error", reject);
  });
  return samplesOf(await text(response));
}

/** Of the text that Prometheus reads. */
export function samplesOf(exposition: string): Samples {
  const samples = new Map<string, number>();
  for (const line of exposition.split("\n")) {
    const [, name, value] = /^([^#\s]\S*(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    if (name !== undefined) samples.set(name, Number(value));
  }
  return samples;
}

/** By how much a counter has grown. */
export const grownBy = (name: string, before: Samples, after: Samples): number =>
  (after.get(name) ?? 0) - (before.get(name) ?? 0);

/**
 * The bound of the highest bucket in which a histogram has counted something between the two: no observation was larger. 0 for none, undefined for
 * a histogram that is not there.
 */
export function largestOf(name: string, before: Samples, after: Samples): number | undefined {
  const bounds = [...after.keys()]
    .map((key) => /^(.*)_bucket\{le="([^"]+)"\}$/.exec(key))
    .filter((match) => match?.[1] === name)
    .map((match) => (match?.[2] === "+Inf" ? Infinity : Number(match?.[2])))
    .sort((a, b) => a - b);
  if (bounds.length === 0) return undefined;
  const upTo = (bound: number): number => {
    const label = bound === Infinity ? "+Inf" : String(bound);
    return grownBy(`${name}_bucket{le="${label}"}`, before, after);
  };
  const all = upTo(Infinity);
  return all === 0 ? 0 : (bounds.find((bound) => upTo(bound) === all) ?? Infinity);
}
