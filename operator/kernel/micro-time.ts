/** Kubernetes' MicroTime: exactly six digits behind the dot. With the three of a Date the API server answers 400. */

export function microTime(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/Z$/, "000Z");
}
