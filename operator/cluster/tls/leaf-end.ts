/** When certificates end. */
import type { Observed } from "../observed.ts";

/** RFC 3339: when the first of the certificates in these Secrets ends; undefined where there is none. */
export function firstEndOf(
  { tls }: Pick<Observed, "tls">,
  secretNames: readonly string[],
): string | undefined {
  const pairs = secretNames.flatMap((name) => [...(tls.secrets.get(name)?.pairs.values() ?? [])]);
  const ends = pairs.flatMap((pair) => (pair.kind === "pair" ? [pair.certificate.notAfterMs] : []));
  return ends.length === 0 ? undefined : timeText(Math.min(...ends));
}

/** RFC 3339, in seconds. */
export function timeText(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.\d+Z$/, "Z");
}
